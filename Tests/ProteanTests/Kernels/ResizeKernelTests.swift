import Testing

@testable import Protean

@Suite struct ResizeKernelTests {
    struct Case: CustomTestStringConvertible, Sendable {
        var shape: [Int]
        var size: Size2d
        var testDescription: String { "\(shape) to \(size)" }
    }

    static let cases: [Case] = [
        Case(shape: [1, 5, 7, 3], size: Size2d(height: 11, width: 9)),
        Case(shape: [3, 9, 6, 17], size: Size2d(height: 4, width: 5)),
        Case(shape: [2, 4, 3, 1], size: Size2d(height: 8, width: 6)),
        Case(shape: [1, 6, 5, 33], size: Size2d(height: 6, width: 5)),
        Case(shape: [1, 6, 5, 8], size: Size2d(1)),
        Case(shape: [1, 1, 1, 7], size: Size2d(height: 3, width: 2)),
        Case(shape: [0, 3, 4, 5], size: Size2d(2)),
        Case(shape: [1, 21, 30, 20], size: Size2d(height: 50, width: 41)),
    ]

    static let modes: [ResizeMode] = [
        .nearest, .nearestExact, .bilinear(alignCorners: false), .bilinear(alignCorners: true),
        .bicubic(alignCorners: false), .bicubic(alignCorners: true),
    ]

    /// The input positions behind output i and their weights, in Double.
    static func source(
        _ i: Int, _ size: Int, _ output: Int, _ mode: ResizeMode
    ) -> [(position: Int, weight: Double)] {
        func place(_ corners: Bool) -> Double {
            if !corners { return (Double(i) + 0.5) * Double(size) / Double(output) - 0.5 }
            return output > 1 ? Double(i * (size - 1)) / Double(output - 1) : 0
        }
        switch mode {
        // Exact in integers, where a float product may fall just below the next pixel.
        case .nearest: return [(i * size / output, 1)]
        case .nearestExact: return [((2 * i + 1) * size / (2 * output), 1)]
        case .bilinear(let corners):
            let at = max(0, place(corners))
            let low = min(Int(at), size - 1)
            let share = at - Double(low)
            return [(low, 1 - share), (min(low + 1, size - 1), share)]
        case .bicubic(let corners):
            let at = place(corners)
            let base = at.rounded(.down)
            return (-1...2).map { k in
                let d = abs(base + Double(k) - at), a = -0.75
                let inner = (a + 2) * d * d * d - (a + 3) * d * d + 1
                let outer = a * d * d * d - 5 * a * d * d + 8 * a * d - 4 * a
                return (min(max(Int(base) + k, 0), size - 1), d <= 1 ? inner : outer)
            }
        }
    }

    static func reference(_ c: Case, _ x: [Float], _ mode: ResizeMode) -> [Double] {
        let (n, h, w, ch) = (c.shape[0], c.shape[1], c.shape[2], c.shape[3])
        var result: [Double] = []
        for b in 0..<n {
            for i in 0..<c.size.height {
                let rows = source(i, h, c.size.height, mode)
                for j in 0..<c.size.width {
                    let columns = source(j, w, c.size.width, mode)
                    for k in 0..<ch {
                        var sum = 0.0
                        for (y, down) in rows {
                            for (z, across) in columns {
                                sum += Double(x[((b * h + y) * w + z) * ch + k]) * down * across
                            }
                        }
                        result.append(sum)
                    }
                }
            }
        }
        return result
    }

    @Test(arguments: cases, modes) func agreesWithDouble(_ c: Case, _ mode: ResizeMode) throws {
        let x = try MapTest.tensor(c.shape, seed: 51)
        let expected = Self.reference(c, x.elements, mode)
        let shape = [c.shape[0], c.size.height, c.size.width, c.shape[3]]
        // Positions are single precision: a pixel 30 is known to 4e-6.
        try MapTest.everywhere {
            try Operations.resize(x, to: c.size, mode: mode)
        } check: { isa, y in
            MapTest.expect(y, shape: shape, expected, tolerance: 3e-5, "\(isa) \(mode)")
        }
    }

    @Test func aFactorPositionsTheSamples() throws {
        let x = try MapTest.tensor([1, 5, 4, 3], seed: 52)
        // ⌊5 · 1.5⌋ = 7 rows, one per 1 / 1.5 and not per 5 / 7 input rows.
        let y = try Operations.resize(x, by: 1.5, mode: .nearest)
        #expect(y.shape == [1, 7, 6, 3])
        let rows = (0..<7).map { Int(Double($0) / 1.5) },
            columns = (0..<6).map { Int(Double($0) / 1.5) }
        let expected = rows.flatMap { i in
            columns.flatMap { j in (0..<3).map { Double(x.elements[(i * 4 + j) * 3 + $0]) } }
        }
        MapTest.expect(y, shape: [1, 7, 6, 3], expected, tolerance: 0)
        let doubled = try Operations.resize(x, by: 2, mode: .bilinear(alignCorners: false))
        let sized = try Operations.resize(
            x, to: Size2d(height: 10, width: 8), mode: .bilinear(alignCorners: false))
        #expect(doubled.elements == sized.elements)
    }

    @Test func refusals() throws {
        let x = try Tensor(zeros: [1, 4, 4, 2])
        #expect(throws: ProteanError.self) { try Operations.resize(x, to: 0, mode: .nearest) }
        #expect(throws: ProteanError.self) { try Operations.resize(x, by: 0, mode: .nearest) }
        #expect(throws: ProteanError.self) { try Operations.resize(x, by: -1, mode: .nearest) }
        #expect(throws: ProteanError.self) { try Operations.resize(x, by: 0.1, mode: .nearest) }
        #expect(throws: ProteanError.self) { try Operations.resize(x, by: 1e300, mode: .nearest) }
        #expect(throws: ProteanError.self) {
            try Operations.resize(x, by: Scale2d(.nan), mode: .nearest)
        }
        #expect(throws: ProteanError.self) {
            try Operations.resize(Tensor(zeros: [1, 0, 4, 2]), to: 3, mode: .nearest)
        }
        #expect(throws: ProteanError.self) {
            try Operations.resize(Tensor(zeros: [4, 4, 2]), to: 3, mode: .nearest)
        }
    }
}
