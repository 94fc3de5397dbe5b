/// The layers of a hierarchical multiscale LSTM: Chung, Ahn, Bengio, "Hierarchical Multiscale Recurrent
/// Neural Networks", arXiv 1609.01704.
///
/// Layer l reads its own h, the layer below's new h where that layer has just found a boundary
/// (z below = 1), and the layer above's last h where it has found one itself (z = 1):
/// `[i, g, f, o, z̃] = [h, z · h_above, z_below · h_below] W`. Then
/// - flush (z = 1): `c' = i · g`;
/// - copy (z = 0, z_below = 0): c and h stay, and nothing is computed for the row but z̃;
/// - update: `c' = f · c + i · g`;
/// `h' = o · tanh(c')` unless copied, and `z' = round(sigmoid(slope · z̃))`, ties to even. The input
/// counts as a layer whose z is always 1.
///
/// Parameters: `cell_{l}.kernel` `[h + h_above + h_below, 4 · h + 1]`, no bias, columns i, g, f, o, z̃; as
/// in the TensorFlow code of n-s-f. The top layer has no layer above; its rows for h_above, as many
/// as layer 0 has units, meet zeros. State: h of all layers side by side, c likewise, z `[batch,
/// layers]`.
///
/// Cost per step and layer: (h + h_above + h_below) · (4 · h + 1) multiply-adds, for a copied row h.
public final class HMLSTMCells: RecurrentCell {
    /// What a layer does for a row at a step.
    public enum Operation: Int, Sendable, CaseIterable {
        /// Keeps its state.
        case copy
        /// Adds to its state.
        case update
        /// Begins its state anew.
        case flush
    }

    /// Features of the input.
    public let inputSize: Int
    /// Units of each layer, from the bottom.
    public let sizes: [Int]
    /// The slope of the boundary's sigmoid.
    public let slope: Float
    /// `cell_{l}`.
    public let submodules: [NamedModule]
    /// Where the layers stand in a model.
    public let label: Label? = Label()

    private let layers: [HMLSTMLayer]

    /// Layers with seeded initial values.
    ///
    /// - Parameters:
    ///   - inputSize: features of the input.
    ///   - sizes: units of each layer, from the bottom.
    ///   - slope: of the boundary's sigmoid, above 0; training raises it from 1 to 5.
    ///   - seed: of the initial values.
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)``.
    public init(
        inputSize: Int, sizes: [Int], slope: Float = 1, seed: UInt64 = 0
    ) throws(ProteanError) {
        let layer = "HMLSTMCells"
        try checkChannels(inputSize, "inputSize", layer: layer)
        try checkOption(sizes.count, "sizes.count", in: 1...OptionLimits.depth, layer: layer)
        for (index, size) in sizes.enumerated() {
            try checkOption(
                size, "sizes[\(index)]", in: 1...OptionLimits.channels / 8, layer: layer)
        }
        guard slope > 0, slope.isFinite else {
            throw .invalidOption(
                layer: layer, option: "slope", expected: "above 0", found: "\(slope)")
        }
        self.inputSize = inputSize
        self.sizes = sizes
        self.slope = slope
        var layers: [HMLSTMLayer] = []
        for (index, size) in sizes.enumerated() {
            layers.append(
                try HMLSTMLayer(
                    size: size, above: index + 1 < sizes.count ? sizes[index + 1] : sizes[0],
                    below: index == 0 ? inputSize : sizes[index - 1],
                    seed: seed &+ UInt64(index)))
        }
        self.layers = layers
        submodules = layers.enumerated().map { NamedModule("cell_\($0.offset)", $0.element) }
    }

    /// All units, all units, and the number of layers.
    public var stateSizes: [Int] {
        let all = sizes.reduce(0, +)
        return [all, all, sizes.count]
    }

    /// Every layer computing.
    public var multiplyAddsPerStep: Int { layers.reduce(0) { $0 + $1.cost } }

    /// What each layer does for a row with these boundaries, from its own z and the new z below.
    public static func operation(own: Float, below: Float) -> Operation {
        if own == 1 { return .flush }
        return own == 0 && below == 0 ? .copy : .update
    }

    /// The next h, c and z of all layers.
    ///
    /// - Throws: ``ProteanError`` when a tensor does not fit.
    public func step(
        _ x: Tensor, _ state: [Tensor], executed: inout [Int]
    ) throws(ProteanError) -> [Tensor] {
        try checkStep(x, state)
        let batch = x.shape[0]
        let hidden = try state[0].split(sizes: sizes, axis: 1)
        let cells = try state[1].split(sizes: sizes, axis: 1)
        let ones = [Int](repeating: 1, count: sizes.count)
        let marks = try state[2].split(sizes: ones, axis: 1)
        var below = x, belowMark = try Tensor(repeating: 1, shape: [batch, 1])
        var next: (h: [Tensor], c: [Tensor], z: [Tensor]) = ([], [], [])
        for (index, layer) in layers.enumerated() {
            let above = index + 1 < layers.count ? hidden[index + 1] : nil
            let call = HMLSTMLayer.Call(
                h: hidden[index], c: cells[index], z: marks[index], above: above, below: below,
                belowMark: belowMark)
            let made = try layer.step(call, slope: slope, place: place, executed: &executed)
            next.h.append(made.h)
            next.c.append(made.c)
            next.z.append(made.z)
            (below, belowMark) = (made.h, made.z)
        }
        return [
            try Operations.concatenate(next.h, axis: 1),
            try Operations.concatenate(next.c, axis: 1),
            try Operations.concatenate(next.z, axis: 1),
        ]
    }
}

