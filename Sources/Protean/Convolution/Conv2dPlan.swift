import CProteanKernels

/// How a convolution of a given input shape will be run.
public struct Conv2dPlan: Sendable, Equatable {
    /// The algorithm.
    public enum Algorithm: String, Sendable, CaseIterable {
        /// Indirect matrix multiplication on packed weights.
        case direct
        /// One channel per group, computed row by row.
        case depthwise
        /// Winograd's F(4 × 4, 3 × 3): tiles of 4 × 4 outputs from 36 products instead of 144.
        case winograd4x4
        /// Winograd's F(6 × 6, 3 × 3): tiles of 6 × 6 outputs from 64 products instead of 324.
        case winograd6x6
        /// Groups narrower than a vector, several of them in one vector of output channels.
        case grouped
        /// At most eight output channels: vectors run along the input channels.
        case narrow

        init(_ kernelValue: ptn_conv2d_algorithm) {
            switch kernelValue {
            case PTN_CONV2D_DEPTHWISE: self = .depthwise
            case PTN_CONV2D_WINOGRAD_4X4: self = .winograd4x4
            case PTN_CONV2D_WINOGRAD_6X6: self = .winograd6x6
            case PTN_CONV2D_GROUPED: self = .grouped
            case PTN_CONV2D_NARROW: self = .narrow
            default: self = .direct
            }
        }

        var kernelValue: ptn_conv2d_algorithm {
            switch self {
            case .direct: PTN_CONV2D_DIRECT
            case .depthwise: PTN_CONV2D_DEPTHWISE
            case .winograd4x4: PTN_CONV2D_WINOGRAD_4X4
            case .winograd6x6: PTN_CONV2D_WINOGRAD_6X6
            case .grouped: PTN_CONV2D_GROUPED
            case .narrow: PTN_CONV2D_NARROW
            }
        }

        /// Whether this is one of Winograd's forms.
        var isWinograd: Bool { self == .winograd4x4 || self == .winograd6x6 }

        /// The request that selects this algorithm.
        var choice: ptn_conv2d_choice {
            switch self {
            case .winograd4x4: PTN_CONV2D_WINOGRAD_FORCE_4X4
            case .winograd6x6: PTN_CONV2D_WINOGRAD_FORCE_6X6
            case .direct: PTN_CONV2D_FORCE_DIRECT
            default: PTN_CONV2D_SUMS
            }
        }
    }

    /// The algorithm.
    public let algorithm: Algorithm
    /// `[batch, height, width, channels]`.
    public let outputShape: [Int]
    /// Memory used in addition to input, output and packed weights, for all threads together.
    public let scratchBytes: Int
    /// Memory of the packed weights.
    public let packedBytes: Int
    /// Number of threads that the call will use; small work runs on one.
    public let threads: Int
    /// Multiply-adds of the defining sums, those on padding included, whatever the algorithm.
    public let multiplyAdds: Int
    /// The basis of the choice, if several algorithms apply: estimated cycles of one sample on one
    /// core with each of them. Only their ratios are meaningful.
    public let estimatedCycles: [Algorithm: Double]

    init(_ plan: ptn_conv2d_plan, shape: ptn_conv2d_shape) {
        algorithm = Algorithm(plan.algorithm)
        outputShape = [Int(shape.n), Int(plan.out_h), Int(plan.out_w), Int(shape.k)]
        scratchBytes = Int(plan.scratch_bytes)
        packedBytes = Int(plan.packed_floats) * MemoryLayout<Float>.stride
        threads = Int(plan.threads)
        multiplyAdds = Int(exactly: plan.multiply_adds.rounded()) ?? .max
        var cycles: [Algorithm: Double] = [:]
        withUnsafeBytes(of: plan.estimated_cycles) { bytes in
            let all = bytes.bindMemory(to: Double.self)
            for algorithm in Algorithm.allCases {
                let estimate = all[Int(algorithm.kernelValue.rawValue)]
                if estimate > 0 { cycles[algorithm] = estimate }
            }
        }
        estimatedCycles = cycles
    }
}

extension Conv2dGeometry {
    /// How a convolution of this geometry runs here on an input of shape `[n, h, w, c]`; with `experts`,
    /// one that mixes so many sets of weights per sample.
    ///
    /// - Throws: ``ProteanError`` when the shape does not fit or a buffer would overflow.
    public func plan(
        for input: [Int], experts: Int? = nil, layer: String = "Conv2d"
    ) throws(ProteanError) -> Conv2dPlan {
        let settings = try Runtime.resolved()
        let shape = try kernelShape(for: input, exactness: settings.exactness, layer: layer)
        let plan = try kernelPlan(
            shape, runtime: settings.kernelValue, experts: experts, layer: layer)
        return Conv2dPlan(plan, shape: shape)
    }

    /// The kernel's plan, with the current settings unless others are given. With `experts`, their
    /// mixing takes part in the choice of the algorithm.
    func kernelPlan(
        _ shape: ptn_conv2d_shape, runtime: ptn_runtime? = nil, experts: Int? = nil, layer: String
    ) throws(ProteanError) -> ptn_conv2d_plan {
        var plan = ptn_conv2d_plan()
        var shape = shape
        var settings = if let runtime { runtime } else { try Runtime.current() }
        let status =
            if let experts {
                ptn_conv2d_mixed_plan_for(&settings, &shape, experts, &plan)
            } else {
                ptn_conv2d_plan_for(&settings, &shape, &plan)
            }
        try check(status, shape, layer)
        return plan
    }

    /// Height and width of the output alone.
    func outputSize(
        _ shape: ptn_conv2d_shape, layer: String
    ) throws(ProteanError) -> Size2d {
        var plan = ptn_conv2d_plan()
        var shape = shape
        shape.choice = PTN_CONV2D_FORCE_DIRECT
        var settings = try Runtime.current()
        try check(ptn_conv2d_outline_for(&settings, &shape, &plan), shape, layer)
        return Size2d(height: Int(plan.out_h), width: Int(plan.out_w))
    }

    private func check(
        _ status: ptn_status, _ shape: ptn_conv2d_shape, _ layer: String
    ) throws(ProteanError) {
        guard status != PTN_BAD_ARGUMENT else {
            throw .shapeMismatch(
                layer: layer, tensor: "x",
                expected: "an image at least as large as the dilated kernel \(kernelSize)",
                found: [Int(shape.n), Int(shape.h), Int(shape.w), Int(shape.c)])
        }
        try status.check(layer)
    }
}
