/// A convolution whose kernel is assembled from cells of a shared warehouse.
///
/// The kernel is divided into m places of the size of a cell. Every place gets a sum of all M cells,
/// weighted by contrasting attention, which may be negative:
///
/// `z = fc2(relu(norm1(fc1(mean of x))))`, `a = z / (Σ|z| + 10⁻³)` over the M + 1 values of a place,
/// `a ← (1 − t) · a + t · assigned`, `place = Σ_c a_c · cell_c` over the first M, `y = conv(x) + bias`.
///
/// The last value of a place belongs to a cell of zeros; t is the temperature, 0 in inference, and
/// `assigned` gives each place one cell, for the start of training. Li, Yao, "KernelWarehouse: Rethinking
/// the Design of Dynamic Convolution", arXiv 2406.07879.
///
/// Input `[batch, height, width, inputChannels]`, output `[batch, height', width', outputChannels]`.
/// Parameters: `bias`, `attention.fc1.weight` `[hidden, in]`, `attention.norm1`,
/// `attention.fc2.weight` `[m · (M + 1), hidden]`, `attention.fc2.bias`; with fewer basis values than
/// cells of other layers, `attention.fc3.weight` and `attention.basis_bias` instead of the bias. The
/// cells are a part only if the layer made them: `warehouse_manager.weights.0`, see ``KernelCells``.
///
/// At temperature 1 with as many cells as places and the first cell 0, the layer is a static
/// convolution. Cost per sample: the convolution, M · m · cell size for assembling, and the attention.
public final class KernelWarehouse: Layer {
    /// Channels, kernel size, stride, padding, dilation and groups.
    public let geometry: Conv2dGeometry
    /// The warehouse.
    public let warehouse: KernelCells
    /// Weight of the assigned cells against the attention.
    public let temperature: Double
    /// `[out]`, or nil.
    public let bias: Parameter?
    /// Where the layer stands in a model.
    public let label: Label? = Label()

    private let attention: KernelAttention
    private let places: KernelPlaces
    private let ownsCells: Bool

    /// How a layer uses its warehouse.
    public struct Options: Sendable {
        /// Hidden width of the attention over input channels; it is at least 16.
        public var reduction = 1.0 / 16
        /// Cells over places for cells in the whole warehouse.
        public var cellRatio = 1.0
        /// Attention values for the cells of other layers over the number of these cells; below 1 a
        /// linear layer makes the cells' values of at least 16 such values.
        public var basisRatio = 1.0
        /// The cell that is assigned to the layer's first place.
        public var firstCell = 0
        /// Weight of the assigned cells, 0...1; 0 in inference.
        public var temperature = 0.0

        /// The reference's defaults.
        public init() {}
    }

