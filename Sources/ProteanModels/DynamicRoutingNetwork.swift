import Protean

/// Semantic segmentation by a grid of cells whose paths each image chooses.
///
/// Li, Song, Chen, Li, Zhang, Wang, Sun, "Learning Dynamic Routing for Semantic Segmentation", CVPR
/// 2020, arXiv 2003.10401: a stem of stride 4, then layers of up to four cells at strides 4, 8, 16
/// and 32 with c, 2 c, 4 c and 8 c channels. A cell adds its inputs, computes x + two separable
/// convolutions, and passes the result on at its own scale, to the finer one (1 × 1 convolution,
/// doubling) and to the coarser one (1 × 1 convolution with stride 2). Its gate, on the cell's
/// input at a quarter of the size, gives each of the three a weight relu(tanh(z)); weight 0 closes
/// a path, and a cell whose weights sum to less than 10⁻⁴ passes its input on at its own scale. A
/// decoder joins the last layer's cells from coarse to fine.
///
/// Each image decides for itself; the published program adds gates over the batch before it closes
/// cells, and agrees for single images. There an image whose coarsest cell got nothing at all
/// fails; here that cell counts as zeros. Parameters are named as the published model's. Input
/// `[batch, height, width, 3]`, normalised, sides multiples of 32 and at least 128; output `[batch,
/// height, width, classes]`. Sites of decisions: `backbone.init_layer`,
/// `backbone.all_cell_list.LAYER.CELL`.
public final class DynamicRoutingNetwork: Layer, ConditionalLayer {
    /// Where the network stands in a model.
    public let label: Label? = Label()
    /// Stem and cells.
    public let backbone: RoutingGraph

    private let decoders: [DynamicRoutingConv]
    private let predictor: Conv2d
    private let double, quadruple: Resize

    /// A network with seeded initial values; gates' biases are 1.5, so that all paths are open.
    ///
    /// - Parameters:
    ///   - layers: number of layers of cells after the first cell, 2 or more; layer l has
    ///     min(l + 2, 4) cells, counted from 0.
    ///   - channels: c, even.
    ///   - classes: size of the output's last axis.
    ///   - gateBias: initial bias of the gates.
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)``.
    public init(
        layers: Int = 16, channels: Int = 64, classes: Int = 19, gateBias: Float = 1.5
    ) throws(ProteanError) {
        for (option, value, range) in [
            ("layers", layers, 3...256), ("channels", channels, 2...4096),
            ("classes", classes, 1...OptionLimits.channels),
        ] where !range.contains(value) || (option == "channels" && value % 2 != 0) {
            throw .invalidOption(
                layer: "DynamicRoutingNetwork", option: option,
                expected: "\(range.lowerBound)...\(range.upperBound)"
                    + (option == "channels" ? ", even" : ""), found: "\(value)")
        }
        backbone = try DynamicRoutingGrid.graph(
            layers: layers, channels: channels, gateBias: gateBias)
        var decoders: [DynamicRoutingConv] = []
        for scale in 0..<4 {
            let width = channels << scale
            decoders.append(
                try DynamicRoutingConv(
                    "layer_decoder_list.\(scale)", width, scale == 0 ? width : width / 2,
                    seed: UInt64(9000 + scale)))
        }
        self.decoders = decoders
        predictor = try Conv2d(
            inputChannels: channels, outputChannels: classes, kernelSize: 3, padding: 1,
            seed: 9100)
        double = try Resize(scale: 2, mode: .bilinear(alignCorners: false))
        quadruple = try Resize(scale: 4, mode: .bilinear(alignCorners: false))
    }

    /// `backbone` and `sem_seg_head`'s parts.
    public var submodules: [NamedModule] {
        [NamedModule("backbone", backbone)]
            + decoders.flatMap { $0.named(below: "sem_seg_head") }
            + [NamedModule("sem_seg_head.predictor", predictor)]
    }

    /// The classes' logits of every pixel.
    ///
    /// - Throws: ``ProteanError`` when `x` does not fit.
    public func callAsFunction(_ x: Tensor) throws(ProteanError) -> Tensor {
        try check(x)
        return try decode(try backbone.all(x))
    }

    /// The logits, and what each image's gates chose. ``RoutingGraph/Routing/executed`` counts the
    /// backbone; the decoder costs the same for every image.
    ///
    /// - Throws: as ``callAsFunction(_:)``; ``ProteanError/noValues(layer:)`` for a shape only.
    public func decided(
        _ x: Tensor
    ) throws(ProteanError) -> (output: Tensor, decision: RoutingGraph.Routing) {
        try check(x)
        guard !x.isShapeOnly else { throw .noValues(layer: place) }
        let (maps, routing) = try backbone.routed(x)
        return (try decode(maps), routing)
    }

    private func check(_ x: Tensor) throws(ProteanError) {
        guard x.rank == 4, x.shape[3] == 3,
            x.shape[1...2].allSatisfy({ $0 >= 128 && $0 % 32 == 0 })
        else {
            throw .shapeMismatch(
                layer: place, tensor: "x",
                expected: "[batch, height, width, 3], sides multiples of 32 and at least 128",
                found: x.shape)
        }
    }

    /// From the coarsest map to the finest.
    private func decode(_ maps: [Tensor]) throws(ProteanError) -> Tensor {
        var y: Tensor?
        for scale in (0..<4).reversed() {
            let sum = try y.map { y throws(ProteanError) in try Operations.add(y, maps[scale]) }
            let narrowed = try decoders[scale](sum ?? maps[scale])
            y = scale > 0 ? try double(narrowed) : narrowed
        }
        return try quadruple(try predictor(y ?? maps[0]))
    }
}

/// A 1 × 1 convolution, batch norm and ReLU, under the names of the published program:
/// `NAME.weight` and `NAME.norm`.
struct DynamicRoutingConv: Sendable {
    private let name: String
    private let conv: Conv2d
    private let norm: BatchNorm2d
    private let fused: FusedConv2d

    init(
        _ name: String, _ inputs: Int, _ outputs: Int, seed: UInt64
    ) throws(ProteanError) {
        self.name = name
        conv = try Conv2d(
            inputChannels: inputs, outputChannels: outputs, kernelSize: 1, bias: false, seed: seed)
        norm = try BatchNorm2d(channels: outputs)
        fused = try FusedConv2d(conv, norm, .relu)
    }

    func named(below prefix: String) -> [NamedModule] {
        [
            NamedModule("\(prefix).\(name)", conv),
            NamedModule("\(prefix).\(name).norm", norm),
        ]
    }

    func callAsFunction(_ x: Tensor) throws(ProteanError) -> Tensor { try fused(x) }
}
