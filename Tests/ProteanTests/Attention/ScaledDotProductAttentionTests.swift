import Foundation
import Testing

@testable import Protean

@Suite struct ScaledDotProductAttentionTests {
    /// Sizes of one call: leading axes, queries, keys, depth, depth of the values.
    struct Sizes: Sendable, CustomTestStringConvertible {
        let leading: [Int]
        let queries, keys, depth, valueDepth: Int
        var testDescription: String { "\(leading) \(queries)x\(keys) \(depth) \(valueDepth)" }

        func tensors(seed: UInt64 = 71) throws -> (Tensor, Tensor, Tensor) {
            (
                try MapTest.tensor(leading + [queries, depth], seed: seed, range: 1.5),
                try MapTest.tensor(leading + [keys, depth], seed: seed + 1, range: 1.5),
                try MapTest.tensor(leading + [keys, valueDepth], seed: seed + 2)
            )
        }

        var output: [Int] { leading + [queries, valueDepth] }
    }

    /// Around the lanes of a group, the rows of a tile and the keys of a block; the last is split
    /// among threads.
    static let sizes: [Sizes] = [
        Sizes(leading: [], queries: 3, keys: 5, depth: 4, valueDepth: 2),
        Sizes(leading: [2], queries: 1, keys: 1, depth: 1, valueDepth: 1),
        Sizes(leading: [3, 2], queries: 7, keys: 9, depth: 3, valueDepth: 7),
        Sizes(leading: [1, 2, 3], queries: 17, keys: 4, depth: 5, valueDepth: 17),
        Sizes(leading: [1, 3], queries: 33, keys: 97, depth: 17, valueDepth: 33),
        Sizes(leading: [0, 2], queries: 3, keys: 5, depth: 4, valueDepth: 4),
        Sizes(leading: [2, 2], queries: 0, keys: 5, depth: 4, valueDepth: 4),
        Sizes(leading: [2, 4], queries: 70, keys: 200, depth: 8, valueDepth: 9),
    ]

    /// Softmax rows times values in double precision. `mask` gives −∞, or what is added, per row of
    /// all leading indices, query and key.
    static func reference(
        _ q: Tensor, _ k: Tensor, _ v: Tensor, scale: Double? = nil,
        mask: (Int, Int, Int) -> Double = { _, _, _ in 0 }
    ) -> (y: [Double], weights: [Double]) {
        let (a, b, c) = (q.elements, k.elements, v.elements)
        let (queries, depth) = (q.shape[q.rank - 2], q.shape[q.rank - 1])
        let (keys, width) = (v.shape[v.rank - 2], v.shape[v.rank - 1])
        let scale = scale ?? 1 / Double(depth).squareRoot()
        var y: [Double] = [], all: [Double] = []
        for head in 0..<q.shape.dropLast(2).reduce(1, *) {
            for i in 0..<queries {
                let row = (head * queries + i) * depth
                let scores = (0..<keys).map { j in
                    let other = (head * keys + j) * depth
                    let dot = (0..<depth).reduce(0.0) {
                        $0 + Double(a[row + $1]) * Double(b[other + $1])
                    }
                    return dot * scale + mask(head, i, j)
                }
                let top = scores.max() ?? -.infinity
                let exponents = scores.map { top == -.infinity ? 0 : exp($0 - top) }
                let sum = exponents.reduce(0, +)
                let weights = exponents.map { sum == 0 ? 0 : $0 / sum }
                all += weights
                y += (0..<width).map { d in
                    (0..<keys).reduce(0.0) {
                        $0 + weights[$1] * Double(c[(head * keys + $1) * width + d])
                    }
                }
            }
        }
        return (y, all)
    }

    @Test(arguments: sizes) func agreesWithDouble(_ sizes: Sizes) throws {
        let (q, k, v) = try sizes.tensors()
        for scale: Float? in [nil, 0.25] {
            let expected = Self.reference(q, k, v, scale: scale.map(Double.init)).y
            try MapTest.everywhere {
                try Operations.scaledDotProductAttention(query: q, key: k, value: v, scale: scale)
            } check: { isa, y in
                MapTest.expect(y, shape: sizes.output, expected, tolerance: 5e-6, "\(isa)")
            }
        }
    }

