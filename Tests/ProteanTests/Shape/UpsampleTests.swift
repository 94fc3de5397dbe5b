import Foundation
import Testing

@testable import Protean

@Suite struct UpsampleTests {
    /// Weights of an axis' input positions for one output position.
    private static func taps(
        _ mode: Upsample.Mode, _ corners: Bool, _ i: Int, _ size: Int, _ outputs: Int,
        _ scale: Double
    ) -> [(Int, Double)] {
        func inside(_ at: Int) -> Int { min(max(at, 0), size - 1) }
        let centre =
            corners
            ? (outputs > 1 ? Double(i) * Double(size - 1) / Double(outputs - 1) : 0)
            : (Double(i) + 0.5) * scale - 0.5
        switch mode {
        case .nearest: return [(inside(Int((Double(i) * scale).rounded(.down))), 1)]
        case .nearestExact: return [(inside(Int(((Double(i) + 0.5) * scale).rounded(.down))), 1)]
        case .bilinear:
            let at = max(centre, 0), low = Int(at)
            return [(inside(low), 1 - (at - Double(low))), (inside(low + 1), at - Double(low))]
        case .bicubic:
            let base = centre.rounded(.down)
            return (-1...2).map { k in
                let d = abs(centre - base - Double(k)), a = -0.75
                let weight =
                    d <= 1
                    ? ((a + 2) * d - (a + 3)) * d * d + 1
                    : ((a * d - 5 * a) * d + 8 * a) * d - 4 * a
                return (inside(Int(base) + k), weight)
            }
        }
    }

    private static func reference(
        _ x: Tensor, _ size: Size2d, _ mode: Upsample.Mode, _ corners: Bool, _ scale: Scale2d
    ) -> [Double] {
        let a = x.elements
        let (h, w, c) = (x.shape[1], x.shape[2], x.shape[3])
        var values: [Double] = []
        for sample in 0..<x.shape[0] {
            for i in 0..<size.height {
                let rows = taps(mode, corners, i, h, size.height, scale.height)
                for j in 0..<size.width {
                    let columns = taps(mode, corners, j, w, size.width, scale.width)
                    for k in 0..<c {
                        values.append(
                            rows.reduce(0.0) { sum, row in
                                sum
                                    + columns.reduce(0.0) {
                                        $0 + $1.1 * row.1
                                            * Double(a[((sample * h + row.0) * w + $1.0) * c + k])
                                    }
                            })
                    }
                }
            }
        }
        return values
    }

    /// Sizes and factors whose positions Float32 and Double round to the same pixels.
    @Test(arguments: [
        [2, 5, 7, 3], [1, 3, 4, 1], [3, 4, 6, 17], [0, 4, 3, 2], [1, 33, 20, 33],
    ])
    func agreesWithItsDefinition(_ shape: [Int]) throws {
        let x = try MapTest.tensor(shape, seed: 21)
        let (h, w) = (shape[1], shape[2])
        let doubled = Size2d(height: 2 * h, width: 2 * w)
        let halved = Size2d(height: max(1, h / 2), width: w + 3)
        for mode in Upsample.Mode.allCases {
            let isSmooth = mode == .bilinear || mode == .bicubic
            for corners in isSmooth ? [nil, false, true] : [nil] as [Bool?] {
                let cases: [(Upsample, Size2d, Scale2d)] = [
                    (
                        try Upsample(size: halved, mode: mode, alignCorners: corners), halved,
                        Scale2d(
                            height: Double(h) / Double(halved.height),
                            width: Double(w) / Double(halved.width))
                    ),
                    (
                        try Upsample(scaleFactor: 2, mode: mode, alignCorners: corners), doubled,
                        0.5
                    ),
                    (
                        try Upsample(
                            scaleFactor: 2, mode: mode, alignCorners: corners, recomputesScale: true
                        ),
                        doubled, 0.5
                    ),
                ]
                for (layer, size, scale) in cases {
                    let expected = Self.reference(x, size, mode, corners ?? false, scale)
                    let result = [shape[0], size.height, size.width, shape[3]]
                    try MapTest.everywhere {
                        try layer(x)
                    } check: { isa, y in
                        // Positions are computed in single precision.
                        MapTest.expect(
                            y, shape: result, expected, tolerance: 2e-5, "\(isa) \(mode)")
                    }
                    #expect(try layer.outputShape(for: shape) == result)
                }
            }
        }
    }

    /// ⌊7 · 1.3⌋ = 9: the given factor or the ratio 9 / 7 positions the samples.
    @Test func aFactorMayBeRecomputed() throws {
        let x = try MapTest.tensor([1, 7, 7, 2], seed: 22)
        let given = try Upsample(scaleFactor: 1.3, mode: .bilinear)(x)
        let recomputed = try Upsample(scaleFactor: 1.3, mode: .bilinear, recomputesScale: true)(x)
        #expect(given.shape == [1, 9, 9, 2] && recomputed.shape == given.shape)
        #expect(
            recomputed.isBitEqual(
                to: try Operations.resize(x, to: 9, mode: .bilinear(alignCorners: false))))
        #expect(
            given.isBitEqual(
                to: try Operations.resize(x, by: 1.3, mode: .bilinear(alignCorners: false))))
        #expect(!given.isBitEqual(to: recomputed))
    }

    @Test func theSameSizeIsNeutral() throws {
        let x = try MapTest.tensor([2, 5, 4, 3], seed: 23)
        for mode in Upsample.Mode.allCases {
            let y = try Upsample(size: Size2d(height: 5, width: 4), mode: mode)(x)
            #expect(y.isBitEqual(to: x), "\(mode)")
        }
    }

    @Test func refusals() throws {
        let refused = EdgePaddingCases.refused
        #expect(refused { _ = try Upsample(size: 0) } == "size")
        #expect(refused { _ = try Upsample(size: Size2d(height: 1, width: 1 << 21)) } == "size")
        for factor in [0, -1, Double.nan, .infinity] {
            #expect(refused { _ = try Upsample(scaleFactor: Scale2d(factor)) } == "scaleFactor")
        }
        for mode in [Upsample.Mode.nearest, .nearestExact] {
            for corners in [true, false] {
                #expect(
                    refused { _ = try Upsample(size: 2, mode: mode, alignCorners: corners) }
                        == "alignCorners")
            }
        }
        let layer = try Upsample(scaleFactor: 0.1)
        #expect(refused { _ = try layer(Tensor(zeros: [1, 5, 5, 1])) } == "size · scale")
        #expect(refused { _ = try layer(Tensor(zeros: [1, 0, 5, 1])) } == "x")
        #expect(refused { _ = try layer(Tensor(zeros: [5, 5, 1])) } == "x")
    }

    @Test func costs() throws {
        let layer = try Upsample(scaleFactor: 2)
        #expect(try layer.cost(for: [1, 2, 3, 4]).bytes == 4 * (24 + 96))
        #expect(layer.channelFlow == .unchanged)
        #expect(try layer.trace(for: [1, 2, 3, 4]).events.map(\.layer) == ["Upsample"])
    }
}
