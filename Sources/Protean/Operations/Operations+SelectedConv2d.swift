import CProteanKernels

/// How chosen channels of a convolution are computed. All ways give equal bits.
public enum SelectedConv2dWay: String, Sendable, CaseIterable {
    /// The faster of the two by an estimate.
    case automatic = "auto"
    /// Chosen channels of pixels and weights are copied side by side, and the copies convolved; rows
    /// whose lists are equally long, when rounded up to whole vectors, run together. Not for groups
    /// other than depthwise ones, for at most eight output channels computed along the input channels,
    /// nor before a PReLU, which run by panels.
    case compact
    /// Panels of output channels without a chosen one are left out, others are computed as a whole.
    case panels

    init(_ kernelValue: ptn_select_way) {
        switch kernelValue {
        case PTN_SELECT_COMPACT: self = .compact
        case PTN_SELECT_PANELS: self = .panels
        default: self = .automatic
        }
    }

    var kernelValue: ptn_select_way {
        switch self {
        case .automatic: PTN_SELECT_AUTO
        case .compact: PTN_SELECT_COMPACT
        case .panels: PTN_SELECT_PANELS
        }
    }
}

extension Operations {
    /// activation(gate · Σ_{chosen inputs} + bias + residual) for the chosen output channels of every
    /// row, and 0 for the others; see ``SelectedConv2d``.
    ///
    /// - Parameters:
    ///   - x: `[batch, height, width, channels]`.
    ///   - plans: the layer's weights with their plans and packed forms.
    ///   - inputs: the input channels of each row that are read; nil for all. Others count as 0.
    ///   - outputs: the output channels of each row that are computed; nil for all.
    ///   - way: how they are computed.
    ///   - epilogue: operations applied to the sums before they are stored.
    ///   - layer: the caller's name, for errors.
    /// - Returns: `[batch, height', width', out]`.
    /// - Throws: ``ProteanError`` when a tensor or a plan does not fit or memory is short.
    public static func selectedConv2d(
        _ x: Tensor, plans: Conv2dPlanCache, inputs: ChannelPlan?, outputs: ChannelPlan?,
        way: SelectedConv2dWay = .automatic, epilogue: Conv2dEpilogue = Conv2dEpilogue(),
        layer: String = "selectedConv2d"
    ) throws(ProteanError) -> Tensor {
        let run = SelectedConv2dRun(inputs: inputs, outputs: outputs, way: way, layer: layer)
        return try run(x, plans, epilogue).result
    }
}

/// One call on chosen channels; outputs that a guard leaves out are computed by the defining sums.
struct SelectedConv2dRun {
    let inputs, outputs: ChannelPlan?
    let way: SelectedConv2dWay
    let layer: String

    /// The result, and the way that the kernel took.
    func callAsFunction(
        _ x: Tensor, _ plans: Conv2dPlanCache, _ epilogue: Conv2dEpilogue
    ) throws(ProteanError) -> (result: Tensor, way: SelectedConv2dWay) {
        let geometry = plans.geometry, batch = x.shape.first ?? 0
        try inputs?.check(
            batch: batch, channels: geometry.inputChannels, "inputs", layer: layer)
        try outputs?.check(
            batch: batch, channels: geometry.outputChannels, "outputs", layer: layer)
        if x.isShapeOnly {
            let shape = try geometry.plan(for: x.shape, layer: layer).outputShape
            try epilogue.check(output: shape, layer: layer)
            return (try Tensor(shapeOnly: shape), way)
        }
        let call = try plans.prepared(for: x.shape, settings: try Runtime.resolved(), layer: layer)
        try epilogue.check(output: call.output, layer: layer)
        let y = try Tensor(uninitialized: call.output, for: layer)
        let end = epilogue.kernelValue(bias: call.packed.bias?.storage?.base)
        var used = way.kernelValue
        var guarding = Conv2dGuard(outputs: call.output, isOn: call.isGuarded)
        let status = guarding.run { guarding in
            withExtendedLifetime((x, epilogue)) {
                kernel(
                    call, call.shape, call.packed, 0, x.storage!.base, end, y.storage!.base,
                    guarding, &used)
            }
        }
        try status.check(layer, bytes: call.scratchBytes)
        for sample in guarding.samplesLeftOut() {
            try complete(sample, guarding.bytes(of: sample), call, x, end, into: y)
        }
        withExtendedLifetime(epilogue) {}
        return (y, SelectedConv2dWay(used))
    }

    /// The kernel on rows from `row` on, as many as the shape has.
    private func kernel(
        _ call: PreparedConv2d, _ shape: ptn_conv2d_shape, _ packed: PackedConv2d, _ row: Int,
        _ x: UnsafePointer<Float>, _ epilogue: ptn_conv2d_epilogue,
        _ y: UnsafeMutablePointer<Float>, _ guarding: UnsafeMutablePointer<ptn_conv2d_guard>?,
        _ used: inout ptn_select_way
    ) -> ptn_status {
        var runtime = call.runtime, shape = shape, epilogue = epilogue
        let rows = Int(shape.n), way = way.kernelValue
        return withExtendedLifetime(packed) {
            Self.withChoice(inputs, row, rows) { inputs in
                Self.withChoice(outputs, row, rows) { outputs in
                    ptn_conv2d_select(
                        &runtime, &shape, inputs, outputs, way, x, packed.weights, &epilogue, y,
                        guarding, &used)
                }
            }
        }
    }

    private static func withChoice<R>(
        _ plan: ChannelPlan?, _ row: Int, _ rows: Int,
        _ body: (UnsafePointer<ptn_channel_sets>?) -> R
    ) -> R {
        guard let plan else { return body(nil) }
        let first = plan.offsets[row]
        let offsets = plan.offsets[row...row + rows].map { $0 - first }
        return offsets.withUnsafeBufferPointer { offsets in
            plan.list.withUnsafeBufferPointer { list in
                var choice = ptn_channel_sets(
                    offsets: offsets.baseAddress, list: list.baseAddress.map { $0 + first })
                return body(&choice)
            }
        }
    }

    /// Computes the outputs of one row that the guard left out, by a call on the whole row.
    private func complete(
        _ row: Int, _ leftOut: UnsafeBufferPointer<UInt8>, _ call: PreparedConv2d, _ x: Tensor,
        _ epilogue: ptn_conv2d_epilogue, into y: Tensor
    ) throws(ProteanError) {
        let sums = try call.packed.definingSums(layer: layer)
        let channels = call.output[3], pixels = call.output[1] * call.output[2]
        let each = pixels * channels
        var end = epilogue, shape = call.shape, used = way.kernelValue
        shape.n = 1
        shape.choice = PTN_CONV2D_FORCE_DIRECT
        end.gate = end.gate.map { $0 + row * channels }
        end.residual = end.residual.map { $0 + row * each }
        end.factor = end.factor.map { $0 + row * each }
        let whole = try Tensor(uninitialized: [pixels, channels], for: layer)
        let from = whole.storage!.base, to = y.storage!.base + row * each
        let image = x.storage!.base + row * (x.count / x.shape[0])
        try withExtendedLifetime((x, y, whole)) { () throws(ProteanError) in
            try kernel(call, shape, sums, row, image, end, from, nil, &used).check(layer)
            for pixel in leftOut.indices where leftOut[pixel] != 0 {
                (to + pixel * channels).update(from: from + pixel * channels, count: channels)
            }
        }
    }
}