    /// A layer with seeded initial values.
    ///
    /// - Parameters:
    ///   - geometry: the convolution's options.
    ///   - bias: whether there is a bias.
    ///   - cells: the warehouse; nil for one of the layer's own.
    ///   - options: how the layer uses it.
    ///   - seed: of the initial values; equal seeds give equal values.
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)`` naming the option.
    public init(
        _ geometry: Conv2dGeometry, bias: Bool = false, cells: KernelCells? = nil,
        options: Options = Options(), seed: UInt64 = 0
    ) throws(ProteanError) {
        guard options.temperature >= 0, options.temperature <= 1 else {
            throw .invalidOption(
                layer: "KernelWarehouse", option: "temperature", expected: "0...1",
                found: "\(options.temperature)")
        }
        var direct = geometry
        direct.algorithm = .direct
        self.geometry = direct
        ownsCells = cells == nil
        if let cells {
            warehouse = cells
        } else {
            warehouse = try KernelCells(
                serving: [geometry], ratio: options.cellRatio, seed: seed)
        }
        places = try KernelPlaces(geometry, warehouse.cells.shape)
        attention = try KernelAttention(
            channels: geometry.inputChannels, places: places.count,
            cells: warehouse.cells.shape[0], options: options, seed: seed &+ 1)
        temperature = options.temperature
        self.bias =
            bias
            ? try Parameter(
                repeating: 0, shape: [geometry.outputChannels], layer: "KernelWarehouse") : nil
    }

    /// `bias`.
    public var parameters: [NamedParameter] { bias.map { [NamedParameter("bias", $0)] } ?? [] }

    /// `attention`, and `warehouse_manager` if the layer made the cells.
    public var submodules: [NamedModule] {
        [NamedModule("attention", attention)]
            + (ownsCells ? [NamedModule("warehouse_manager", warehouse)] : [])
    }

    /// The geometry's channels.
    public var channelFlow: ChannelFlow { geometry.channelFlow }

    /// The convolution of each sample with its own kernel.
    ///
    /// - Throws: ``ProteanError`` when `x` does not fit.
    public func callAsFunction(_ x: Tensor) throws(ProteanError) -> Tensor {
        try Shape.checkMap(
            x.shape, channels: geometry.inputChannels, pixels: true, layer: place)
        let weights = try attention(try Operations.globalAveragePool(x))
        return try traced(
            "KernelWarehouse", path: label, input: x, cost: { cost(input: x, output: $0) }
        ) { () throws(ProteanError) in
            let filters = try places.kernels(
                weights, warehouse.cells.value, batch: x.shape[0], shape: geometry.weightShape)
            let y = try Operations.conv2d(
                x, filtersPerSample: filters, geometry: geometry, layer: place)
            guard let bias else { return y }
            return try Operations.add(y, bias.value)
        }
    }

    /// The attention of `x`: `[batch · places, cells]`.
    ///
    /// - Throws: ``ProteanError`` when `x` does not fit.
    public func attention(of x: Tensor) throws(ProteanError) -> Tensor {
        try Shape.checkMap(
            x.shape, channels: geometry.inputChannels, pixels: true, layer: place)
        return try attention(try Operations.globalAveragePool(x))
    }

    private func cost(input: Tensor, output: Tensor) -> Cost {
        let cells = warehouse.cells.count
        return Cost(
            multiplyAdds: output.count * geometry.fanIn + input.shape[0] * places.count * cells,
            parameters: (ownsCells ? cells : 0) + (bias?.count ?? 0),
            bytes: (input.count + output.count + cells) * MemoryLayout<Float>.stride)
    }
}

/// The division of a kernel into places for cells.
struct KernelPlaces: Sendable {
    /// Places along the output channels, the input channels of a group, and the taps.
    let outputs, inputs, taps: Int

    /// Places of a kernel.
    var count: Int { outputs * inputs * taps }

    init(_ geometry: Conv2dGeometry, _ cell: [Int]) throws(ProteanError) {
        let shape = geometry.weightShape
        for axis in 0..<4 where shape[axis] % cell[axis + 1] != 0 {
            throw .invalidOption(
                layer: "KernelWarehouse", option: "cellShape",
                expected: "divisors of the kernel's \(shape)", found: "\(cell.dropFirst())")
        }
        outputs = shape[0] / cell[1]
        inputs = shape[1] / cell[2]
        taps = shape[2] / cell[3] * (shape[3] / cell[4])
    }

    /// `[batch] + shape` from weights `[batch · places, cells]`. Places are ordered by taps, outputs,
    /// inputs.
    func kernels(
        _ weights: Tensor, _ cells: Tensor, batch: Int, shape: [Int]
    ) throws(ProteanError) -> Tensor {
        let size = cells.shape.dropFirst().reduce(1, *)
        let sums = try Operations.matmul(
            weights, cells.reshaped(to: [cells.shape[0], size]))
        let parts = try sums.reshaped(
            to: [
                batch, taps, outputs, inputs, cells.shape[1], cells.shape[2],
                cells.shape[3] * cells.shape[4],
            ])
        return try Operations.permute(parts, [0, 2, 4, 3, 5, 1, 6]).reshaped(to: [batch] + shape)
    }
}
