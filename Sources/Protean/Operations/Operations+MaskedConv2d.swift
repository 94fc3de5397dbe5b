import CProteanKernels

extension Operations {
    /// The convolution kernel at the active pixels of `outputs`, as compact rows
    /// `[outputs.count, channels]` in list order.
    static func maskedConv2dRows(
        _ x: Tensor, from input: MaskedInput, _ packed: PackedConv2d, outputs: MaskPlan,
        epilogue: Conv2dEpilogue = Conv2dEpilogue(), prepared: PreparedMaskedConv2d? = nil,
        layer: String
    ) throws(ProteanError) -> Tensor {
        let call = try MaskedConv2dCall(x, input, packed, outputs, prepared, layer: layer)
        let shape = [outputs.count, packed.geometry.outputChannels]
        try call.check(epilogue, result: shape)
        if x.isShapeOnly { return try Tensor(shapeOnly: shape) }
        let y = try Tensor(uninitialized: shape, for: layer)
        try call.run(epilogue, residual: epilogue.residual?.storage?.base, into: y.storage!.base) {
            $0.output = PTN_MASKED_COMPACT
        }
        return y
    }

    /// The convolution kernel at the active pixels of `outputs`, as a dense map. Without `inactive`
    /// the other pixels are undefined. With `rest`, `[batch, height, width, fewer channels]`, the
    /// first channels of inactive pixels of an active map are read from `rest` instead of being
    /// zeros; this needs one of Winograd's forms.
    static func maskedConv2d(
        _ x: Tensor, from input: MaskedInput = .map, rest: Tensor? = nil, _ packed: PackedConv2d,
        outputs: MaskPlan, inactive: InactiveOutputs? = .zeros,
        epilogue: Conv2dEpilogue = Conv2dEpilogue(), prepared: PreparedMaskedConv2d? = nil,
        layer: String
    ) throws(ProteanError) -> Tensor {
        var call = try MaskedConv2dCall(x, input, packed, outputs, prepared, layer: layer)
        if let rest { try call.setRest(rest) }
        try call.check(epilogue, result: call.outputShape)
        if case .copy(let base)? = inactive { try call.check(base, as: "inactive") }
        if x.isShapeOnly { return try Tensor(shapeOnly: call.outputShape) }
        let y = try Tensor(uninitialized: call.outputShape, for: layer)
        try call.run(epilogue, residual: epilogue.residual?.storage?.base, into: y.storage!.base) {
            switch inactive {
            case nil: $0.inactive = PTN_MASKED_KEEP
            case .zeros: $0.inactive = PTN_MASKED_ZERO
            case .copy(let base):
                $0.inactive = PTN_MASKED_COPY
                $0.base = UnsafePointer(base.storage!.base)
            }
        }
        withExtendedLifetime(inactive) {}
        return y
    }

    /// The convolution kernel at the active pixels of `outputs`, written into `y`. Other pixels
    /// stay as they are, except that those that are active in `previous` and not in `outputs`
    /// become 0. With `addsToResult`, `y` itself is the residual.
    static func updateMaskedConv2d(
        _ y: inout Tensor, with x: Tensor, from input: MaskedInput = .map, _ packed: PackedConv2d,
        outputs: MaskPlan, previous: MaskPlan? = nil, addsToResult: Bool = false,
        epilogue: Conv2dEpilogue = Conv2dEpilogue(), prepared: PreparedMaskedConv2d? = nil,
        layer: String
    ) throws(ProteanError) {
        let call = try MaskedConv2dCall(x, input, packed, outputs, prepared, layer: layer)
        try call.check(epilogue, result: call.outputShape)
        try call.check(y, as: "y")
        if let previous { try call.check(previous) }
        if x.isShapeOnly { return }
        let base = try y.uniqueBase()
        let residual = addsToResult ? base : epilogue.residual?.storage?.base
        try call.run(epilogue, residual: residual, into: base) {
            $0.inactive = previous == nil ? PTN_MASKED_KEEP : PTN_MASKED_ZERO
            $0.previous = previous?.kernelPlan
        }
        withExtendedLifetime(previous) {}
    }
}

extension Operations {
    /// The kernel of a 1 × 1 convolution of several maps' channels, one map after the other, at the
    /// active pixels of `outputs`, written into `y`; other pixels stay as they are. The geometry is
    /// that of the concatenated maps.
    static func updateMaskedConv2d(
        _ y: inout Tensor, concatenating maps: [Tensor], _ packed: PackedConv2d, outputs: MaskPlan,
        epilogue: Conv2dEpilogue, prepared: PreparedMaskedConv2d, layer: String
    ) throws(ProteanError) {
        let joined = try Tensor(shapeOnly: try concatenatedShape(maps, 3))
        var call = try MaskedConv2dCall(joined, .map, packed, outputs, prepared, layer: layer)
        call.maps = maps
        try call.check(epilogue, result: call.outputShape)
        try call.check(y, as: "y")
        if call.isShapeOnly { return }
        let base = try y.uniqueBase()
        try call.run(epilogue, residual: epilogue.residual?.storage?.base, into: base) {
            $0.inactive = PTN_MASKED_KEEP
        }
    }
}

