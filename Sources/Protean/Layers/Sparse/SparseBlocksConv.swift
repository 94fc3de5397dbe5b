/// SBNet's sparse blocks: dense layers run on a stack of the active tiles.
///
/// Overlapping tiles are gathered from the map (zeros around it), `body` runs on the stack
/// `[tiles, block height, block width, channels]`, and the smaller tiles of its result are written
/// into the output map: `y = body(padded x)` in listed tiles, or with `adds`
/// `y = base + body(padded x)`; `y = base` elsewhere. Ren, Pokrovsky, Yang, Urtasun, "SBNet: Sparse
/// Blocks Network for Fast Inference", arXiv 1801.02108.
///
/// `body` is a layer or a ``Sequential`` of layers without padding (VALID) that act locally: with
/// `o` = output size of a tile and `stride` the body's own stride, tiles lie `o · stride` apart.
/// All padding is the container's and lies around the map, so beyond the map inner layers read
/// values computed from zeros, not zeros. Tiles are equal to the dense result bit for bit where the
/// body's layers use the same algorithm for both.
///
/// Input `[batch, height, width, channels]`; the body's parameters under `body`. Cost: the body on
/// the tiles, which share pixels where they overlap.
public final class SparseBlocksConv: Module {
    /// The layers that run on the tiles.
    public let body: any Layer
    /// Height and width of the gathered tiles.
    public let blockSize: Size2d
    /// The body's stride: input pixels per output pixel.
    public let stride: Size2d
    /// Zeros around the map.
    public let padding: Padding2d
    /// Whether results are added to the base instead of replacing it.
    public let adds: Bool
    /// Where the layer stands in a model.
    public let label: Label? = Label()

    /// Runs `body` on tiles of `blockSize`.
    ///
    /// - Parameters:
    ///   - body: layers without padding of their own.
    ///   - blockSize: height and width of the gathered tiles; large enough for one output.
    ///   - stride: the body's stride.
    ///   - padding: zeros around the map; given numbers or `.valid`.
    ///   - adds: whether results are added to the base, as for residual blocks.
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)``.
    public init(
        _ body: any Layer, blockSize: Size2d, stride: Size2d = 1, padding: Padding2d = 0,
        adds: Bool = false
    ) throws(ProteanError) {
        try blockSize.check(atLeast: 1, layer: "SparseBlocksConv", option: "blockSize")
        try stride.check(atLeast: 1, layer: "SparseBlocksConv", option: "stride")
        try padding.check(layer: "SparseBlocksConv")
        guard padding != .same else {
            throw .invalidOption(
                layer: "SparseBlocksConv", option: "padding", expected: "numbers or valid",
                found: "same")
        }
        if let padded = Self.paddedPart(of: body) {
            throw .invalidOption(
                layer: "SparseBlocksConv", option: "body", expected: "layers without padding",
                found: padded)
        }
        self.body = body
        self.blockSize = blockSize
        self.stride = stride
        self.padding = padding
        self.adds = adds
    }

    /// A convolution or pooling layer with padding in or below `module`, if there is one.
    private static func paddedPart(of module: any Module, name: String = "body") -> String? {
        let pads: Bool =
            switch module {
            case let conv as Conv2d: ![Padding2d.valid, 0].contains(conv.geometry.padding)
            case let pool as MaxPool2d: pool.window.padding != 0
            case let pool as AvgPool2d: pool.window.padding != 0
            default: false
            }
        if pads { return "\(name) with padding" }
        for part in module.submodules {
            if let found = paddedPart(of: part.module, name: "\(name).\(part.name)") {
                return found
            }
        }
        return nil
    }

    /// `body`.
    public var submodules: [NamedModule] { [NamedModule("body", body)] }

    /// The grid of tiles over an input `[batch, height, width, channels]`, for callers that make
    /// their own lists of blocks.
    ///
    /// - Throws: ``ProteanError`` when the body does not accept such tiles or its stride is another.
    public func grid(for input: [Int]) throws(ProteanError) -> BlockGrid {
        try SparseTiles(self, input).input
    }

    /// The result where `mask`, of the input's size, has an active pixel in a tile.
    ///
    /// - Throws: ``ProteanError`` when a tensor or a mask does not fit.
    public func callAsFunction(
        _ x: Tensor, mask: MaskPlan, base: Tensor? = nil
    ) throws(ProteanError) -> Tensor {
        try callAsFunction(
            x, blocks: try SparseBlocks(mask, grid: try grid(for: x.shape)), base: base)
    }

    /// The result in the listed tiles, a copy of `base` (zeros without one) elsewhere.
    ///
    /// - Throws: ``ProteanError`` when a tensor or the list does not fit.
    public func callAsFunction(
        _ x: Tensor, blocks: SparseBlocks, base: Tensor? = nil
    ) throws(ProteanError) -> Tensor {
        let tiles = try SparseTiles(self, x.shape)
        var y: Tensor
        if let base {
            y = base
        } else {
            y =
                x.isShapeOnly
                ? try Tensor(shapeOnly: tiles.outputShape) : try Tensor(zeros: tiles.outputShape)
        }
        try run(&y, x, blocks, tiles)
        return y
    }

    /// Writes the result in the listed tiles into `y`, or adds it, and leaves the rest as it is.
    ///
    /// - Throws: ``ProteanError`` when a tensor or the list does not fit.
    public func update(
        _ y: inout Tensor, with x: Tensor, blocks: SparseBlocks
    ) throws(ProteanError) {
        try run(&y, x, blocks, try SparseTiles(self, x.shape))
    }

    private func run(
        _ y: inout Tensor, _ x: Tensor, _ blocks: SparseBlocks, _ tiles: SparseTiles
    ) throws(ProteanError) {
        let size = Size2d(height: x.shape[1], width: x.shape[2])
        guard y.shape == tiles.outputShape else {
            throw .shapeMismatch(
                layer: place, tensor: "base", expected: "\(tiles.outputShape)", found: y.shape)
        }
        guard x.isShapeOnly || !y.isShapeOnly else { throw .noValues(layer: place) }
        guard blocks.grid == tiles.input, blocks.batch == x.shape[0], blocks.size == size else {
            throw .shapeMismatch(
                layer: place, tensor: "blocks",
                expected: "a list in this layer's grid for \(x.shape)",
                found: [blocks.batch, blocks.size.height, blocks.size.width])
        }
        let output = try blocks.moved(to: tiles.output, size: tiles.outputSize)
        // Only one reference is kept while the map is written, so that copy-on-write does not copy
        // it.
        var map = y
        y = try Tensor(shapeOnly: y.shape)
        defer { y = map }
        _ = try traced(
            "SparseBlocksConv", path: label, input: x, cost: { _ in tiles.cost(self, blocks) }
        ) { () throws(ProteanError) in
            let stack = try Trace.pausing { () throws(ProteanError) in
                try body(try Operations.gatherBlocks(x, blocks))
            }
            try Operations.updateBlocks(of: &map, with: stack, output, adding: adds)
            return try Tensor(shapeOnly: map.shape)
        }
    }
}

