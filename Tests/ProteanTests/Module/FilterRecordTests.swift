import Testing

@testable import Protean

@Suite struct FilterRecordTests {
    private static let kernel = Size2d(height: 3, width: 5)
    private static let dilation = Size2d(height: 2, width: 1)

    private func entry(_ filters: Tensor, groups: Int) throws -> FilterRecord.Entry {
        let record = FilterRecord()
        try record.recording {
            try FilterRecord.note(path: "a.b", input: filters, output: filters) {
                .filters(
                    filters, kernelSize: Self.kernel, dilation: Self.dilation, groups: groups)
            }
        }
        return try #require(record.entries.first)
    }

    /// Centre and spread of the absolute taps in double precision.
    private static func moments(_ taps: ArraySlice<Float>) -> [Double] {
        var sums = [0.0, 0.0, 0.0], positions: [(weight: Double, y: Double, x: Double)] = []
        for (index, tap) in taps.enumerated() {
            let y = Double(index / kernel.width) - Double(kernel.height - 1) / 2
            let x = Double(index % kernel.width) - Double(kernel.width - 1) / 2
            positions.append(
                (abs(Double(tap)), y * Double(dilation.height), x * Double(dilation.width)))
        }
        for one in positions {
            sums[0] += one.weight
            sums[1] += one.weight * one.y
            sums[2] += one.weight * one.x
        }
        let (cy, cx) = (sums[1] / sums[0], sums[2] / sums[0])
        let square = positions.reduce(0.0) {
            $0 + $1.weight * (($1.y - cy) * ($1.y - cy) + ($1.x - cx) * ($1.x - cx))
        }
        return [cy, cx, (square / sums[0]).squareRoot()]
    }

    @Test(arguments: [0, 1, 2])
    func centreAndSpreadFollowTheFormula(group: Int) throws {
        let taps = 15, groups = 3, shape = [2, 3, 5, groups * taps]
        let filters = try MapTest.tensor(shape)
        let moments = try entry(filters, groups: groups).moments(group: group)
        #expect(moments.shape == [2, 3, 5, 3])
        let values = filters.elements
        for pixel in 0..<30 {
            let first = (pixel * groups + group) * taps
            let expected = Self.moments(values[first..<first + taps])
            for (index, value) in expected.enumerated() {
                // Sums of 15 terms up to 6 in Float32.
                #expect(abs(Double(moments.elements[pixel * 3 + index]) - value) < 2e-5)
            }
        }
    }

    @Test func aSingleTapLiesWhereItIs() throws {
        var values = [Float](repeating: 0, count: 15)
        values[14] = -7
        let moments = try entry(Tensor(values, shape: [1, 1, 1, 15]), groups: 1).moments()
        #expect(moments.elements == [2, 2, 0])
        let none = try entry(Tensor(zeros: [1, 1, 1, 15]), groups: 1).moments()
        #expect(none.elements == [0, 0, 0])
    }

    @Test func whatDoesNotFitIsNamed() throws {
        let filters = try Tensor(zeros: [1, 2, 2, 30])
        #expect(throws: ProteanError.self) { try entry(filters, groups: 2).moments(group: 2) }
        #expect(throws: ProteanError.noValues(layer: "a.b")) {
            try entry(Tensor(shapeOnly: [1, 2, 2, 30]), groups: 2).moments()
        }
        let record = FilterRecord()
        try record.recording {
            try FilterRecord.note(path: "r", input: filters, output: filters) {
                .regions(filters, count: 2)
            }
        }
        #expect(throws: ProteanError.self) { try record.entries[0].moments() }
    }

    @Test func nothingIsKeptWithoutARecord() throws {
        let x = try Tensor(zeros: [1])
        try FilterRecord.note(path: "a", input: x, output: x) {
            Issue.record("evaluated without a record")
            return .regions(x, count: 1)
        }
    }
}