extension Operations {
    /// The convolution kernel at the active pixels of `outputs`, written into `y`'s channels from
    /// `first` on; everything else stays as it is.
    static func updateMaskedConv2d(
        channelsFrom first: Int, of y: inout Tensor, with x: Tensor, _ packed: PackedConv2d,
        outputs: MaskPlan, epilogue: Conv2dEpilogue, prepared: PreparedMaskedConv2d? = nil,
        layer: String
    ) throws(ProteanError) {
        let call = try MaskedConv2dCall(x, .map, packed, outputs, prepared, layer: layer)
        try call.check(epilogue, result: call.outputShape)
        let pixels = call.outputShape.dropLast(), channels = call.outputShape[3]
        guard y.rank == 4, y.shape.dropLast() == pixels, first >= 0, first + channels <= y.shape[3]
        else {
            throw .shapeMismatch(
                layer: layer, tensor: "y", expected: "\(pixels) and \(first + channels) channels",
                found: y.shape)
        }
        if x.isShapeOnly || y.isShapeOnly { return }
        let base = try y.uniqueBase(), step = y.shape[3]
        try call.run(epilogue, residual: nil, into: base + first) {
            $0.inactive = PTN_MASKED_KEEP
            $0.y_step = step
        }
    }
}

/// One checked masked convolution. Noncopyable: reference counting of all its parts would take a
/// considerable part of a small call's time.
struct MaskedConv2dCall: ~Copyable {
    /// A shape only where there are `maps`.
    let x: Tensor
    /// Maps that together hold the input's channels, one after the other, if `x` does not.
    var maps: [Tensor] = []
    /// The first channels of inactive input pixels, instead of zeros.
    private var rest: Tensor?
    let input: MaskedInput
    let packed: PackedConv2d
    let outputs: MaskPlan
    let layer: String
    let shape: ptn_conv2d_shape
    let runtime: ptn_runtime
    let isGuarded: Bool
    /// `[batch, height, width, channels]` of the dense result.
    let outputShape: [Int]

    /// `prepared` is the prepared call for the shape of `x`, if there is one.
    init(
        _ x: Tensor, _ input: MaskedInput, _ packed: PackedConv2d, _ outputs: MaskPlan,
        _ prepared: PreparedMaskedConv2d?, layer: String
    ) throws(ProteanError) {
        var shape: ptn_conv2d_shape
        let output: [Int], runtime: ptn_runtime, exactness: Exactness
        if let prepared {
            shape = prepared.shape
            output = prepared.output
            runtime = prepared.settings.kernelValue
            exactness = prepared.settings.exactness
        } else {
            let map = try input.mapShape(of: x, packed.geometry, layer: layer)
            shape = try packed.geometry.kernelShape(for: map, layer: layer)
            let size = try packed.geometry.outputSize(shape, layer: layer)
            output = [map[0], size.height, size.width, Int(shape.k)]
            runtime = try Runtime.current()
            exactness = try Runtime.exactness()
        }
        try Self.check(outputs, output, layer: layer)
        shape.choice = packed.algorithm.choice
        self.x = x
        self.input = input
        self.packed = packed
        self.outputs = outputs
        self.layer = layer
        self.shape = shape
        self.runtime = runtime
        isGuarded = exactness == .guarded && packed.algorithm.isWinograd
        outputShape = output
    }

    mutating func setRest(_ rest: Tensor) throws(ProteanError) {
        let pixels = x.shape.dropLast(), channels = rest.shape.last ?? 0
        guard case .activeMap = input, rest.rank == 4, rest.shape.dropLast() == pixels,
            channels <= x.shape[3]
        else {
            throw .shapeMismatch(
                layer: layer, tensor: "rest", expected: "\(pixels) and at most the map's channels",
                found: rest.shape)
        }
        guard isShapeOnly || !rest.isShapeOnly else { throw .noValues(layer: layer) }
        self.rest = rest
    }

    func check(_ plan: MaskPlan) throws(ProteanError) {
        try Self.check(plan, outputShape, layer: layer)
    }

    private static func check(
        _ plan: MaskPlan, _ output: [Int], layer: String
    ) throws(ProteanError) {
        let fits =
            plan.batch == output[0] && plan.size.height == output[1]
            && plan.size.width == output[2]
        guard fits else {
            throw .shapeMismatch(
                layer: layer, tensor: "mask", expected: "\(Array(output.prefix(3)))",
                found: [plan.batch, plan.size.height, plan.size.width])
        }
    }

