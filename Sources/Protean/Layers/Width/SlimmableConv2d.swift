/// A convolution that runs at several widths on the first part of one weight, with a batch norm whose
/// statistics belong to the width.
///
/// At a width of k of K output channels and c of C input channels it computes `weight[:k, :c]`: equal
/// to the whole layer with the other channels zeroed and dropped. Lin, Rao, Lu, Zhou, "Runtime Neural
/// Pruning" (NIPS 2017); Yu, Yang, Xu, Yang, Huang, "Slimmable Neural Networks", arXiv 1812.08928; Li,
/// Wang, Wang, Liang, Li, Chang, "Dynamic Slimmable Network", arXiv 2103.13258.
///
/// Input `[batch, height, width, c]`, output `[batch, height', width', k]`. Not a layer by itself: the
/// network says under which names ``convolution`` (`weight`, `bias`) and ``norm`` (`aux_bn.{i}.*`)
/// are stored. Each pair of widths that is used keeps its packed weights, the most recent ones.
/// Cost: that of a convolution of this width.
public final class SlimmableConv2d: Module {
    /// The widths of the input, ascending.
    public let inputs: [Int]
    /// The widths of the output, ascending; for a depthwise convolution those of the input.
    public let outputs: [Int]
    /// The whole convolution: `weight` and, if there is one, `bias`.
    public let convolution: Conv2d
    /// Statistics for each width of the output.
    public let norm: SlimmableNorm2d?
    /// Where the layer stands in a model.
    public let label: Label? = Label()

    private struct Key: Equatable, Sendable {
        var inputs, outputs, version: Int
    }
    private let kernels: Derived<Key, FusedConv2d>
    private let activation: Activation

    /// A layer with seeded initial values.
    ///
    /// - Parameters:
    ///   - inputs: widths of the input, ascending.
    ///   - outputs: widths of the output, ascending; nil for a depthwise convolution.
    ///   - kernelSize: height and width of the kernel.
    ///   - stride: step in input pixels.
    ///   - padding: zeros around the input.
    ///   - bias: whether a bias is added.
    ///   - hasNorm: whether a norm follows.
    ///   - activation: applied last.
    ///   - kept: pairs of widths whose packed weights are kept.
    ///   - seed: for the initial values.
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)`` naming the option.
    public init(
        inputs: [Int], outputs: [Int]? = nil, kernelSize: Size2d, stride: Size2d = 1,
        padding: Padding2d = 0, bias: Bool = false, hasNorm: Bool = false,
        activation: Activation = .identity, kept: Int = 16, seed: UInt64 = 0
    ) throws(ProteanError) {
        for (option, list) in [("inputs", inputs), ("outputs", outputs ?? inputs)] {
            guard let first = list.first, first > 0,
                zip(list, list.dropFirst()).allSatisfy({ $0 < $1 })
            else {
                throw .invalidOption(
                    layer: "SlimmableConv2d", option: option,
                    expected: "ascending widths above 0", found: "\(list)")
            }
        }
        self.inputs = inputs
        self.outputs = outputs ?? inputs
        convolution = try Conv2d(
            inputChannels: inputs[inputs.count - 1],
            outputChannels: self.outputs[self.outputs.count - 1], kernelSize: kernelSize,
            stride: stride, padding: padding,
            groups: outputs == nil ? inputs[inputs.count - 1] : 1, bias: bias, seed: seed)
        norm = hasNorm ? try SlimmableNorm2d(channels: self.outputs) : nil
        self.activation = activation
        kernels = Derived(capacity: kept)
    }

    /// `convolution` and `norm`.
    public var submodules: [NamedModule] {
        [NamedModule("convolution", convolution)] + (norm.map { [NamedModule("norm", $0)] } ?? [])
    }

    /// The parts under the names of a network's weight file.
    public func named(_ convolutionName: String, _ normName: String? = nil) -> [NamedModule] {
        var parts = [NamedModule(convolutionName, convolution)]
        if let norm, let normName { parts.append(NamedModule(normName, norm)) }
        return parts
    }

    private var isDepthwise: Bool { convolution.geometry.groups > 1 }

    /// activation(norm(conv(x))) at one width.
    ///
    /// - Parameters:
    ///   - x: `[batch, height, width, c]`, c one of ``inputs``.
    ///   - width: one of ``outputs``; ignored by a depthwise convolution, which keeps the channels.
    /// - Throws: ``ProteanError`` when `x` or the width does not fit.
    public func callAsFunction(_ x: Tensor, width: Int) throws(ProteanError) -> Tensor {
        let place = convolution.label?.place(of: convolution) ?? "SlimmableConv2d"
        guard x.rank == 4, inputs.contains(x.shape[3]) else {
            throw .shapeMismatch(
                layer: place, tensor: "x",
                expected: "[batch, height, width, one of \(inputs)]", found: x.shape)
        }
        let width = isDepthwise ? x.shape[3] : width
        guard outputs.contains(width) else {
            throw .invalidOption(
                layer: place, option: "width", expected: "one of \(outputs)", found: "\(width)")
        }
        return try traced(
            "SlimmableConv2d", path: convolution.label, input: x, cost: { cost(x, $0) }
        ) { () throws(ProteanError) in
            if x.isShapeOnly { return try shape(x, width) }
            let kernel = try kernel(x.shape[3], width)
            return try Trace.pausing { () throws(ProteanError) in try kernel(x) }
        }
    }

    private func kernel(_ inputs: Int, _ outputs: Int) throws(ProteanError) -> FusedConv2d {
        let version =
            convolution.weight.version + (convolution.bias?.version ?? 0) + (norm?.version ?? 0)
        let key = Key(inputs: inputs, outputs: outputs, version: version)
        return try kernels.value(for: key) { () throws(ProteanError) in
            let geometry = convolution.geometry
            let weight = try Operations.slice(
                convolution.weight.value,
                [AxisSlice(0..<outputs), isDepthwise ? .all : AxisSlice(0..<inputs)])
            let bias = try convolution.bias.map { (bias) throws(ProteanError) in
                try Operations.slice(bias.value, [AxisSlice(0..<outputs)])
            }
            let conv = try Conv2d(
                weight: weight, bias: bias, stride: geometry.stride, padding: geometry.padding,
                groups: isDepthwise ? inputs : 1)
            return try FusedConv2d(conv, try norm?.norm(of: outputs), activation)
        }
    }

    private func shape(_ x: Tensor, _ width: Int) throws(ProteanError) -> Tensor {
        var geometry = convolution.geometry
        (geometry.inputChannels, geometry.outputChannels) = (x.shape[3], width)
        if isDepthwise { geometry.groups = width }
        return try Tensor(shapeOnly: geometry.plan(for: x.shape, layer: place).outputShape)
    }

    /// Theoretical is the whole width.
    private func cost(_ x: Tensor, _ y: Tensor) -> Cost {
        let geometry = convolution.geometry, pixels = y.count / max(y.shape[3], 1)
        let area = geometry.kernelSize.height * geometry.kernelSize.width
        let weights = y.shape[3] * area * (isDepthwise ? 1 : x.shape[3])
        return Cost(
            multiplyAdds: pixels * geometry.outputChannels * geometry.fanIn,
            executedMultiplyAdds: pixels * weights,
            parameters: convolution.parameterCount + (norm?.parameterCount ?? 0),
            buffers: norm?.bufferCount ?? 0,
            bytes: (x.count + y.count + weights) * MemoryLayout<Float>.stride)
    }
}

