/// Fused convolutions in sequence, run band by band where that is faster: all of them are applied
/// to a band of rows before the next band begins.
///
/// Intermediate maps then stay in the processor's cache and are never stored as a whole: a block of
/// MobileNetV2, whose expanded map is six times its input, runs 1.1 to 1.7 times as fast on maps of
/// 56 × 56 and 112 × 112 pixels and takes a small part of the memory. Each thread computes the
/// whole chain for a strip of rows. Bits are those of separate calls. It is faster for 1 × 1,
/// strided and depthwise convolutions on maps beyond some 256 KiB; where it is not, or where
/// Winograd's algorithm is chosen for one of them, the convolutions run one by one.
///
/// Not a module: like ``FusedConv2d``, it refers to layers that are part of a model elsewhere.
///
/// ```swift
/// let block = try FusedConv2dChain([expand, depthwise, project])
/// let y = try block(x, residual: x)
/// ```
public final class FusedConv2dChain: Sendable {
    private let stages: [FusedConv2d]

    private struct Key: Equatable, Sendable {
        var input: [Int]
        var settings: Runtime.Resolved
        var version: Int
    }
    private let chains = Derived<Key, PreparedConv2dChain>(capacity: 4)

    /// A chain of one to eight convolutions, each taking the result of the one before.
    ///
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)`` when channels do not
    ///   follow from each other or the number of convolutions is not possible.
    public init(_ stages: [FusedConv2d]) throws(ProteanError) {
        guard (1...PreparedConv2dChain.mostStages).contains(stages.count) else {
            throw .invalidOption(
                layer: "FusedConv2dChain", option: "stages",
                expected: "1...\(PreparedConv2dChain.mostStages)", found: "\(stages.count)")
        }
        for (stage, next) in zip(stages, stages.dropFirst()) {
            let channels = stage.conv.geometry.outputChannels
            guard next.conv.geometry.inputChannels == channels else {
                throw .invalidOption(
                    layer: "FusedConv2dChain", option: "inputChannels", expected: "\(channels)",
                    found: "\(next.conv.geometry.inputChannels)")
            }
        }
        self.stages = stages
    }

    /// The last convolution's result; `residual` is added before its activation.
    ///
    /// A trace records the chain as one layer if it ran band by band.
    /// - Throws: ``ProteanError`` when `x` or `residual` do not fit.
    public func callAsFunction(
        _ x: Tensor, residual: Tensor? = nil
    ) throws(ProteanError) -> Tensor {
        guard !x.isShapeOnly, residual?.isShapeOnly != true,
            let call = try call(for: x.shape), call.pays
        else {
            return try oneByOne(x, residual)
        }
        let place = commonPath()
        return try traced(
            "FusedConv2dChain", path: place, input: x, cost: { cost(input: x, output: $0) }
        ) { () throws(ProteanError) in
            try Operations.conv2dChain(
                x, call, activations: stages.map(\.activation), residual: residual,
                layer: place.path ?? "FusedConv2dChain")
        }
    }

    private func oneByOne(_ x: Tensor, _ residual: Tensor?) throws(ProteanError) -> Tensor {
        var y = x
        for stage in stages.dropLast() { y = try stage(y) }
        guard let last = stages.last else { return y }
        return try last(y, residual: residual)
    }

    /// The prepared call for inputs of this shape; nil if the chain cannot run band by band.
    private func call(for input: [Int]) throws(ProteanError) -> PreparedConv2dChain? {
        let settings = try Runtime.resolved()
        let version = stages.reduce(0) { $0 + $1.plans.version }
        let key = Key(input: input, settings: settings, version: version)
        return try chains.value(for: key) { () throws(ProteanError) in
            var prepared: [PreparedConv2d] = []
            var shape = input
            for stage in stages {
                let call = try stage.plans.prepared(
                    for: shape, settings: settings, layer: stage.conv.place)
                prepared.append(call)
                shape = call.output
            }
            return try PreparedConv2dChain(prepared, settings: settings)
        }
    }

    /// The path that all convolutions share, such as `features.2.conv`.
    private func commonPath() -> Label {
        let label = Label()
        guard Trace.current != nil else { return label }
        let paths = stages.map { $0.conv.place.split(separator: ".") }
        var common = paths[0][...]
        for path in paths.dropFirst() {
            let shared = zip(common, path).prefix { $0.0 == $0.1 }.count
            common = common.prefix(shared)
        }
        if !common.isEmpty { label.assign(common.joined(separator: ".")) }
        return label
    }

    private func cost(input: Tensor, output: Tensor) -> Cost {
        let trace = Trace()
        let ran = try? trace.recording { try oneByOne(Tensor(shapeOnly: input.shape), nil) }
        var cost = ran == nil ? Cost() : trace.totalCost
        // Norms are folded into the weights.
        let weights = stages.reduce(0) { $0 + $1.conv.parameterCount }
        cost.bytes = (input.count + output.count + weights) * MemoryLayout<Float>.stride
        return cost
    }
}