    func check(_ map: Tensor, as name: String) throws(ProteanError) {
        guard map.shape == outputShape else {
            throw .shapeMismatch(
                layer: layer, tensor: name, expected: "\(outputShape)", found: map.shape)
        }
        guard isShapeOnly || !map.isShapeOnly else { throw .noValues(layer: layer) }
    }

    var isShapeOnly: Bool {
        maps.isEmpty ? x.isShapeOnly : maps.contains(where: \.isShapeOnly)
    }

    func check(_ epilogue: Conv2dEpilogue, result: [Int]) throws(ProteanError) {
        try epilogue.check(output: outputShape, residual: result, layer: layer)
    }

    func run(
        _ epilogue: Conv2dEpilogue, residual: UnsafeMutablePointer<Float>?,
        into y: UnsafeMutablePointer<Float>,
        _ configure: (inout ptn_masked_conv2d_mask) -> Void
    ) throws(ProteanError) {
        var mask = ptn_masked_conv2d_mask()
        mask.outputs = outputs.kernelPlan
        mask.inputs = input.plan?.kernelPlan
        mask.input = input.kernelValue
        if let rest {
            mask.rest = UnsafePointer(rest.storage?.base)
            mask.rest_channels = rest.shape[3]
        }
        configure(&mask)
        var runtime = runtime
        var shape = shape
        var kernelEpilogue = epilogue.kernelValue(bias: packed.bias?.storage?.base)
        kernelEpilogue.residual = UnsafePointer(residual)
        let bases = maps.map { UnsafePointer($0.storage?.base) }
        if !maps.isEmpty { mask.input = PTN_MASKED_MAPS }
        var guarding = Conv2dGuard(outputs: outputShape, isOn: isGuarded)
        let status = guarding.run { guarding in
            bases.withUnsafeBufferPointer { bases in
                mask.maps = bases.baseAddress
                mask.maps_count = bases.count
                mask.guard = guarding
                return ptn_masked_conv2d(
                    &runtime, &shape, &mask, x.storage?.base, packed.weights, 0, &kernelEpilogue,
                    y)
            }
        }
        withExtendedLifetime(self) {}
        try status.check(layer)
        if let leftOut = try guarding.leftOut() {
            try complete(leftOut, mask, kernelEpilogue, into: y)
        }
        withExtendedLifetime(epilogue) {}
    }

    /// Computes active outputs that a guard left out, by the defining sums.
    private func complete(
        _ leftOut: MaskPlan, _ configured: ptn_masked_conv2d_mask, _ epilogue: ptn_conv2d_epilogue,
        into y: UnsafeMutablePointer<Float>
    ) throws(ProteanError) {
        let sums = try packed.definingSums(layer: layer)
        let input = try inputOfSums()
        var mask = configured, shape = shape, runtime = runtime, epilogue = epilogue
        mask.guard = nil
        mask.outputs = leftOut.kernelPlan
        mask.output_order = mask.output == PTN_MASKED_COMPACT ? outputs.kernelPlan : nil
        mask.inactive = PTN_MASKED_KEEP
        mask.previous = nil
        mask.base = nil
        if rest != nil {
            mask.input = PTN_MASKED_MAP
            mask.rest = nil
            mask.rest_channels = 0
        }
        shape.choice = PTN_CONV2D_SUMS
        let status = withExtendedLifetime((input, sums, leftOut)) {
            ptn_masked_conv2d(
                &runtime, &shape, &mask, input.storage?.base, sums.weights, 0, &epilogue, y)
        }
        withExtendedLifetime(self) {}
        try status.check(layer)
    }

    /// The input for the defining sums, with the values of inactive pixels that replace zeros
    /// copied into it.
    private func inputOfSums() throws(ProteanError) -> Tensor {
        guard let rest, let plan = input.plan else { return x }
        var others = try Tensor(repeating: 0, shape: x.shape)
        let all = try plan.union(plan.inverted())
        try Operations.copyFirstChannels(of: rest, into: &others, at: all)
        return try Operations.replacingInactive(x, of: plan, by: others)
    }
}

extension Tensor {
    /// The elements for writing; copied first if they are shared.
    mutating func uniqueBase() throws(ProteanError) -> UnsafeMutablePointer<Float> {
        guard storage != nil else { throw .noValues(layer: "Tensor") }
        if !(storage!.isOwned && isKnownUniquelyReferenced(&storage!)) {
            let copy = try Tensor(uninitialized: shape)
            copy.storage!.base.initialize(from: storage!.base, count: count)
            storage = copy.storage
        }
        return storage!.base
    }
}
