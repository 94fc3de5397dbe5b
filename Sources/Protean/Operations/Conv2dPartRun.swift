import CProteanKernels

/// One call of the kernel on a part of a convolution; outputs that a guard leaves out are computed by
/// the defining sums.
struct Conv2dPartRun {
    let call: PreparedConv2d
    let part: Conv2dPart
    /// `[rows, height, width, channels]` of the rows and channels that are computed.
    let output: [Int]
    let layer: String

    private var input: Int {
        Int(call.shape.h * call.shape.w) * (part.inputChannels ?? Int(call.shape.c))
    }
    private var pixels: Int { output[1] * output[2] }

    func callAsFunction(
        _ x: UnsafePointer<Float>, _ epilogue: ptn_conv2d_epilogue,
        into y: UnsafeMutablePointer<Float>
    ) throws(ProteanError) {
        var guarding = Conv2dGuard(outputs: output, isOn: call.isGuarded)
        let status = guarding.run { guarding in
            kernel(call.shape, part, call.packed, x, epilogue, y, guarding)
        }
        try status.check(layer, bytes: call.scratchBytes)
        for sample in guarding.samplesLeftOut() {
            try complete(sample, guarding.bytes(of: sample), x, epilogue, y)
        }
    }

    private func kernel(
        _ shape: ptn_conv2d_shape, _ part: Conv2dPart, _ packed: PackedConv2d,
        _ x: UnsafePointer<Float>, _ epilogue: ptn_conv2d_epilogue,
        _ y: UnsafeMutablePointer<Float>, _ guarding: UnsafeMutablePointer<ptn_conv2d_guard>?
    ) -> ptn_status {
        var runtime = call.runtime, shape = shape, epilogue = epilogue
        var weights = ptn_weights_shared(packed.weights)
        return withExtendedLifetime(packed) {
            part.withKernelValue { part in
                ptn_conv2d_partly(&runtime, &shape, part, x, &weights, &epilogue, y, guarding)
            }
        }
    }

    /// Computes the outputs of one row that a guard left out. A row of channels that are not all is
    /// computed as a whole, since the masked kernel reads whole packed weights.
    private func complete(
        _ sample: Int, _ leftOut: UnsafeBufferPointer<UInt8>, _ x: UnsafePointer<Float>,
        _ epilogue: ptn_conv2d_epilogue, _ y: UnsafeMutablePointer<Float>
    ) throws(ProteanError) {
        let sums = try call.packed.definingSums(layer: layer)
        let to = part.outputRow(sample) * pixels * output[3]
        let image = x + part.inputRow(sample) * input, result = y + to
        var end = epilogue, shape = call.shape
        end.bias = end.bias.map { $0 + sample * end.bias_stride }
        end.gate = end.gate.map { $0 + sample * output[3] }
        end.residual = end.residual.map { $0 + to }
        end.factor = end.factor.map { $0 + to }
        shape.n = 1
        shape.choice = PTN_CONV2D_FORCE_DIRECT
        guard part.isNarrower else {
            return try completeMasked(leftOut, sums, shape, image, end, result)
        }
        var rest = part
        (rest.inputRows, rest.outputRows) = (nil, nil)
        let whole = try Tensor(uninitialized: [pixels, output[3]], for: layer)
        let base = whole.storage!.base
        try withExtendedLifetime(whole) { () throws(ProteanError) in
            try kernel(shape, rest, sums, image, end, base, nil).check(layer)
            for pixel in leftOut.indices where leftOut[pixel] != 0 {
                (result + pixel * output[3]).update(
                    from: base + pixel * output[3], count: output[3])
            }
        }
    }

    private func completeMasked(
        _ leftOut: UnsafeBufferPointer<UInt8>, _ sums: PackedConv2d, _ shape: ptn_conv2d_shape,
        _ x: UnsafePointer<Float>, _ epilogue: ptn_conv2d_epilogue,
        _ y: UnsafeMutablePointer<Float>
    ) throws(ProteanError) {
        let plan = try MaskPlan(
            bytes: Array(leftOut), batch: 1, size: Size2d(height: output[1], width: output[2]))
        var runtime = call.runtime, shape = shape, epilogue = epilogue
        var mask = ptn_masked_conv2d_mask()
        mask.outputs = plan.kernelPlan
        mask.inactive = PTN_MASKED_KEEP
        let status = withExtendedLifetime((plan, sums)) {
            ptn_masked_conv2d(&runtime, &shape, &mask, x, sums.weights, 0, &epilogue, y)
        }
        try status.check(layer)
    }
}
