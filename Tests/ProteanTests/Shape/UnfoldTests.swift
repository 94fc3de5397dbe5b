import Testing

@testable import Protean

@Suite struct UnfoldTests {
    static let windows: [SlidingWindow] = [
        SlidingWindow(kernelSize: 1), SlidingWindow(kernelSize: 3, padding: 1),
        SlidingWindow(
            kernelSize: Size2d(height: 2, width: 3), dilation: Size2d(height: 2, width: 1),
            padding: Size2d(height: 0, width: 2), stride: Size2d(height: 1, width: 2)),
        SlidingWindow(kernelSize: Size2d(height: 3, width: 1), stride: 3),
        SlidingWindow(kernelSize: 2, padding: 3),
    ]
    /// The last is split among threads.
    static let maps: [[Int]] = [
        [2, 5, 7, 3], [1, 6, 4, 1], [3, 4, 5, 17], [0, 5, 5, 2], [1, 33, 40, 33],
    ]

    /// Calls `body` with every place of the windows, and the map's pixel there, nil outside.
    static func forEach(
        _ s: SlidingWindow, _ shape: [Int], _ windows: Size2d, _ body: (Int, Int, Int?) -> Void
    ) {
        for sample in 0..<shape[0] {
            for p in 0..<windows.height * windows.width {
                for t in 0..<s.kernelSize.height * s.kernelSize.width {
                    let row =
                        p / windows.width * s.stride.height
                        + t / s.kernelSize.width * s.dilation.height - s.padding.height
                    let column =
                        p % windows.width * s.stride.width
                        + t % s.kernelSize.width * s.dilation.width - s.padding.width
                    let inside = (0..<shape[1]).contains(row) && (0..<shape[2]).contains(column)
                    let pixel = (sample * shape[1] + row) * shape[2] + column
                    body(sample * windows.height * windows.width + p, t, inside ? pixel : nil)
                }
            }
        }
    }

    static func outputs(_ s: SlidingWindow, _ shape: [Int]) -> Size2d {
        func count(_ size: Int, _ k: Int, _ d: Int, _ p: Int, _ s: Int) -> Int {
            (size + 2 * p - d * (k - 1) - 1) / s + 1
        }
        return Size2d(
            height: count(
                shape[1], s.kernelSize.height, s.dilation.height, s.padding.height, s.stride.height),
            width: count(
                shape[2], s.kernelSize.width, s.dilation.width, s.padding.width, s.stride.width))
    }

    @Test(arguments: maps, windows) func agreesWithItsDefinition(
        _ shape: [Int], _ window: SlidingWindow
    ) throws {
        let x = try MapTest.tensor(shape, seed: 31)
        let (a, c) = (x.elements, shape[3])
        let taps = window.kernelSize.height * window.kernelSize.width
        let windows = Self.outputs(window, shape)
        let result = [shape[0], windows.height * windows.width, c * taps]
        var expected = [Double](repeating: 0, count: result.reduce(1, *))
        Self.forEach(window, shape, windows) { p, t, pixel in
            for k in 0..<c {
                expected[(p * c + k) * taps + t] = pixel.map { Double(a[$0 * c + k]) } ?? 0
            }
        }
        let layer = try Unfold(
            kernelSize: window.kernelSize, dilation: window.dilation, padding: window.padding,
            stride: window.stride)
        #expect(layer.window == window)
        try MapTest.everywhere {
            try layer(x)
        } check: { isa, y in
            MapTest.expect(y, shape: result, expected, tolerance: 0, "\(isa)")
        }
        #expect(try layer.outputShape(for: shape) == result)
    }

    /// A linear layer with a convolution's weights on the windows is that convolution.
    @Test func windowsTimesWeightsAreAConvolution() throws {
        let conv = try Conv2d(
            inputChannels: 3, outputChannels: 5, kernelSize: 3, stride: 2, padding: 1, seed: 4)
        let x = try MapTest.tensor([2, 7, 9, 3], seed: 32)
        let windows = try Unfold(kernelSize: 3, padding: 1, stride: 2)(x)
        let linear = try Linear(
            weight: conv.weight.value.reshaped(to: [5, 27]), bias: conv.bias?.value)
        let direct = try conv(x)
        let difference = try linear(windows).reshaped(to: direct.shape)
            .maximumDifference(from: direct)
        #expect(difference < 1e-5)
    }

    @Test func refusals() throws {
        let refused = EdgePaddingCases.refused
        #expect(refused { _ = try Unfold(kernelSize: 0) } == "kernelSize")
        #expect(refused { _ = try Unfold(kernelSize: 2, dilation: 0) } == "dilation")
        #expect(refused { _ = try Unfold(kernelSize: 2, padding: -1) } == "padding")
        #expect(refused { _ = try Unfold(kernelSize: 2, stride: 0) } == "stride")
        #expect(
            refused { _ = try Unfold(kernelSize: 2, stride: Size2d((1 << 20) + 1)) } == "stride")
        let layer = try Unfold(kernelSize: Size2d(height: 3, width: 2))
        #expect(refused { _ = try layer(Tensor(zeros: [1, 2, 5, 1])) } == "x")
        #expect(refused { _ = try layer(Tensor(zeros: [1, 5, 1, 1])) } == "x")
        #expect(refused { _ = try layer(Tensor(zeros: [1, 0, 5, 1])) } == "x")
        #expect(refused { _ = try layer(Tensor(zeros: [5, 5, 1])) } == "x")
        #expect(refused { _ = try layer(Tensor(zeros: [1, 3, 2, 1])) } == "accepted")
    }

    /// The largest options give a refusal, no overflow and no work.
    @Test func absurdOptions() throws {
        let most = OptionLimits.length
        let layer = try Unfold(kernelSize: Size2d(most), padding: Size2d(most))
        #expect(throws: ProteanError.self) { try layer(Tensor(zeros: [1, 3, 3, 2])) }
    }

    @Test func costs() throws {
        let cost = try Unfold(kernelSize: 2).cost(for: [1, 3, 3, 2])
        #expect(cost.bytes == 4 * (18 + 32) && cost.multiplyAdds == 0)
    }
}
