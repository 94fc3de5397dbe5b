/// A sparse mask block's weights, divided by the kinds of their channels.
///
/// A channel of a layer's output is *dense* where it is computed at all pixels, *sparse* where it
/// is computed at the pixels of the mask. A convolution without input or output channels is nil.
struct SparseMaskConvolutions: Sendable {
    struct Layer: Sendable {
        let denseToDense: FusedConv2d?
        let denseToSparse, sparseToDense, sparseToSparse: FusedMaskedConv2d?
        /// For features stored as maps, dense channels first: the convolution of all channels, and
        /// the one of the dense channels where the mask is off.
        let all, aside: FusedMaskedConv2d?
        /// Numbers of output channels.
        let dense, sparse: Int
    }

    let layers: [Layer]
    /// The 1 × 1 convolution of all layers' dense channels, with the bias; and the one of the
    /// sparse channels.
    let collectDense: FusedConv2d?
    let collectSparse: FusedMaskedConv2d?
    /// The same convolution of all channels, layer after layer, in each layer the dense ones first;
    /// and the one of the dense channels where the mask is off.
    let collectAll, collectAside: FusedMaskedConv2d?
    /// The bias of `collect`, for layers without dense channels.
    let bias: Tensor?
    /// Channels of the result.
    let channels: Int

    /// Divides `body` and `collect` by `kinds`, `[1, channels, layers, 2]`: a channel is dense
    /// where the first number of a pair is larger, sparse where the second is, and unused where
    /// they are equal, since then neither softmax share rounds to one.
    init(
        body: [Conv2d], collect: Conv2d, kinds: Tensor, place: String
    ) throws(ProteanError) {
        let (channels, count) = (kinds.shape[1], kinds.shape[2])
        let scores = kinds.elements
        func chosen(_ layer: Int, where wanted: (Float, Float) -> Bool) -> [Int] {
            (0..<channels).filter {
                let pair = ($0 * count + layer) * 2
                return wanted(scores[pair], scores[pair + 1])
            }
        }
        let dense = (0..<count).map { chosen($0) { $0 > $1 } }
        let sparse = (0..<count).map { chosen($0) { $1 > $0 } }
        var layers: [Layer] = []
        for (i, conv) in body.enumerated() {
            let inputs = conv.geometry.inputChannels
            layers.append(
                try Layer(
                    conv, from: i == 0 ? (Array(0..<inputs), []) : (dense[i - 1], sparse[i - 1]),
                    to: (dense[i], sparse[i]), place: "\(place).body.\(i)"))
        }
        self.layers = layers
        let place = "\(place).collect"
        let all = Array(0..<channels)
        func columns(_ kinds: [[Int]]) -> [Int] {
            kinds.enumerated().flatMap { layer, found in found.map { $0 + layer * channels } }
        }
        let ofDense = try collect.part(columns(dense), all, bias: true, place: place)
        collectDense = try ofDense.map { (conv) throws(ProteanError) in try FusedConv2d(conv) }
        collectAside = try ofDense.map { (conv) throws(ProteanError) in
            try FusedMaskedConv2d(conv)
        }
        collectSparse = try collect.part(columns(sparse), all, place: place).map {
            (conv) throws(ProteanError) in try FusedMaskedConv2d(conv)
        }
        let both = zip(dense, sparse).map { $0 + $1 }
        collectAll = try collect.part(columns(both), all, bias: true, place: place).map {
            (conv) throws(ProteanError) in try FusedMaskedConv2d(conv)
        }
        bias = collect.bias?.value
        self.channels = channels
    }
}

extension SparseMaskConvolutions.Layer {
    fileprivate init(
        _ conv: Conv2d, from inputs: (dense: [Int], sparse: [Int]),
        to outputs: (dense: [Int], sparse: [Int]), place: String
    ) throws(ProteanError) {
        dense = outputs.dense.count
        sparse = outputs.sparse.count
        // The last convolution of the layer applies the activation.
        let hasSparse = !inputs.sparse.isEmpty
        func masked(
            _ from: [Int], _ to: [Int], _ activation: Activation
        ) throws(ProteanError) -> FusedMaskedConv2d? {
            try conv.part(from, to, place: place).map { (conv) throws(ProteanError) in
                try FusedMaskedConv2d(conv, nil, activation)
            }
        }
        denseToDense = try conv.part(inputs.dense, outputs.dense, place: place).map {
            (conv) throws(ProteanError) in
            try FusedConv2d(conv, nil, hasSparse ? .identity : .relu)
        }
        denseToSparse = try masked(
            inputs.dense, outputs.sparse, hasSparse ? .identity : .relu)
        sparseToDense = try masked(inputs.sparse, outputs.dense, .identity)
        sparseToSparse = try masked(inputs.sparse, outputs.sparse, .relu)
        all = try masked(inputs.dense + inputs.sparse, outputs.dense + outputs.sparse, .relu)
        aside = try masked(inputs.dense, outputs.dense, .relu)
    }
}

extension Conv2d {
    /// The convolution of some input channels to some output channels; nil where there are none.
    fileprivate func part(
        _ inputs: [Int], _ outputs: [Int], bias hasBias: Bool = false, place: String
    ) throws(ProteanError) -> Conv2d? {
        guard !inputs.isEmpty, !outputs.isEmpty else { return nil }
        let size = geometry.kernelSize, area = size.height * size.width
        let w = weight.value.elements
        var values: [Float] = []
        values.reserveCapacity(outputs.count * inputs.count * area)
        for k in outputs {
            for c in inputs {
                let at = (k * geometry.inputChannels + c) * area
                values += w[at..<at + area]
            }
        }
        let part = try Conv2d(
            weight: try Tensor(
                values, shape: [outputs.count, inputs.count, size.height, size.width]),
            bias: hasBias ? bias?.value : nil, padding: geometry.padding)
        part.label?.assign(place)
        return part
    }
}
