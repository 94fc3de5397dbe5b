import CProteanKernels

extension Operations {
    /// Dynamic ReLU with given coefficients: y = factor · max over k of (a_k · x + b_k).
    ///
    /// Chen et al., ECCV 2020 (arXiv 2003.10027). Cost: one read and one write of the map.
    /// - Parameters:
    ///   - x: `[batch, height, width, channels]`.
    ///   - coefficients: `[batch, 2 · K, channels]` with K in 1...4: the rows a_1 … a_K, then
    ///     b_1 … b_K. `[batch, 2 · K, 1]` shares them among channels (type A).
    ///   - spatial: one factor per pixel, `[batch, height, width, 1]` (type C), or nil for 1.
    /// - Returns: A tensor of `x`'s shape.
    /// - Throws: ``ProteanError/shapeMismatch(layer:tensor:expected:found:)``.
    public static func dynamicReLU(
        _ x: Tensor, coefficients: Tensor, spatial: Tensor? = nil
    ) throws(ProteanError) -> Tensor {
        try checkMap(x, layer: "dynamicReLU")
        let shape = coefficients.shape
        let most = PTN_DYNAMIC_RELU_MOST_PIECES
        guard shape.count == 3, shape[0] == x.shape[0], shape[1] % 2 == 0,
            (2...2 * most).contains(shape[1]), shape[2] == x.shape[3] || shape[2] == 1
        else {
            throw .shapeMismatch(
                layer: "dynamicReLU", tensor: "coefficients",
                expected: "[\(x.shape[0]), 2 · K, \(x.shape[3]) or 1] with K in 1...\(most)",
                found: shape)
        }
        if let spatial, spatial.shape != x.shape.dropLast() + [1] {
            throw .shapeMismatch(
                layer: "dynamicReLU", tensor: "spatial", expected: "\(x.shape.dropLast() + [1])",
                found: spatial.shape)
        }
        let inputs = [x, coefficients] + (spatial.map { [$0] } ?? [])
        return try filling(x.shape, for: "dynamicReLU", from: inputs) { runtime, inputs, y in
            ptn_dynamic_relu(
                runtime, x.shape[0], x.shape[1] * x.shape[2], x.shape[3], shape[1] / 2, shape[2],
                inputs[0], inputs[1], inputs.count > 2 ? inputs[2] : nil, y)
        }
    }

    /// The order of the outputs of a dynamic ReLU's network.
    enum CoefficientOrder {
        /// Per channel a₁ … a_K, b₁ … b_K.
        case channelMajor
        /// Blocks a₁ | b₁ | a₂ | b₂ …, each as long as there are channels.
        case blocks
        /// Blocks a₁ | a₂ … without offsets, which are constant.
        case slopes
    }

    /// The coefficients `initial[k] + lambdas[k] · (2 u − 1)` as planes a₁ … a_K, b₁ … b_K,
    /// `[batch, 2 · K, width]`, from the network's squashed outputs u, `[batch, 2 · K · width]`, or
    /// `[batch, K · width]` for slopes only. There are as many planes as lambdas.
    static func dynamicReLUCoefficients(
        _ u: Tensor, order: CoefficientOrder, lambdas: Tensor, initial: Tensor
    ) throws(ProteanError) -> Tensor {
        let samples = u.shape[0], outputs = u.shape[1], planes = lambdas.count, pieces = planes / 2
        let width = outputs / (order == .slopes ? pieces : planes)
        let offsets = (0..<planes).map { plane in
            let piece = plane % pieces, isOffset = plane >= pieces
            return switch order {
            case .channelMajor: plane
            case .blocks: (2 * piece + (isOffset ? 1 : 0)) * width
            case .slopes: isOffset ? 0 : piece * width
            }
        }
        let step = order == .channelMajor ? planes : 1
        return try filling(
            [samples, planes, width], for: "dynamicReLU", from: [u, lambdas, initial]
        ) { _, inputs, y in
            ptn_dynamic_relu_coefficients(
                samples, planes, width, outputs, step, offsets, inputs[1], inputs[2], inputs[0], y)
        }
    }
}