/// One layer of ``HMLSTMCells``.
final class HMLSTMLayer: Module {
    /// What a step reads; marks are `[batch, 1]`.
    struct Call {
        var h: Tensor, c: Tensor, z: Tensor
        var above: Tensor?
        var below: Tensor, belowMark: Tensor
    }

    let label: Label? = Label()
    private let kernel: Parameter
    private let size: Int, above: Int, below: Int
    private let products = Derived<Int, (all: Linear, mark: Linear)>()

    init(size: Int, above: Int, below: Int, seed: UInt64) throws(ProteanError) {
        self.size = size
        self.above = above
        self.below = below
        let inputs = size + above + below, outputs = 4 * size + 1
        let bound = (6 / Float(inputs + outputs)).squareRoot()
        kernel = try Parameter(
            uniform: [inputs, outputs], in: -bound...bound, seed: seed, layer: "HMLSTMCells")
    }

    var parameters: [NamedParameter] { [NamedParameter("kernel", kernel)] }
    var cost: Int { (size + above + below) * (4 * size + 1) }

    /// The whole product, and the column of z̃ for h alone.
    private func linears() throws(ProteanError) -> (all: Linear, mark: Linear) {
        try products.value(for: kernel.version) { () throws(ProteanError) in
            let weight = try kernel.value.transposed()
            let column = try Operations.slice(
                weight, [AxisSlice(4 * size..<4 * size + 1), AxisSlice(0..<size)])
            return (try Linear(weight: weight), try Linear(weight: column))
        }
    }

    func step(
        _ call: Call, slope: Float, place: String, executed: inout [Int]
    ) throws(ProteanError) -> (h: Tensor, c: Tensor, z: Tensor) {
        let own = call.z.elements, under = call.belowMark.elements
        let isCopied = zip(own, under).map {
            HMLSTMCells.operation(own: $0, below: $1) == .copy
        }
        let computed = RowPlan(where: isCopied.map { !$0 })
        let copied = RowPlan(where: isCopied)
        var (h, c, marks) = (call.h, call.c, try Tensor(zeros: call.z.shape))
        if !computed.isEmpty {
            let made = try compute(call, computed, own, place)
            if computed.isComplete {
                (h, c, marks) = made
            } else {
                try Operations.scatterRows(made.h, computed, into: &h)
                try Operations.scatterRows(made.c, computed, into: &c)
                try Operations.scatterRows(made.z, computed, into: &marks)
            }
        }
        if !copied.isEmpty {
            let kept = try linears().mark.product(
                try Operations.gatherRows(call.h, copied), layer: place)
            try Operations.scatterRows(kept, copied, into: &marks)
        }
        for (row, isCopy) in isCopied.enumerated() { executed[row] += isCopy ? size : cost }
        // Rounding a half gives the even 0.
        let scaled = try (marks * Tensor(scalar: slope)).sigmoid().elements
        let z = scaled.map { $0.isNaN ? $0 : ($0 > 0.5 ? 1 : 0) }
        return (h, c, try Tensor(z, shape: call.z.shape))
    }

    /// h', c' and z̃ of the rows that compute.
    private func compute(
        _ call: Call, _ rows: RowPlan, _ own: [Float], _ place: String
    ) throws(ProteanError) -> (h: Tensor, c: Tensor, z: Tensor) {
        func gathered(_ tensor: Tensor) throws(ProteanError) -> Tensor {
            try Operations.gatherRows(tensor, rows)
        }
        let z = try gathered(call.z)
        var top = try Tensor(zeros: [rows.count, above])
        if let given = call.above { top = try gathered(given) * z }
        let bottom = try gathered(call.below) * gathered(call.belowMark)
        let joined = try Operations.concatenate([gathered(call.h), top, bottom], axis: 1)
        let sums = try linears().all.product(joined, layer: place)
        let parts = try sums.split(sizes: [4 * size, 1], axis: 1)
        // A flushed row begins with c = 0, so that f · c + i · g is i · g.
        let cells = try gathered(call.c)
        let zeros = try Tensor(zeros: cells.shape)
        let isFlushed = try Tensor(rows.rows.map { own[$0] == 1 ? 1 : 0 }, shape: [rows.count, 1])
        let begun = try Operations.where(isFlushed, zeros, cells)
        let next = try Operations.lstmCell(
            gates: parts[0], cell: begun, order: .inputCellForgetOutput, layer: place)
        return (next.hidden, next.cell, parts[1])
    }
}
