import Testing

@testable import Protean

@Suite struct EmbeddingTests {
    /// The row of the table for every index.
    private static func reference(_ indices: [Int], _ table: Tensor) -> [Double] {
        let (values, depth) = (table.elements, table.shape[1])
        return indices.flatMap { values[$0 * depth..<($0 + 1) * depth].map(Double.init) }
    }

    /// The last is split among threads.
    @Test(arguments: [
        ([4], 1), ([2, 3], 7), ([], 5), ([0], 3), ([3, 1, 2], 33), ([50, 40], 160),
    ])
    func takesRows(_ shape: [Int], _ channels: Int) throws {
        let layer = try Embedding(count: 11, channels: channels)
        let table = try MapTest.tensor([11, channels], seed: 41)
        try layer.weight.set(table)
        let indices = (0..<shape.reduce(1, *)).map { ($0 * 7 + 10) % 11 }
        let x = try Tensor(indices.map(Float.init), shape: shape)
        try MapTest.everywhere {
            try layer(x)
        } check: { isa, y in
            MapTest.expect(
                y, shape: shape + [channels], Self.reference(indices, table), tolerance: 0, "\(isa)"
            )
        }
    }

    @Test func theLargestTable() throws {
        let table = try Tensor(zeros: [1 << 24, 1])
        let last = Float((1 << 24) - 1)
        let y = try Operations.embedding(Tensor([last, 0], shape: [2]), table: table)
        #expect(y.shape == [2, 1])
        #expect(throws: ProteanError.self) {
            try Operations.embedding(Tensor([last + 1], shape: [1]), table: table)
        }
    }

    @Test(arguments: [-1, 5, 1.5, 4.0001, 1e20, -1e-20, .nan, .infinity, -.infinity] as [Float])
    func refusesIndices(_ index: Float) throws {
        let layer = try Embedding(count: 5, channels: 2)
        #expect {
            try layer(Tensor([0, 4, index, -7], shape: [2, 2]))
        } throws: { error in
            guard
                case ProteanError.invalidOption("Embedding", let option, let expected, let found) =
                    error
            else { return false }
            return option == "indices[2]" && expected == "a whole number in 0..<5"
                && found == "\(index)"
        }
    }

    @Test func negativeZeroIsZero() throws {
        let layer = try Embedding(weight: Tensor([7, 8], shape: [2, 1]))
        #expect(try layer(Tensor([-0.0], shape: [1])).elements == [7])
    }

    @Test func initialValues() throws {
        for padding in [3, -2] {
            let layer = try Embedding(count: 5, channels: 400, paddingIndex: padding, seed: 3)
            #expect(layer.paddingIndex == 3)
            let values = layer.weight.value.elements
            for row in 0..<5 {
                let part = values[row * 400..<(row + 1) * 400]
                let variance = part.reduce(0) { $0 + $1 * $1 } / 400
                #expect(row == 3 ? variance == 0 : abs(variance - 1) < 0.2)
            }
        }
    }

    @Test func shapesAndCosts() throws {
        let layer = try Embedding(count: 5, channels: 3)
        #expect(layer.allParameters().map(\.name) == ["weight"])
        #expect(try layer.outputShape(for: [2, 4]) == [2, 4, 3])
        let cost = try layer.cost(for: [2, 4])
        #expect(cost.parameters == 15 && cost.multiplyAdds == 0 && cost.bytes == 4 * (8 + 48))
    }

    @Test func refusesOptions() throws {
        func refused(_ count: Int, _ channels: Int, _ padding: Int? = nil) -> String {
            do {
                _ = try Embedding(count: count, channels: channels, paddingIndex: padding)
                return "accepted"
            } catch ProteanError.invalidOption("Embedding", let option, _, _) {
                return option
            } catch {
                return "\(error)"
            }
        }
        #expect(refused(0, 1) == "count")
        #expect(refused((1 << 24) + 1, 1) == "count")
        #expect(refused(1, 0) == "channels")
        #expect(refused(4, 1, 4) == "paddingIndex")
        #expect(refused(4, 1, -5) == "paddingIndex")
        #expect(refused(4, 1, -4) == "accepted")
        #expect(throws: ProteanError.self) { try Embedding(weight: Tensor(zeros: [4])) }
        #expect(throws: ProteanError.self) {
            try Operations.embedding(Tensor(zeros: [1]), table: Tensor(zeros: [4]))
        }
    }
}
