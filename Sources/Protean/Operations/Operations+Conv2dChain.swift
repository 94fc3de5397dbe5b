import CProteanKernels

/// Convolutions of one chain on inputs of one shape, ready to run.
final class PreparedConv2dChain: Sendable {
    static let mostStages = PTN_CHAIN_MOST

    let stages: [PreparedConv2d]
    let output: [Int]
    let runtime: ptn_runtime
    let scratchBytes: Int
    /// Whether running band by band is possible and estimated to be faster.
    let pays: Bool

    init(_ prepared: [PreparedConv2d], settings: Runtime.Resolved) throws(ProteanError) {
        stages = prepared
        output = prepared.last?.output ?? []
        var runtime = settings.kernelValue
        self.runtime = runtime
        // The plan depends on shapes only; the stages' pointers are not read.
        var stages = prepared.map { ptn_conv2d_stage($0, activation: .identity) }
        var plan = ptn_conv2d_chain_plan()
        let status = ptn_conv2d_chain_plan_for(&runtime, stages.count, &stages, &plan)
        pays = status == PTN_OK && plan.pays
        scratchBytes = Int(plan.scratch_bytes)
    }
}

extension ptn_conv2d_stage {
    init(_ call: PreparedConv2d, activation: Activation) {
        self.init()
        shape = call.shape
        packed = UnsafePointer(call.packed.weights)
        epilogue.bias = UnsafePointer(call.packed.bias?.storage?.base)
        epilogue.activation = activation.kernelSpec
    }
}

extension Operations {
    /// The chain's kernel; `residual` is added before the last activation.
    static func conv2dChain(
        _ x: Tensor, _ call: PreparedConv2dChain, activations: [Activation], residual: Tensor?,
        layer: String
    ) throws(ProteanError) -> Tensor {
        if let residual, residual.shape != call.output {
            throw .shapeMismatch(
                layer: layer, tensor: "residual", expected: "\(call.output)",
                found: residual.shape)
        }
        var stages = zip(call.stages, activations).map {
            ptn_conv2d_stage($0.0, activation: $0.1)
        }
        stages[stages.count - 1].epilogue.residual = UnsafePointer(residual?.storage?.base)
        var runtime = call.runtime
        let y = try Tensor(uninitialized: call.output, for: layer)
        let status = withExtendedLifetime((x, call, residual)) {
            ptn_conv2d_chain(&runtime, stages.count, &stages, x.storage!.base, y.storage!.base)
        }
        try status.check(layer, bytes: call.scratchBytes)
        return y
    }
}
