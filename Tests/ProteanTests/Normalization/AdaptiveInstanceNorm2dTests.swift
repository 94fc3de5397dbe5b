import Testing

@testable import Protean

@Suite struct AdaptiveInstanceNorm2dTests {
    /// Mean and variance, divided by the pixels less `correction`, of every channel of a sample.
    static func moments(_ x: Tensor, correction: Int) -> [(mean: Double, variance: Double)] {
        let c = x.shape[3], pixels = x.shape[1] * x.shape[2], v = x.elements
        return (0..<x.shape[0] * c).map { at in
            let own = (0..<pixels).map { Double(v[(at / c * pixels + $0) * c + at % c]) }
            let mean = own.reduce(0, +) / Double(pixels)
            let squares = own.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
            return (mean, squares / Double(pixels - correction))
        }
    }

    static func reference(
        _ x: Tensor, _ scale: [Double], _ shift: [Double], eps: Double, correction: Int = 0
    ) -> [Double] {
        let c = x.shape[3], perSample = x.shape[0] == 0 ? 1 : x.count / x.shape[0]
        let own = moments(x, correction: correction)
        return x.elements.enumerated().map { i, value in
            let at = i / perSample * c + i % c
            let deviation = (own[at].variance + eps).squareRoot()
            return (Double(value) - own[at].mean) / deviation * scale[at] + shift[at]
        }
    }

    static let shapes = [
        [3, 5, 7, 17], [1, 9, 4, 1], [2, 3, 5, 33], [0, 2, 3, 7], [1, 1, 2, 3], [2, 40, 37, 5],
    ]

    @Test(arguments: shapes) func givenScalesAndShiftsEverywhere(_ shape: [Int]) throws {
        let layer = try AdaptiveInstanceNorm2d(channels: shape[3], variant: .given, eps: 0.01)
        let x = try MapTest.tensor(shape, seed: 3), rows = [shape[0], shape[3]]
        let scale = try MapTest.tensor(rows, seed: 4), shift = try MapTest.tensor(rows, seed: 5)
        let expected = Self.reference(
            x, scale.elements.map(Double.init), shift.elements.map(Double.init), eps: 0.01)
        try MapTest.everywhere {
            try layer(x, scale: scale, shift: shift)
        } check: { isa, y in
            MapTest.expect(y, shape: shape, expected, tolerance: 1e-5, "\(isa)")
        }
    }

    @Test(arguments: shapes) func styleMapsEverywhere(_ shape: [Int]) throws {
        let layer = try AdaptiveInstanceNorm2d(channels: shape[3], eps: 0.01)
        let x = try MapTest.tensor(shape, seed: 3)
        let style = try MapTest.tensor([shape[0], 4, 3, shape[3]], seed: 8, range: 5)
        let moments = Self.moments(style, correction: 1)
        let expected = Self.reference(
            x, moments.map { ($0.variance + 0.01).squareRoot() }, moments.map(\.mean), eps: 0.01,
            correction: 1)
        try MapTest.everywhere {
            try layer(x, style: style)
        } check: { isa, y in
            MapTest.expect(y, shape: shape, expected, tolerance: 1e-5, "\(isa)")
        }
    }

    @Test func styleVectorsGiveScalesAroundOne() throws {
        let layer = try AdaptiveInstanceNorm2d(
            channels: 5, variant: .linear, styleFeatures: 3, seed: 2)
        let x = try Tensor.random([2, 3, 4, 5])
        for named in layer.allParameters() {
            try named.parameter.set(Tensor(zeros: named.parameter.shape))
        }
        let plain = try InstanceNorm2d(channels: 5)(x)
        let y = try layer(x, style: Tensor.random([2, 3]))
        #expect(try y.maximumDifference(from: plain) < 1e-6)
        #expect(layer.allParameters().map(\.name) == ["fc.weight", "fc.bias"])
    }

    /// A map in its own style is itself, also beside a large mean.
    @Test func ownStyleKeepsTheMap() throws {
        let noise = try MapTest.tensor([1, 9, 7, 3], seed: 6, range: 0.5)
        let x = try Operations.add(noise, Tensor([1e4], shape: [1]))
        let y = try AdaptiveInstanceNorm2d(channels: 3)(x, style: x)
        #expect(try y.maximumDifference(from: x) < 3e-3)
        let constant = try Tensor(repeating: 4, shape: [1, 3, 2, 3])
        let flat = try AdaptiveInstanceNorm2d(channels: 3)(constant, style: noise)
        let means = Self.moments(noise, correction: 1).map(\.mean)
        for (i, value) in flat.elements.enumerated() {
            #expect(abs(Double(value) - means[i % 3]) < 1e-6)
        }
    }

    @Test func theActivationIsTheSameAsAfterwards() throws {
        let layer = try AdaptiveInstanceNorm2d(channels: 4), x = try Tensor.random([2, 5, 3, 4])
        let style = try Tensor.random([2, 3, 3, 4], seed: 7)
        let fused = try layer(x, style: style, activation: .silu)
        #expect(try fused.isBitEqual(to: Operations.activate(layer(x, style: style), .silu)))
    }

    @Test func whatDoesNotFitIsRefused() throws {
        expectRefusal(of: "channels") { _ = try AdaptiveInstanceNorm2d(channels: 0) }
        expectRefusal(of: "eps") { _ = try AdaptiveInstanceNorm2d(channels: 3, eps: -1) }
        expectRefusal(of: "styleFeatures") {
            _ = try AdaptiveInstanceNorm2d(channels: 3, variant: .linear)
        }
        expectRefusal(of: "styleFeatures") {
            _ = try AdaptiveInstanceNorm2d(channels: 3, styleFeatures: 2)
        }
        let x = try Tensor(zeros: [2, 3, 4, 5]), rows = try Tensor(zeros: [2, 5])
        let given = try AdaptiveInstanceNorm2d(channels: 5, variant: .given)
        let statistics = try AdaptiveInstanceNorm2d(channels: 5)
        expectRefusal(of: "variant") { _ = try given(x, style: x) }
        expectRefusal(of: "variant") { _ = try statistics(x, scale: rows, shift: rows) }
        expectMismatch(of: "scale") {
            _ = try given(x, scale: Tensor(zeros: [1, 5]), shift: rows)
        }
        expectMismatch(of: "shift") { _ = try given(x, scale: rows, shift: Tensor(zeros: [5])) }
        expectMismatch(of: "style") { _ = try statistics(x, style: Tensor(zeros: [2, 1, 1, 5])) }
        expectMismatch(of: "style") { _ = try statistics(x, style: Tensor(zeros: [1, 2, 2, 5])) }
        expectMismatch(of: "x") { _ = try statistics(Tensor(zeros: [2, 1, 1, 5]), style: x) }
        let linear = try AdaptiveInstanceNorm2d(channels: 5, variant: .linear, styleFeatures: 3)
        expectMismatch(of: "condition") { _ = try linear(x, style: rows) }
    }
}
