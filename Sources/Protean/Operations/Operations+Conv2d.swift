import CProteanKernels

extension Operations {
    /// activation(gate · conv(x) + bias + residual) on the plans and packed weights of a layer: the
    /// fast path that ``Conv2d`` uses, for custom layers that keep a ``Conv2dPlanCache``.
    ///
    /// - Parameters:
    ///   - x: `[batch, height, width, channels]`.
    ///   - plans: the layer's weights with their plans and packed forms.
    ///   - epilogue: operations applied to the sums before they are stored.
    ///   - layer: the caller's name, for errors.
    /// - Returns: `[batch, height', width', out]`.
    /// - Throws: ``ProteanError`` when a tensor does not fit or memory is short.
    public static func conv2d(
        _ x: Tensor, plans: Conv2dPlanCache, epilogue: Conv2dEpilogue = Conv2dEpilogue(),
        layer: String = "conv2d"
    ) throws(ProteanError) -> Tensor {
        try conv2d(x, plans, epilogue: epilogue, layer: layer)
    }

    /// The convolution kernel on packed weights.
    ///
    /// `mixture` mixes the sets of packed weights per sample; without it there must be one set,
    /// shared by all samples.
    static func conv2d(
        _ x: Tensor, _ plans: Conv2dPlanCache, mixture: ExpertMixture? = nil,
        epilogue: Conv2dEpilogue = Conv2dEpilogue(), layer: String
    ) throws(ProteanError) -> Tensor {
        try mixture?.check(batch: x.shape.first ?? 0, plans.geometry, layer: layer)
        if x.isShapeOnly || mixture?.isShapeOnly == true {
            let output = try plans.geometry.plan(for: x.shape, layer: layer).outputShape
            try epilogue.check(output: output, layer: layer)
            return try Tensor(shapeOnly: output)
        }
        let call = try plans.prepared(for: x.shape, settings: try Runtime.resolved(), layer: layer)
        return try conv2d(x, call, mixture: mixture, epilogue: epilogue, layer: layer)
    }

    /// The convolution kernel on a prepared call.
    static func conv2d(
        _ x: Tensor, _ call: PreparedConv2d, mixture: ExpertMixture? = nil,
        epilogue: Conv2dEpilogue, layer: String
    ) throws(ProteanError) -> Tensor {
        try epilogue.check(output: call.output, layer: layer)
        let y = try Tensor(uninitialized: call.output, for: layer)
        if let mixture {
            try run(call, x, mixture, epilogue, into: y, layer: layer)
        } else {
            let bias = UnsafePointer(call.packed.bias?.storage?.base)
            try run(call, x, epilogue.kernelValue(bias: bias), into: y, layer: layer)
            withExtendedLifetime(epilogue) {}
        }
        return y
    }
}

extension Operations {
    /// One call with one set of weights; outputs that a guard leaves out are computed by the
    /// defining sums.
    static func run(
        _ call: PreparedConv2d, _ x: Tensor, _ epilogue: ptn_conv2d_epilogue, into y: Tensor,
        layer: String
    ) throws(ProteanError) {
        var runtime = call.runtime, shape = call.shape, epilogue = epilogue
        var weights = ptn_weights_shared(call.packed.weights)
        var guarding = Conv2dGuard(outputs: call.output, isOn: call.isGuarded)
        let status = guarding.run { guarding in
            withExtendedLifetime((x, call, y)) {
                ptn_conv2d(
                    &runtime, &shape, x.storage!.base, &weights, &epilogue, y.storage!.base,
                    guarding)
            }
        }
        try status.check(layer, bytes: call.scratchBytes)
        guard let leftOut = try guarding.leftOut() else { return }
        try completeConv2d(
            leftOut, of: x, call.packed, shape: shape, runtime: runtime, epilogue: epilogue,
            into: y, layer: layer)
    }
}

extension Operations {
    /// The 1 × 1 convolution kernel on the channels of several maps, one map after the other; nil where
    /// the maps have to be concatenated.
    static func conv2d(
        concatenating maps: [Tensor], _ plans: Conv2dPlanCache, epilogue: Conv2dEpilogue,
        layer: String
    ) throws(ProteanError) -> Tensor? {
        guard plans.geometry.reads(maps), !maps.contains(where: \.isShapeOnly) else { return nil }
        let input = try concatenatedShape(maps, 3)
        let call = try plans.prepared(for: input, settings: try Runtime.resolved(), layer: layer)
        guard call.packed.algorithm == .direct else { return nil }
        try epilogue.check(output: call.output, layer: layer)
        let y = try Tensor(uninitialized: call.output, for: layer)
        let packed = call.packed, bases = maps.map { UnsafePointer($0.storage?.base) }
        var runtime = call.runtime, shape = call.shape
        var kernelEpilogue = epilogue.kernelValue(bias: packed.bias?.storage?.base)
        let status = withExtendedLifetime((maps, packed, epilogue)) {
            ptn_conv2d_maps(
                &runtime, &shape, bases, bases.count, packed.weights, &kernelEpilogue,
                y.storage!.base)
        }
        try status.check(layer, bytes: call.scratchBytes)
        return y
    }
}

extension Conv2dGeometry {
    /// Whether the kernels can read the input's channels from these maps, one after the other.
    func reads(_ maps: [Tensor]) -> Bool {
        guard let first = maps.first, first.rank == 4 else { return false }
        let unpadded = [.symmetric(0), .valid, .same].contains(padding)
        // With one input and one output channel it is a depthwise convolution, which reads one map.
        return kernelSize == 1 && stride == 1 && unpadded && groups == 1
            && (inputChannels > 1 || outputChannels > 1)
            && maps.allSatisfy { $0.shape == first.shape }
    }
}

extension Conv2dEpilogue {
    func kernelValue(bias: UnsafePointer<Float>?) -> ptn_conv2d_epilogue {
        var value = ptn_conv2d_epilogue()
        value.bias = bias
        value.gate = UnsafePointer(gate?.storage?.base)
        value.residual = UnsafePointer(residual?.storage?.base)
        value.residual_after_activation = residualAfterActivation
        value.factor = UnsafePointer(factor?.storage?.base)
        value.activation = activation.kernelSpec
        return value
    }
}
