import CProteanKernels

extension Operations {
    /// One call with a mixture of experts per sample. Samples of which a guard leaves outputs out are
    /// computed again by the defining sums, so a sample's result does not depend on the others.
    static func run(
        _ call: PreparedConv2d, _ x: Tensor, _ mixture: ExpertMixture, _ epilogue: Conv2dEpilogue,
        into y: Tensor, layer: String
    ) throws(ProteanError) {
        var runtime = call.runtime, shape = call.shape
        var weights = mixture.source(of: call.packed), end = epilogue.kernelValue(bias: nil)
        var guarding = Conv2dGuard(outputs: call.output, isOn: call.isGuarded)
        let status = guarding.run { guarding in
            withExtendedLifetime((x, call, mixture, epilogue, y)) {
                ptn_conv2d(
                    &runtime, &shape, x.storage!.base, &weights, &end, y.storage!.base, guarding)
            }
        }
        let sets = x.shape[0] * (call.mixtureFloats + call.packed.geometry.outputChannels)
        try status.check(layer, bytes: call.scratchBytes + sets * MemoryLayout<Float>.stride)
        for sample in guarding.samplesLeftOut() {
            try runDirectly(sample, call, x, mixture, epilogue, into: y, layer: layer)
        }
    }

    /// Computes one sample by the defining sums.
    private static func runDirectly(
        _ sample: Int, _ call: PreparedConv2d, _ x: Tensor, _ mixture: ExpertMixture,
        _ epilogue: Conv2dEpilogue, into y: Tensor, layer: String
    ) throws(ProteanError) {
        var runtime = call.runtime, shape = call.shape
        shape.n = 1
        shape.choice = PTN_CONV2D_FORCE_DIRECT
        var weights = mixture.source(of: call.packed)
        weights.routing = weights.routing + sample * call.packed.count
        weights.taps = weights.taps.map { $0 + sample * Int(shape.kh * shape.kw) }
        weights.inputs = weights.inputs.map { $0 + sample * Int(shape.c) }
        let each = y.count / call.output[0]
        var end = epilogue.kernelValue(bias: nil)
        end.gate = end.gate.map { $0 + sample * Int(shape.k) }
        end.residual = end.residual.map { $0 + sample * each }
        end.factor = end.factor.map { $0 + sample * each }
        let status = withExtendedLifetime((x, call, mixture, epilogue, y)) {
            ptn_conv2d(
                &runtime, &shape, x.storage!.base + sample * (x.count / call.output[0]), &weights,
                &end, y.storage!.base + sample * each, nil)
        }
        try status.check(layer)
    }
}
