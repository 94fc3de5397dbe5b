import Testing

@testable import Protean

@Suite struct FoldTests {
    @Test(arguments: UnfoldTests.maps, UnfoldTests.windows) func agreesWithItsDefinition(
        _ shape: [Int], _ window: SlidingWindow
    ) throws {
        let windows = UnfoldTests.outputs(window, shape), c = shape[3]
        let taps = window.kernelSize.height * window.kernelSize.width
        let x = try MapTest.tensor(
            [shape[0], windows.height * windows.width, c * taps], seed: 33)
        let a = x.elements
        var expected = [Double](repeating: 0, count: shape.reduce(1, *))
        UnfoldTests.forEach(window, shape, windows) { p, t, pixel in
            guard let pixel else { return }
            for k in 0..<c { expected[pixel * c + k] += Double(a[(p * c + k) * taps + t]) }
        }
        let size = Size2d(height: shape[1], width: shape[2])
        let layer = try Fold(
            outputSize: size, kernelSize: window.kernelSize, dilation: window.dilation,
            padding: window.padding, stride: window.stride)
        #expect(layer.window == window && layer.outputSize == size)
        try MapTest.everywhere {
            try layer(x)
        } check: { isa, y in
            MapTest.expect(y, shape: shape, expected, tolerance: 1e-6, "\(isa)")
        }
        #expect(try layer.outputShape(for: x.shape) == shape)
    }

    /// Windows that only touch, folded, are the map again.
    @Test func undoesUnfoldWithoutOverlap() throws {
        let x = try MapTest.tensor([2, 6, 9, 5], seed: 34)
        let size = Size2d(height: 2, width: 3)
        let windows = try Unfold(kernelSize: size, stride: size)(x)
        let back = try Fold(
            outputSize: Size2d(height: 6, width: 9), kernelSize: size, stride: size)(windows)
        #expect(back.isBitEqual(to: x))
    }

    @Test func nanShowsInItsPixelAlone() throws {
        var values = [Float](repeating: 1, count: 4 * 4)
        values[4 * 1 + 2] = .nan  // window 1 at (0, 1), its pixel (1, 0)
        let y = try Fold(outputSize: 3, kernelSize: 2)(Tensor(values, shape: [1, 4, 4])).elements
        #expect(y.indices.allSatisfy { y[$0].isNaN == ($0 == 4) })
    }

    @Test func refusals() throws {
        let refused = EdgePaddingCases.refused
        #expect(refused { _ = try Fold(outputSize: 0, kernelSize: 1) } == "outputSize")
        #expect(refused { _ = try Fold(outputSize: 2, kernelSize: 3) } == "outputSize")
        #expect(refused { _ = try Fold(outputSize: 2, kernelSize: 0) } == "kernelSize")
        #expect(refused { _ = try Fold(outputSize: 2, kernelSize: 2, dilation: 0) } == "dilation")
        #expect(refused { _ = try Fold(outputSize: 2, kernelSize: 2, padding: -1) } == "padding")
        #expect(refused { _ = try Fold(outputSize: 2, kernelSize: 2, stride: 0) } == "stride")
        let layer = try Fold(outputSize: 3, kernelSize: 2)
        #expect(refused { _ = try layer(Tensor(zeros: [1, 4, 8])) } == "accepted")
        #expect(refused { _ = try layer(Tensor(zeros: [1, 5, 8])) } == "x")
        #expect(refused { _ = try layer(Tensor(zeros: [1, 4, 7])) } == "x")
        #expect(refused { _ = try layer(Tensor(zeros: [4, 8])) } == "x")
        #expect(refused { _ = try layer(Tensor(zeros: [1, 2, 2, 8])) } == "x")
    }

    @Test func costs() throws {
        let cost = try Fold(outputSize: 3, kernelSize: 2).cost(for: [1, 4, 8])
        #expect(cost.bytes == 4 * (32 + 18) && cost.multiplyAdds == 0)
    }
}
