import Protean

/// The range of colours that a super-resolution network was trained on, between images in 0...255 and
/// its first and last convolution.
///
/// The last convolution has the factor in its weights.
struct ColorRange {
    /// The network's value for 255.
    let white: Float

    /// Colours in 0...255 in the network's range.
    func entering(_ x: Tensor) throws(ProteanError) -> Tensor {
        white == 255
            ? x : try Operations.multiply(x, try Tensor(repeating: white / 255, shape: [1]))
    }

    /// The last convolution, its results in 0...255.
    func leaving(_ last: Conv2d) throws(ProteanError) -> FusedConv2d {
        white == 255
            ? try FusedConv2d(last)
            : try FusedConv2d(
                last, Scale(channels: last.geometry.outputChannels, factor: 255 / white))
    }

    /// y = x · factor.
    private struct Scale: FoldableNorm {
        let channels: Int
        let factor: Float
        let version = 0

        func scaleAndShift() throws(ProteanError) -> (scale: Tensor, shift: Tensor) {
            (try Tensor(repeating: factor, shape: [channels]), try Tensor(zeros: [channels]))
        }

        func callAsFunction(_ x: Tensor) throws(ProteanError) -> Tensor {
            try Operations.multiply(x, try Tensor(repeating: factor, shape: [1]))
        }
    }

    /// Throws unless `x` is `[batch, height, width, 3]` and not empty but for the batch.
    static func check(_ x: Tensor, model: String) throws(ProteanError) {
        guard x.rank == 4, x.shape[1] > 0, x.shape[2] > 0, x.shape[3] == 3 else {
            throw .shapeMismatch(
                layer: model, tensor: "x", expected: "[batch, height, width, 3], not empty",
                found: x.shape)
        }
    }
}