    @Test(arguments: sizes) func causal(_ sizes: Sizes) throws {
        let (q, k, v) = try sizes.tensors(seed: 75)
        let expected = Self.reference(q, k, v) { $2 > $1 ? -.infinity : 0 }.y
        try MapTest.everywhere {
            try Operations.scaledDotProductAttention(query: q, key: k, value: v, isCausal: true)
        } check: { isa, y in
            MapTest.expect(y, shape: sizes.output, expected, tolerance: 5e-6, "\(isa)")
        }
    }

    /// Masks of every kind, with axes of 1 and without; some queries have no key left.
    @Test(arguments: [
        [2, 3, 19, 101], [1, 1, 19, 101], [2, 1, 1, 101], [1, 3, 19, 101], [2, 3, 1, 101],
        [19, 101],
        [1, 101], [101],
    ])
    func masks(_ shape: [Int]) throws {
        let sizes = Sizes(leading: [2, 3], queries: 19, keys: 101, depth: 6, valueDepth: 5)
        let (q, k, v) = try sizes.tensors(seed: 78)
        let full = [Int](repeating: 1, count: 4 - shape.count) + shape
        func place(_ head: Int, _ i: Int, _ j: Int) -> Int {
            let at = zip(full, [head / 3, head % 3, i, j]).map { $0 == 1 ? 0 : $1 }
            return zip(full, at).reduce(0) { $0 * $1.0 + $1.1 }
        }
        let count = shape.reduce(1, *), keys = 101
        // The first row is left out as a whole, but where it is the only one.
        let flags = (0..<count).map { i -> Float in
            (count > keys && i < keys) || i % 7 == 3 || i % 11 > 7 ? 1 : 0
        }
        let added = MapTest.values(count, seed: 79)
        let sums = zip(added, flags).map { $1 == 1 ? -Float.infinity : $0 }
        let dropped = { (head: Int, i: Int, j: Int) -> Double in
            flags[place(head, i, j)] == 1 ? -.infinity : 0
        }
        let cases: [(AttentionMask, (Int, Int, Int) -> Double)] = [
            (.dropping(try Tensor(flags, shape: shape)), dropped),
            (.keeping(try Tensor(flags.map { 1 - $0 }, shape: shape)), dropped),
            (.additive(try Tensor(sums, shape: shape)), { Double(sums[place($0, $1, $2)]) }),
        ]
        for (mask, values) in cases {
            let expected = Self.reference(q, k, v, mask: values).y
            try MapTest.everywhere {
                try Operations.scaledDotProductAttention(query: q, key: k, value: v, mask: mask)
            } check: { isa, y in
                MapTest.expect(y, shape: sizes.output, expected, tolerance: 5e-6, "\(isa) \(mask)")
            }
        }
    }

    /// A mask and the order of keys apply together.
    @Test func aMaskAndCausality() throws {
        let sizes = Sizes(leading: [2], queries: 20, keys: 20, depth: 4, valueDepth: 3)
        let (q, k, v) = try sizes.tensors(seed: 82)
        let flags = (0..<400).map { Float($0 % 3 == 0 ? 1 : 0) }
        let expected = Self.reference(q, k, v) {
            $2 > $1 || flags[$1 * 20 + $2] == 1 ? -.infinity : 0
        }.y
        let mask = AttentionMask.dropping(try Tensor(flags, shape: [20, 20]))
        try MapTest.everywhere {
            try Operations.scaledDotProductAttention(
                query: q, key: k, value: v, mask: mask, isCausal: true)
        } check: { isa, y in
            MapTest.expect(y, shape: sizes.output, expected, tolerance: 5e-6, "\(isa)")
        }
    }

