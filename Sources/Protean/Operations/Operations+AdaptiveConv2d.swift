import CProteanKernels

/// How a pixel-adaptive convolution turns distances of features into factors.
public struct AdaptiveFunction: Sendable, Hashable {
    /// The function of the squared distance D.
    public enum Kind: Sendable, Hashable {
        /// exp(−D / 2)
        case gaussian
        /// alpha + (D + 10⁻⁴)^(lambda / 2)
        case inverse(alpha: Float, lambda: Float)
    }

    /// The function of the squared distance.
    public var kind: Kind
    /// Negative differences of features count as 0.
    public var ignoresNegative: Bool

    /// The Gaussian unless another function is given.
    public init(_ kind: Kind = .gaussian, ignoresNegative: Bool = false) {
        self.kind = kind
        self.ignoresNegative = ignoresNegative
    }

    var kernelValue: ptn_adaptive_function {
        var value = ptn_adaptive_function()
        value.positive = ignoresNegative
        switch kind {
        case .gaussian: value.kind = PTN_ADAPTIVE_GAUSSIAN
        case .inverse(let alpha, let lambda):
            value.kind = PTN_ADAPTIVE_INVERSE
            value.alpha = alpha
            value.lambda = lambda
        }
        return value
    }
}

extension Operations {
    /// The factors of a pixel-adaptive convolution: per output pixel one for every tap, from the
    /// distance between the guide's features there and at the centre.
    ///
    /// Su et al., "Pixel-Adaptive Convolutional Neural Networks", arXiv 1904.05373. The guide is zero
    /// outside its map. Cost: per output taps · features multiply-adds and one exponential per tap.
    /// - Parameters:
    ///   - guide: `[batch, height, width, features]`.
    ///   - function: from squared distances to factors.
    ///   - geometry: kernel size (odd), stride, padding and dilation; its channels are ignored.
    ///   - centre: the features at the centre, `[batch, height', width', features]`; nil: the guide's.
    ///   - layer: the caller's name, for errors.
    /// - Returns: `[batch, height', width', taps]`, taps row by row.
    /// - Throws: ``ProteanError`` when a tensor does not fit or the kernel's sides are not odd.
    public static func adaptiveKernels(
        _ guide: Tensor, function: AdaptiveFunction = AdaptiveFunction(),
        geometry: Conv2dGeometry, centre: Tensor? = nil, layer: String = "adaptiveKernels"
    ) throws(ProteanError) -> Tensor {
        try checkMap(guide, pixels: true, layer: layer)
        let kernel = geometry.kernelSize
        guard kernel.height % 2 == 1, kernel.width % 2 == 1 else {
            throw .invalidOption(
                layer: layer, option: "kernelSize", expected: "odd sizes", found: "\(kernel)")
        }
        var geometry = geometry
        geometry.inputChannels = guide.shape[3]
        geometry.outputChannels = 1
        geometry.groups = 1
        var shape = try geometry.kernelShape(for: guide.shape, exactness: .direct, layer: layer)
        let size = try geometry.outputSize(shape, layer: layer)
        let map = [guide.shape[0], size.height, size.width]
        if let centre, centre.shape != map + [guide.shape[3]] {
            throw .shapeMismatch(
                layer: layer, tensor: "centre", expected: "\(map + [guide.shape[3]])",
                found: centre.shape)
        }
        var value = function.kernelValue
        return try filling(
            map + [kernel.height * kernel.width], for: layer,
            from: [guide] + (centre.map { [$0] } ?? [])
        ) { runtime, inputs, y in
            ptn_adaptive_kernel(
                runtime, &shape, &value, inputs[0], inputs.count > 1 ? inputs[1] : nil, y)
        }
    }

    /// activation(gate · Σ weight · (kernels · x) + bias + residual): a convolution whose taps are
    /// multiplied by a factor of their own at every pixel.
    ///
    /// Factors are multiplied into the rows of a small tile as it is packed; no map is unfolded. With
    /// factors of 1 it is the direct ``Conv2d``, bit for bit if that has more than eight output
    /// channels. Cost: the convolution, and a multiplication per tap and input channel.
    /// - Parameters:
    ///   - x: `[batch, height, width, channels]`.
    ///   - kernels: `[batch, height', width', taps]`.
    ///   - weight: `[out, in, height, width]`.
    ///   - bias: `[out]`, or nil.
    ///   - geometry: the convolution's options; one group.
    ///   - epilogue: operations applied to the sums before they are stored.
    ///   - layer: the caller's name, for errors.
    /// - Throws: ``ProteanError`` when a tensor does not fit or memory is short.
    public static func adaptiveConv2d(
        _ x: Tensor, kernels: Tensor, weight: Tensor, bias: Tensor? = nil,
        geometry: Conv2dGeometry, epilogue: Conv2dEpilogue = Conv2dEpilogue(),
        layer: String = "adaptiveConv2d"
    ) throws(ProteanError) -> Tensor {
        try geometry.check(weight: weight, bias: bias, layer: layer)
        let call = try AdaptiveCall(x.shape, geometry, layer: layer)
        if weight.isShapeOnly || bias?.isShapeOnly == true {
            try call.check(kernels, epilogue, layer: layer)
            return try Tensor(shapeOnly: call.output)
        }
        let packed = try PackedPanels(adaptive: weight, call, layer: layer)
        return try adaptiveConv2d(
            x, kernels: kernels, packed, bias: bias, call, epilogue: epilogue, layer: layer)
    }

