import CProteanKernels

extension Operations {
    /// A sum of maps, each multiplied by one number per sample and channel:
    /// `y[n, h, w, c] = Σ_k weights[n, k, c] · maps[k][n, h, w, c]`, the last step of selective
    /// kernels (Li et al., arXiv 1903.06586).
    ///
    /// Cost: one read of every map and one write of the sum.
    /// - Parameters:
    ///   - maps: 1 to 8 maps `[batch, height, width, channels]` of equal shape.
    ///   - weights: `[batch, maps, channels]`.
    ///   - layer: the caller's name, for errors.
    /// - Returns: a tensor of the maps' shape.
    /// - Throws: ``ProteanError/shapeMismatch(layer:tensor:expected:found:)``,
    ///   ``ProteanError/invalidOption(layer:option:expected:found:)`` for another number of maps.
    public static func mix(
        maps: [Tensor], weights: Tensor, layer: String = "mix"
    ) throws(ProteanError) -> Tensor {
        try checkOption(maps.count, "maps", in: 1...Int(PTN_MAP_MIX_MOST), layer: layer)
        let shape = maps[0].shape
        for map in maps {
            try checkMap(map, layer: layer)
            guard map.shape == shape else {
                throw .shapeMismatch(
                    layer: layer, tensor: "maps", expected: "\(shape)", found: map.shape)
            }
        }
        try checkWeights(weights, [shape[0], maps.count, shape[3]], layer: layer)
        return try filling(shape, for: layer, from: maps + [weights]) { runtime, inputs, y in
            let bases = inputs.dropLast().map { Optional($0) }
            return ptn_map_mix(
                runtime, shape[0], shape[1] * shape[2], shape[3], maps.count, bases, shape[3],
                inputs[maps.count], y)
        }
    }

    /// The same sum where the maps are the parts of one map's channels, side by side:
    /// `y[n, h, w, c] = Σ_k weights[n, k, c] · x[n, h, w, k · channels + c]`, the last step of split
    /// attention (Zhang et al., arXiv 2004.08955).
    ///
    /// Cost: one read of the map and one write of the sum.
    /// - Parameters:
    ///   - x: `[batch, height, width, parts · channels]` with 1 to 8 parts.
    ///   - weights: `[batch, parts, channels]`.
    ///   - layer: the caller's name, for errors.
    /// - Returns: `[batch, height, width, channels]`.
    /// - Throws: ``ProteanError/shapeMismatch(layer:tensor:expected:found:)``,
    ///   ``ProteanError/invalidOption(layer:option:expected:found:)`` for another number of parts.
    public static func mix(
        partsOf x: Tensor, weights: Tensor, layer: String = "mix"
    ) throws(ProteanError) -> Tensor {
        try checkMap(x, layer: layer)
        let parts = weights.rank == 3 ? weights.shape[1] : 1
        try checkOption(parts, "parts", in: 1...Int(PTN_MAP_MIX_MOST), layer: layer)
        let channels = x.shape[3] / parts
        guard channels * parts == x.shape[3] else {
            throw .shapeMismatch(
                layer: layer, tensor: "x", expected: "a multiple of \(parts) channels",
                found: x.shape)
        }
        try checkWeights(weights, [x.shape[0], parts, channels], layer: layer)
        let shape = Array(x.shape.dropLast()) + [channels]
        return try filling(shape, for: layer, from: [x, weights]) { runtime, inputs, y in
            let bases = (0..<parts).map { Optional(inputs[0] + $0 * channels) }
            return ptn_map_mix(
                runtime, shape[0], shape[1] * shape[2], channels, parts, bases, x.shape[3],
                inputs[1], y)
        }
    }

    private static func checkWeights(
        _ weights: Tensor, _ shape: [Int], layer: String
    ) throws(ProteanError) {
        guard weights.shape == shape else {
            throw .shapeMismatch(
                layer: layer, tensor: "weights", expected: "\(shape)", found: weights.shape)
        }
    }
}
