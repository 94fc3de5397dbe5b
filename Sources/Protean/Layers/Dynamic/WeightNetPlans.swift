/// How ``WeightNet`` computes its result from its sigmoids: static convolutions of the parts of its
/// filters where every part has one sigmoid, else kernels per sample.
final class WeightNetPlans: Sendable {
    /// A norm after the convolution, folded in.
    let norm: (any FoldableNorm)?

    private let weight: Parameter
    private let geometry: Conv2dGeometry
    private let parts, depth: Int
    private let derived = Derived<Int, [Part]>()

    /// The static convolution of one part of all filters, and the channels that it reads.
    private struct Part: Sendable {
        let channels: Range<Int>
        let plans: Conv2dPlanCache
    }

    /// - Parameters:
    ///   - weight: `[out · in / groups · kernel area, depth, 1, 1]`.
    ///   - geometry: the convolution's options.
    ///   - parts: into how many parts a flattened filter is divided.
    ///   - depth: static filters, each with a sigmoid, that a part is a sum of.
    ///   - norm: a norm after the convolution, or nil.
    init(
        _ weight: Parameter, _ geometry: Conv2dGeometry, parts: Int, depth: Int,
        norm: (any FoldableNorm)?
    ) {
        self.weight = weight
        self.geometry = geometry
        self.parts = parts
        self.depth = depth
        self.norm = norm
    }

    /// The same with a norm folded in.
    func folding(_ norm: any FoldableNorm) -> WeightNetPlans {
        WeightNetPlans(weight, geometry, parts: parts, depth: depth, norm: norm)
    }

    /// activation(norm(conv(x, W(sigmoids))) + residual).
    func callAsFunction(
        _ x: Tensor, _ sigmoids: Tensor, _ epilogue: Conv2dEpilogue, layer: String
    ) throws(ProteanError) -> Tensor {
        guard depth == 1 else { return try general(x, sigmoids, epilogue, layer: layer) }
        let version = weight.version + (norm?.version ?? 0)
        let parts = try derived.value(for: version) { () throws(ProteanError) in
            try (0..<self.parts).map { part throws(ProteanError) in try made(part) }
        }
        let gates = try gates(sigmoids)
        // The residual is added by the first part and handed on; the last adds the norm's shift and
        // applies the activation.
        var sum = epilogue.residual
        for (index, part) in parts.enumerated() {
            let own =
                part.channels.count == x.shape[3]
                ? x : try Operations.channels(part.channels, of: x)
            var step = Conv2dEpilogue(residual: sum, gate: gates[index])
            if index == parts.count - 1 { step.activation = epilogue.activation }
            sum = try Operations.conv2d(own, part.plans, epilogue: step, layer: layer)
        }
        guard let sum else { throw .noValues(layer: layer) }
        return sum
    }

    /// The sigmoids of every part, `[batch, out]` each; they are stored filter by filter.
    private func gates(_ sigmoids: Tensor) throws(ProteanError) -> [Tensor] {
        guard parts > 1 else { return [sigmoids] }
        let batch = sigmoids.shape[0], outputs = geometry.outputChannels
        let table = try Operations.permute(
            sigmoids.reshaped(to: [batch, outputs, parts]), [2, 0, 1])
        return try (0..<parts).map { part throws(ProteanError) in
            try table.slice(axis: 0, from: part, to: part + 1).reshaped(to: [batch, outputs])
        }
    }

    /// The convolution of part `index` of all filters. A part that begins or ends within a channel's
    /// kernel has zeros in the rest of that kernel.
    private func made(_ index: Int) throws(ProteanError) -> Part {
        let area = geometry.kernelSize.height * geometry.kernelSize.width
        let length = geometry.fanIn / parts
        let span = index * length..<(index + 1) * length
        let channels = span.lowerBound / area..<(span.upperBound + area - 1) / area
        let isLast = index == parts - 1
        let affine = try norm?.scaleAndShift()
        let scale = affine?.scale.elements, values = weight.value.elements
        let outputs = geometry.outputChannels
        var filters: [Float] = []
        filters.reserveCapacity(outputs * channels.count * area)
        for output in 0..<outputs {
            let factor = scale?[output] ?? 1, start = output * geometry.fanIn
            for position in channels.lowerBound * area..<channels.upperBound * area {
                filters.append(span.contains(position) ? values[start + position] * factor : 0)
            }
        }
        var own = geometry
        own.inputChannels = geometry.groups == 1 ? channels.count : geometry.inputChannels
        let shift = isLast ? affine.map { Parameter($0.shift) } : nil
        return Part(
            channels: geometry.groups == 1 ? channels : 0..<geometry.inputChannels,
            plans: Conv2dPlanCache(
                weight: Parameter(try Tensor(filters, shape: own.weightShape)), bias: shift,
                geometry: own))
    }

    /// With kernels that are generated per sample.
    private func general(
        _ x: Tensor, _ sigmoids: Tensor, _ epilogue: Conv2dEpilogue, layer: String
    ) throws(ProteanError) -> Tensor {
        let batch = x.shape[0], groups = sigmoids.shape[1] / depth
        let filters = try Operations.matmul(
            sigmoids.reshaped(to: [batch, groups, 1, depth]),
            weight.value.reshaped(to: [groups, weight.shape[0] / groups, depth]),
            transposeB: true)
        var y = try Operations.conv2d(
            x, filtersPerSample: filters.reshaped(to: [batch] + geometry.weightShape),
            geometry: geometry, layer: layer)
        if let norm {
            let affine = try norm.scaleAndShift()
            y = try Operations.scaleShift(y, scale: affine.scale, shift: affine.shift)
        }
        return try epilogue.applied(to: y, layer: layer)
    }
}
