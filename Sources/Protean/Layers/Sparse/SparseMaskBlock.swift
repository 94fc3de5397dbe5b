/// The sparse mask convolutions of SMSR: layers some of whose channels are computed everywhere, others
/// only at the pixels of a mask.
///
/// With D the dense and S the sparse channels of a layer, m the mask and s(p) a sparse feature, which
/// is 0 where m is not: `D'(p) = relu(conv(D)(p) + m(p) · conv(s)(p))`,
/// `S'(p) = m(p) · relu(conv(D)(p) + conv(s)(p))`; in the end a 1 × 1 convolution of all layers'
/// features, its sparse part again at the pixels of m only. Wang, Dong, Wang et al., "Exploring
/// Sparsity in Image Super-Resolution for Efficient Inference", arXiv 2006.09603, in inference.
///
/// Sparse features are compact rows from the first layer to the last, so nothing is computed,
/// stored or cleared where the mask is off. Where Winograd's algorithm on tiles is estimated to be
/// faster, which is the case for dense masks, they are maps whose inactive pixels are never read.
/// Input and output `[batch, height, width, channels]`. Parameters under the reference's names:
/// `ch_mask` `[1, channels, layers, 2]`, a channel is dense if its first number is the larger one,
/// sparse if the second is, `body.0` … (`[channels, channels, 3, 3]`, no bias), `collect`
/// (`[channels, layers · channels, 1, 1]`, with bias). Cost: dense channels on all pixels, sparse
/// ones on the mask; as maps, all channels on the tiles that hold a pixel of the mask, each tile
/// counted whole.
public final class SparseMaskBlock: Module {
    /// Channels of the input, of every layer and of the result.
    public let channels: Int
    /// The dense channels of every layer.
    public let channelMask: Parameter
    /// Where the layer stands in a model.
    public let label: Label? = Label()

    private let body: [Conv2d]
    private let collect: Conv2d
    private let parts = Derived<[Int], SparseMaskConvolutions>()

