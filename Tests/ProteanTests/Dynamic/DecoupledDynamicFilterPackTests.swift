import Testing

@testable import Protean

@Suite struct DecoupledDynamicFilterPackTests {
    typealias Pack = DecoupledDynamicFilterPack

    struct Case: Sendable {
        var map: [Int]
        var kernel = 3
        var stride = 1
        var dilation = 1
        var heads = 1
        var ratio = 0.2
        var nonlinearity = Pack.Nonlinearity.relu
        var combination = PixelFilter.Combination.multiply

        func layer() throws -> Pack {
            let layer = try Pack(
                channels: map[3], kernelSize: kernel, stride: stride, dilation: dilation,
                heads: heads, squeezeRatio: ratio, nonlinearity: nonlinearity,
                combination: combination)
            try layer.randomise()
            return layer
        }
    }

    static let cases = [
        Case(map: [2, 5, 7, 17]),
        Case(map: [1, 5, 7, 10], nonlinearity: .linear, combination: .add),
        Case(
            map: [3, 6, 8, 12], kernel: 5, stride: 2, dilation: 2, heads: 3, ratio: 0.5,
            nonlinearity: .tanh),
        Case(map: [0, 4, 5, 33]),
    ]

    /// The parts by themselves and both norms in double precision.
    private static func reference(
        _ layer: Pack, _ test: Case, _ x: Tensor
    ) throws -> PixelFilterReference {
        func conv(_ name: String, _ x: Tensor) throws -> Tensor {
            let part = try #require(layer.module(at: name) as? Conv2d)
            return try part(x)
        }
        let c = test.map[3], taps = test.kernel * test.kernel
        let pooled = try Operations.globalAveragePool(x).reshaped(to: [x.shape[0], 1, 1, c])
        let hidden = try Operations.activate(conv("channel_branch.1", pooled), .relu)
        let raw = try conv("channel_branch.3", hidden).elements.map(Double.init)
        let std = try #require(layer.parameter(at: "channel_branch.4.std")).value.elements
        var byTap = [Float](repeating: 0, count: raw.count)
        for row in 0..<x.shape[0] * c {
            let values = raw[row * taps..<(row + 1) * taps]
            let mean = values.reduce(0, +) / Double(taps)
            let squares = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
            let deviation = (squares / Double(taps - 1)).squareRoot() + 1e-10
            for (tap, value) in values.enumerated() {
                let scaled = (value - mean) / deviation * Double(std[row % c * taps + tap])
                byTap[(row / c * taps + tap) * c + row % c] = Float(scaled)
            }
        }
        let gain: Float =
            [.relu: Float(2).squareRoot(), .linear: 1, .tanh: 5 / 3][test.nonlinearity] ?? 0
        let filter = try PixelFilter(
            window: SlidingWindow(
                kernelSize: Size2d(test.kernel), dilation: Size2d(test.dilation),
                padding: Size2d(test.kernel / 2 * test.dilation), stride: Size2d(test.stride)),
            groups: test.heads,
            normalization: .standardized(scale: gain / Float(test.kernel)),
            combination: test.combination)
        return PixelFilterReference(
            filter: filter, x: x, filters: try conv("spatial_branch.0", x),
            channelFilters: try Tensor(byTap, shape: [x.shape[0], taps, c]))
    }

    @Test(arguments: cases) func agreesWithItsFormulaEverywhere(_ test: Case) throws {
        let layer = try test.layer(), x = try Tensor.random(test.map)
        let reference = try Self.reference(layer, test, x), expected = reference.values()
        try MapTest.everywhere {
            try layer(x)
        } check: { isa, y in
            MapTest.expect(
                y, shape: reference.outputShape, expected, tolerance: 1e-5, "\(isa)")
        }
    }

    @Test func widthsAndRefusals() throws {
        // As Python's int().
        #expect(try Pack(channels: 64).squeezeChannels == 12)
        #expect(try Pack(channels: 5).squeezeChannels == 1)
        expectRefusal(of: "squeezeRatio") { _ = try Pack(channels: 4) }
        expectRefusal(of: "squeezeRatio") { _ = try Pack(channels: 4, squeezeRatio: .nan) }
        expectRefusal(of: "squeezeRatio") { _ = try Pack(channels: 4, squeezeRatio: 1e9) }
        expectRefusal(of: "channels") { _ = try Pack(channels: 0) }
        expectRefusal(of: "heads") { _ = try Pack(channels: 10, heads: 3) }
        expectRefusal(of: "kernelSize") { _ = try Pack(channels: 10, kernelSize: 1) }
        expectRefusal(of: "kernelSize") { _ = try Pack(channels: 10, kernelSize: 0) }
        let layer = try Pack(channels: 10, stride: 2)
        expectMismatch(of: "x") { _ = try layer(Tensor(zeros: [1, 5, 4, 10])) }
        expectMismatch(of: "x") { _ = try layer(Tensor(zeros: [1, 4, 4, 11])) }
    }

    @Test func costAndShapeNeedNoValues() throws {
        let layer = try Pack(channels: 10, stride: 2)
        #expect(try layer.outputShape(for: [2, 4, 6, 10]) == [2, 2, 3, 10])
        let cost = try layer.cost(for: [1, 4, 6, 10]), pixels = 2 * 3
        #expect(
            cost.multiplyAdds == pixels * (10 * 9 + 2 * 9 * 10) + 10 * 2 + 2 * 90)
        #expect(cost.parameters == layer.parameterCount)
    }
}