    /// Scores far beyond the range of exp, growing from block to block and falling.
    @Test(arguments: [1, -1]) func scoresOfAnySize(_ sign: Int) throws {
        let keys = 300
        let q = try Tensor(repeating: 1, shape: [5, 1])
        let k = try Tensor((0..<keys).map { Float(sign * $0) * 3 }, shape: [keys, 1])
        let v = try MapTest.tensor([keys, 2], seed: 85)
        let expected = Self.reference(q, k, v, scale: 1).y
        try MapTest.everywhere {
            try Operations.scaledDotProductAttention(query: q, key: k, value: v, scale: 1)
        } check: { isa, y in
            MapTest.expect(y, shape: [5, 2], expected, tolerance: 5e-6, "\(isa)")
        }
    }

    /// With equal keys every value has the same share: the mean of the values.
    @Test func equalKeysGiveTheMean() throws {
        let v = try MapTest.tensor([130, 3], seed: 86)
        let y = try Operations.scaledDotProductAttention(
            query: MapTest.tensor([4, 2], seed: 87), key: Tensor(zeros: [130, 2]), value: v)
        let values = v.elements
        let means = (0..<3).map { d in
            (0..<130).reduce(0.0) { $0 + Double(values[$1 * 3 + d]) } / 130
        }
        MapTest.expect(y, shape: [4, 3], means + means + means + means, tolerance: 1e-6)
    }

    @Test func nanShowsInItsQueryAlone() throws {
        for isa in KernelISA.supported {
            var values = MapTest.values(20 * 4, seed: 88)
            values[9 * 4 + 1] = .nan
            let q = try Tensor(values, shape: [20, 4])
            let k = try MapTest.tensor([100, 4], seed: 89),
                v = try MapTest.tensor([100, 3], seed: 90)
            let y = try Runtime.with(isa: isa) {
                try Operations.scaledDotProductAttention(query: q, key: k, value: v).elements
            }
            #expect(y.indices.allSatisfy { y[$0].isNaN == ($0 / 3 == 9) }, "\(isa)")
        }
    }

    /// No key at all: zeros, as for queries whose keys are all left out.
    @Test func noKeysGiveZeros() throws {
        let y = try Operations.scaledDotProductAttention(
            query: MapTest.tensor([2, 3, 4]), key: Tensor(zeros: [2, 0, 4]),
            value: Tensor(zeros: [2, 0, 5]))
        MapTest.expect(y, shape: [2, 3, 5], [Double](repeating: 0, count: 30))
    }

    @Test func shapesWithoutValues() throws {
        let y = try Operations.scaledDotProductAttention(
            query: Tensor(shapeOnly: [2, 3, 4, 5]), key: Tensor(shapeOnly: [2, 3, 7, 5]),
            value: Tensor(shapeOnly: [2, 3, 7, 6]))
        #expect(y.isShapeOnly && y.shape == [2, 3, 4, 6])
    }

    @Test func refusals() throws {
        func refused(
            q: [Int] = [2, 3, 4, 5], k: [Int] = [2, 3, 7, 5], v: [Int] = [2, 3, 7, 6],
            mask: [Int]? = nil, scale: Float? = nil
        ) -> String {
            do {
                _ = try Operations.scaledDotProductAttention(
                    query: Tensor(zeros: q), key: Tensor(zeros: k), value: Tensor(zeros: v),
                    mask: mask.map { AttentionMask.additive(try Tensor(zeros: $0)) },
                    scale: scale)
                return "accepted"
            } catch ProteanError.shapeMismatch(_, let tensor, _, _) {
                return tensor
            } catch ProteanError.invalidOption(_, let option, _, _) {
                return option
            } catch {
                return "\(error)"
            }
        }
        #expect(refused() == "accepted")
        #expect(refused(q: [5]) == "query")
        #expect(refused(k: [2, 3, 7, 4]) == "key")
        #expect(refused(k: [2, 1, 7, 5]) == "key")
        #expect(refused(k: [3, 7, 5]) == "key")
        #expect(refused(v: [2, 3, 8, 6]) == "value")
        #expect(refused(v: [2, 3, 7]) == "value")
        for mask in [[4, 6], [4, 1], [3, 4, 6], [2, 3, 3, 7], [1, 2, 3, 4, 7], []] {
            #expect(refused(mask: mask) == "mask", "\(mask)")
        }
        #expect(refused(scale: .nan) == "scale")
        #expect(refused(scale: .infinity) == "scale")
    }
}