/// The positions of the tiles in one input and in its output.
private struct SparseTiles {
    let input, output: BlockGrid
    let outputSize: Size2d
    let outputShape: [Int]
    private let padded: [Int]

    init(_ layer: SparseBlocksConv, _ x: [Int]) throws(ProteanError) {
        guard x.count == 4 else {
            throw .shapeMismatch(
                layer: layer.place, tensor: "x", expected: "[batch, height, width, channels]",
                found: x)
        }
        var pads = (top: 0, bottom: 0, left: 0, right: 0)
        if case .explicit(let top, let bottom, let left, let right) = layer.padding {
            pads = (top, bottom, left, right)
        }
        padded = [
            x[0], try Self.sum(x[1], pads.top, pads.bottom, layer),
            try Self.sum(x[2], pads.left, pads.right, layer), x[3],
        ]
        outputShape = try Self.silently(layer.body, padded)
        let (block, stride) = (layer.blockSize, layer.stride)
        let tile = try Self.size(layer.body, block, x[3])
        let step = Size2d(
            height: try Self.product(tile.height, stride.height, layer),
            width: try Self.product(tile.width, stride.width, layer))
        let larger = Size2d(
            height: try Self.sum(block.height, step.height, 0, layer),
            width: try Self.sum(block.width, step.width, 0, layer))
        let two = try Self.size(layer.body, larger, x[3])
        guard two == Size2d(height: 2 * tile.height, width: 2 * tile.width) else {
            throw .invalidOption(
                layer: layer.place, option: "stride",
                expected: "the body's stride",
                found: "\(stride) for blocks of \(block)")
        }
        outputSize = Size2d(height: outputShape[1], width: outputShape[2])
        let count = Size2d(
            height: (outputSize.height + tile.height - 1) / tile.height,
            width: (outputSize.width + tile.width - 1) / tile.width)
        input = try BlockGrid(
            blockSize: block, step: step, offset: Size2d(height: pads.top, width: pads.left),
            count: count)
        output = try BlockGrid(blockSize: tile, count: count)
    }

    private static func sum(
        _ a: Int, _ b: Int, _ c: Int, _ layer: SparseBlocksConv
    ) throws(ProteanError) -> Int {
        let (front, early) = a.addingReportingOverflow(b)
        let (all, late) = front.addingReportingOverflow(c)
        guard !early, !late else { throw .sizeOverflow(layer: layer.place, what: "a tile") }
        return all
    }

    private static func product(
        _ a: Int, _ b: Int, _ layer: SparseBlocksConv
    ) throws(ProteanError) -> Int {
        let (product, overflow) = a.multipliedReportingOverflow(by: b)
        guard !overflow else { throw .sizeOverflow(layer: layer.place, what: "a tile") }
        return product
    }

    /// The theoretical cost is that of the dense body on the padded map; the executed cost is that
    /// of the stack of tiles.
    func cost(_ layer: SparseBlocksConv, _ blocks: SparseBlocks) -> Cost {
        let stack = [blocks.count, layer.blockSize.height, layer.blockSize.width, padded[3]]
        guard var cost = try? layer.body.cost(for: padded),
            let executed = try? layer.body.cost(for: stack)
        else { return Cost() }
        cost.executedMultiplyAdds = executed.executedMultiplyAdds
        cost.bytes = executed.bytes
        return cost
    }

    private static func size(
        _ body: any Layer, _ size: Size2d, _ channels: Int
    ) throws(ProteanError) -> Size2d {
        let shape = try silently(body, [1, size.height, size.width, channels])
        return Size2d(height: shape[1], width: shape[2])
    }

    private static func silently(
        _ body: any Layer, _ shape: [Int]
    ) throws(ProteanError) -> [Int] {
        let result = try Trace.pausing { () throws(ProteanError) in
            try body(try Tensor(shapeOnly: shape))
        }.shape
        guard result.count == 4, result[0] == shape[0] else {
            throw .invalidOption(
                layer: "SparseBlocksConv", option: "body", expected: "layers from maps to maps",
                found: "\(result) from \(shape)")
        }
        return result
    }
}