    /// A block with seeded initial values.
    ///
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)``.
    public init(channels: Int, layers: Int = 4, seed: UInt64 = 0) throws(ProteanError) {
        guard (1...256).contains(layers) else {
            throw .invalidOption(
                layer: "SparseMaskBlock", option: "layers", expected: "1...256",
                found: "\(layers)")
        }
        var body: [Conv2d] = []
        for i in 0..<layers {
            body.append(
                try Conv2d(
                    inputChannels: channels, outputChannels: channels, kernelSize: 3, padding: 1,
                    bias: false, seed: seed &+ UInt64(i)))
        }
        self.channels = channels
        self.body = body
        collect = try Conv2d(
            inputChannels: channels * layers, outputChannels: channels, kernelSize: 1,
            seed: seed &+ 101)
        channelMask = try Parameter(
            uniform: [1, channels, layers, 2], in: 0...1, seed: seed &+ 102,
            layer: "SparseMaskBlock")
    }

    /// `ch_mask`.
    public var parameters: [NamedParameter] { [NamedParameter("ch_mask", channelMask)] }

    /// `body.0` … and `collect`.
    public var submodules: [NamedModule] {
        body.enumerated().map { NamedModule("body.\($0)", $1) } + [NamedModule("collect", collect)]
    }

    /// Numbers of channels of each layer that are computed at all pixels.
    ///
    /// - Throws: ``ProteanError/outOfMemory(layer:bytes:)``.
    public func denseChannels() throws(ProteanError) -> [Int] { try divided().layers.map(\.dense) }

    /// The features for a mask of the map's size.
    ///
    /// - Throws: ``ProteanError`` when `x` or the mask do not fit.
    public func callAsFunction(_ x: Tensor, mask: MaskPlan) throws(ProteanError) -> Tensor {
        try callAsFunction(x, mask: mask, firstDense: nil)
    }

    /// The features; `firstDense` are the dense channels of the first layer at all pixels, if they
    /// are already computed.
    func callAsFunction(
        _ x: Tensor, mask: MaskPlan, firstDense: Tensor?
    ) throws(ProteanError) -> Tensor {
        let expected = [mask.batch, mask.size.height, mask.size.width, channels]
        guard x.shape == expected else {
            throw .shapeMismatch(
                layer: place, tensor: "x", expected: "\(expected)", found: x.shape)
        }
        let asMaps = try divided().prefersMaps(
            for: x.shape, mask: mask, knowsFirst: firstDense != nil)
        return try features(of: x, mask: mask, asMaps: asMaps, firstDense: firstDense)
    }

    /// The convolution of the block's input to the first layer's dense channels, without the ReLU after
    /// it; nil where there are none.
    func firstDense() throws(ProteanError) -> Conv2d? {
        try divided().layers.first?.denseToDense?.conv
    }

    /// The features, with sparse ones as maps or as rows.
    func features(
        of x: Tensor, mask: MaskPlan, asMaps: Bool, firstDense: Tensor? = nil
    ) throws(ProteanError) -> Tensor {
        let parts = try divided()
        if asMaps { return try mapped(x, mask, parts, firstDense) }
        var dense: [Tensor] = [], sparse: [Tensor] = []
        var features: (dense: Tensor?, sparse: Tensor?) = (x, nil)
        var known = firstDense
        for layer in parts.layers {
            let alone =
                if let found = known.take() { found } else {
                    try layer.denseOutputs(features.dense, features.sparse, mask)
                }
            features = (
                alone,
                try layer.sparseOutputs(features.dense, features.sparse, mask)
            )
            if let found = features.dense { dense.append(found) }
            if let found = features.sparse { sparse.append(found) }
        }
        return try collected(dense, sparse, parts, mask)
    }

    /// All features as maps, dense channels first.
    private func mapped(
        _ x: Tensor, _ mask: MaskPlan, _ parts: SparseMaskConvolutions, _ firstDense: Tensor?
    ) throws(ProteanError) -> Tensor {
        var features = SparseMaskMaps(all: x, valid: nil, dense: x)
        var maps: [Tensor] = [], dense: [Tensor] = []
        var known = firstDense
        for layer in parts.layers {
            if let known = known.take() {
                features = try layer.mapOutputs(of: x, mask, known: known)
            } else {
                features = try layer.mapOutputs(features, mask)
            }
            maps.append(features.all)
            if let found = features.dense { dense.append(found) }
        }
        return try parts.collected(maps, dense: dense, mask)
    }

    private func collected(
        _ dense: [Tensor], _ sparse: [Tensor], _ parts: SparseMaskConvolutions, _ mask: MaskPlan
    ) throws(ProteanError) -> Tensor {
        var y = try parts.collected(dense: dense, mask)
        if let collect = parts.collectSparse, !sparse.isEmpty {
            let rows = try Operations.concatenate(sparse, axis: -1)
            try collect.update(&y, with: rows, from: .rows(mask), mask: mask, addsToResult: true)
        }
        return y
    }

    /// Versions that grow whenever a parameter changes.
    var versions: [Int] {
        [channelMask.version, collect.weight.version, collect.bias?.version ?? 0]
            + body.map { $0.weight.version }
    }

    private func divided() throws(ProteanError) -> SparseMaskConvolutions {
        try parts.value(for: versions) { () throws(ProteanError) in
            try SparseMaskConvolutions(
                body: body, collect: collect, kinds: channelMask.value, place: place)
        }
    }
}

extension SparseMaskConvolutions.Layer {
    /// Channels that are computed at all pixels; nil where there are none.
    fileprivate func denseOutputs(
        _ dense: Tensor?, _ sparse: Tensor?, _ mask: MaskPlan
    ) throws(ProteanError) -> Tensor? {
        guard self.dense > 0 else { return nil }
        var y: Tensor
        if let dense, let conv = denseToDense {
            y = try conv(dense)
        } else {
            y = try Tensor(
                zeros: [mask.batch, mask.size.height, mask.size.width, self.dense])
        }
        guard let sparse, let conv = sparseToDense else { return y }
        try conv.update(&y, with: sparse, from: .rows(mask), mask: mask, addsToResult: true)
        return try Operations.activate(y, .relu)
    }

    /// Channels that are computed at the mask's pixels, as rows; nil where there are none.
    fileprivate func sparseOutputs(
        _ dense: Tensor?, _ sparse: Tensor?, _ mask: MaskPlan
    ) throws(ProteanError) -> Tensor? {
        guard self.sparse > 0 else { return nil }
        var rows: Tensor?
        if let dense, let conv = denseToSparse { rows = try conv.rows(dense, mask: mask) }
        guard let sparse, let conv = sparseToSparse else { return rows }
        return try conv.rows(sparse, from: .rows(mask), mask: mask, residual: rows)
    }
}