    static func adaptiveConv2d(
        _ x: Tensor, kernels: Tensor, _ packed: PackedPanels, bias: Tensor?, _ call: AdaptiveCall,
        epilogue: Conv2dEpilogue, layer: String
    ) throws(ProteanError) -> Tensor {
        try call.check(kernels, epilogue, layer: layer)
        guard let input = x.storage, let factors = kernels.storage else {
            return try Tensor(shapeOnly: call.output)
        }
        var runtime = try Runtime.current(), shape = call.shape
        var kernelEpilogue = epilogue.kernelValue(bias: bias?.storage?.base)
        let y = try Tensor(uninitialized: call.output, for: layer)
        guard let result = y.storage else { return y }
        let status = withExtendedLifetime((input, factors, packed, bias, epilogue)) {
            ptn_adaptive_conv2d(
                &runtime, &shape, input.base, factors.base, packed.base, &kernelEpilogue,
                result.base)
        }
        try status.check(layer)
        return y
    }

    /// The factors divided by their sums over the taps that meet a pixel of the input.
    static func normalized(
        _ kernels: Tensor, _ call: AdaptiveCall, layer: String
    ) throws(ProteanError) -> Tensor {
        guard !kernels.isShapeOnly else { return kernels }
        var result = kernels, shape = call.shape, runtime = try Runtime.current()
        let base = try result.uniqueBase()
        try ptn_adaptive_normalize(&runtime, &shape, base).check(layer)
        return result
    }
}

/// The sizes of a pixel-adaptive convolution or its transposed form, for one input.
struct AdaptiveCall {
    let shape: ptn_adaptive_conv2d_shape
    /// `[batch, height', width', out]`.
    let output: [Int]
    let taps: Int

    init(_ input: [Int], _ geometry: Conv2dGeometry, layer: String) throws(ProteanError) {
        guard geometry.groups == 1 else {
            throw .invalidOption(
                layer: layer, option: "groups", expected: "1", found: "\(geometry.groups)")
        }
        var shape = ptn_adaptive_conv2d_shape()
        shape.conv = try geometry.kernelShape(for: input, exactness: .direct, layer: layer)
        shape.up_h = 1
        shape.up_w = 1
        try self.init(shape, input, layer: layer) { () throws(ProteanError) in
            _ = try geometry.outputSize(shape.conv, layer: layer)
        }
    }

    init(_ input: [Int], _ geometry: ConvTranspose2dGeometry, layer: String) throws(ProteanError) {
        _ = try geometry.outputShape(for: input, layer: layer)
        let plain = try Conv2dGeometry(
            inputChannels: geometry.inputChannels, outputChannels: geometry.outputChannels,
            kernelSize: geometry.kernelSize, dilation: geometry.dilation, algorithm: .direct,
            layer: layer)
        var shape = ptn_adaptive_conv2d_shape()
        shape.conv = try plain.kernelShape(for: input, exactness: .direct, layer: layer)
        shape.up_h = geometry.stride.height
        shape.up_w = geometry.stride.width
        // The input with zeros between its pixels, padded.
        shape.conv.h = (input[1] - 1) * geometry.stride.height + 1
        shape.conv.w = (input[2] - 1) * geometry.stride.width + 1
        shape.conv.pad_top =
            (geometry.kernelSize.height - 1) * geometry.dilation.height - geometry.padding.height
        shape.conv.pad_left =
            (geometry.kernelSize.width - 1) * geometry.dilation.width - geometry.padding.width
        shape.conv.pad_bottom = shape.conv.pad_top + geometry.outputPadding.height
        shape.conv.pad_right = shape.conv.pad_left + geometry.outputPadding.width
        try self.init(shape, input, layer: layer) { () throws(ProteanError) in }
    }

    private init(
        _ shape: ptn_adaptive_conv2d_shape, _ input: [Int], layer: String,
        check: () throws(ProteanError) -> Void
    ) throws(ProteanError) {
        // A better error than the kernel's, where there is one.
        try check()
        var plan = ptn_adaptive_conv2d_plan()
        var copy = shape, runtime = try Runtime.current()
        try ptn_adaptive_conv2d_plan_for(&runtime, &copy, &plan).check(layer)
        self.shape = shape
        output = [input[0], Int(plan.out_h), Int(plan.out_w), Int(shape.conv.k)]
        taps = Int(shape.conv.kh) * Int(shape.conv.kw)
        multiplyAdds = Int(min(plan.multiply_adds, 0x1p62))
        packedFloats = Int(plan.packed_floats)
    }

    /// Multiply-adds of the convolution.
    let multiplyAdds: Int
    let packedFloats: Int

    func check(
        _ kernels: Tensor, _ epilogue: Conv2dEpilogue, layer: String
    ) throws(ProteanError) {
        let expected = Array(output.dropLast()) + [taps]
        guard kernels.shape == expected else {
            throw .shapeMismatch(
                layer: layer, tensor: "kernels", expected: "\(expected)", found: kernels.shape)
        }
        try epilogue.check(output: output, layer: layer)
    }
}

extension PackedPanels {
    /// Weights `[out, in, height, width]` for the current instruction set.
    convenience init(
        adaptive weight: Tensor, _ call: AdaptiveCall, layer: String
    ) throws(ProteanError) {
        guard let storage = weight.storage else { throw .noValues(layer: layer) }
        let isa = try Runtime.isa().kernelValue
        var shape = call.shape
        try self.init(floats: call.packedFloats, layer: layer) { _, place in
            withExtendedLifetime(storage) {
                ptn_adaptive_conv2d_pack(isa, &shape, storage.base, place)
            }
        }
    }
}
