/// A gate that decides from a map whether the next block runs.
///
/// Form I: max pool 2, 3 × 3 convolution, norm and ReLU, 3 × 3 convolution with stride 2, norm and
/// ReLU, mean over the map, 1 × 1 convolution to two scores. Form II: one 3 × 3 convolution with
/// stride 2, norm and ReLU, then as in form I. The result is the softmax of the scores; the block runs
/// where its second entry is above one half. Wang, Yu, Dou, Darrell, Gonzalez, "SkipNet", arXiv
/// 1711.09485; in inference the soft gates of its published code are the same.
///
/// Input `[batch, height, width, channels]`, at least 2 × 2 pixels for form I; scores `[batch, 2]`:
/// pass, run. Parameters `conv1`, `bn1`, in form I `conv2`, `bn2`, and `linear_layer`. Cost: that of
/// the convolutions, some 5/32 of a basic block's for form I and 1/8 for form II.
public final class FeedForwardGate: DecisionGate, Layer {
    /// The form of a gate.
    public enum Form: String, Sendable, CaseIterable {
        /// A pool and two convolutions (38 and 74 layers).
        case pooledPair = "I"
        /// One convolution (110 layers).
        case single = "II"
    }

    /// The form.
    public let form: Form
    /// Where the gate stands in a model.
    public let label: Label? = Label()
    /// `conv1`, `bn1`, … and `linear_layer`.
    public let submodules: [NamedModule]

    private let steps: [FusedConv2d]
    private let pool: MaxPool2d
    private let classifier: Conv2d

    /// A gate with seeded initial values.
    ///
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)``.
    public init(
        channels: Int, form: Form = .pooledPair, seed: UInt64 = 0
    ) throws(ProteanError) {
        try checkChannels(channels, "channels", layer: "FeedForwardGate")
        self.form = form
        let strides = form == .pooledPair ? [1, 2] : [2]
        var parts: [NamedModule] = [], steps: [FusedConv2d] = []
        for (index, stride) in strides.enumerated() {
            let conv = try Conv2d(
                inputChannels: channels, outputChannels: channels, kernelSize: 3,
                stride: Size2d(stride), padding: 1, bias: false, seed: seed &+ UInt64(index))
            let norm = try BatchNorm2d(channels: channels)
            parts += [NamedModule("conv\(index + 1)", conv), NamedModule("bn\(index + 1)", norm)]
            steps.append(try FusedConv2d(conv, norm, .relu))
        }
        classifier = try Conv2d(
            inputChannels: channels, outputChannels: 2, kernelSize: 1, seed: seed &+ 2)
        pool = try MaxPool2d(kernelSize: 2)
        submodules = parts + [NamedModule("linear_layer", classifier)]
        self.steps = steps
    }

    /// The probabilities of passing and of running, `[batch, 2]`.
    ///
    /// - Throws: ``ProteanError`` when `x` does not fit.
    public func scores(_ x: Tensor) throws(ProteanError) -> Tensor {
        try Operations.checkMap(x, pixels: true, layer: place)
        var y = form == .pooledPair ? try pool(x) : x
        for step in steps { y = try step(y) }
        let scores = try classifier(try y.pooledPixel())
        return try Operations.softmax(try scores.reshaped(to: [x.shape[0], 2]))
    }

    /// ``scores(_:)``.
    public func callAsFunction(_ x: Tensor) throws(ProteanError) -> Tensor { try scores(x) }
}

extension Tensor {
    /// The mean over height and width as a map of one pixel, `[batch, 1, 1, channels]`.
    func pooledPixel() throws(ProteanError) -> Tensor {
        try GlobalAveragePool2d()(self).reshaped(to: [shape[0], 1, 1, shape[3]])
    }
}