/// Batch norm with statistics for each of several widths and one scale and shift for all.
///
/// Parameters `aux_bn.{i}.running_mean` and `.running_var` of width i; the last one's `weight` and
/// `bias` serve all widths, their first channels.
public final class SlimmableNorm2d: Module {
    /// The widths, ascending.
    public let channels: [Int]
    /// Where the layer stands in a model.
    public let label: Label? = Label()

    private let norms: [BatchNorm2d]

    init(channels: [Int]) throws(ProteanError) {
        self.channels = channels
        var norms: [BatchNorm2d] = []
        for (index, width) in channels.enumerated() {
            norms.append(try BatchNorm2d(channels: width, affine: index == channels.count - 1))
        }
        self.norms = norms
    }

    /// `aux_bn.{i}`.
    public var submodules: [NamedModule] {
        norms.enumerated().map { NamedModule("aux_bn.\($0.offset)", $0.element) }
    }

    /// Grows whenever a parameter changes.
    var version: Int { norms.reduce(0) { $0 + $1.version } }

    /// The norm of one width.
    func norm(of width: Int) throws(ProteanError) -> BatchNorm2d {
        guard let index = channels.firstIndex(of: width) else {
            throw .invalidOption(
                layer: place, option: "width", expected: "one of \(channels)", found: "\(width)")
        }
        let own = norms[index], shared = norms[norms.count - 1]
        let norm = try BatchNorm2d(channels: width, eps: shared.eps)
        for (target, source) in [
            (norm.weight, shared.weight), (norm.bias, shared.bias),
            (norm.runningMean, own.runningMean), (norm.runningVar, own.runningVar),
        ] {
            guard let target, let source else { continue }
            try target.set(try Operations.slice(source.value, [AxisSlice(0..<width)]))
        }
        return norm
    }
}
