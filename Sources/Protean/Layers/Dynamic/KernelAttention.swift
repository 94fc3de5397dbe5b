/// The contrasting attention of a ``KernelWarehouse`` over its cells.
final class KernelAttention: Module {
    private let first, second: Linear
    private let norm: BatchNorm1d
    private let fused: any EpilogueKernel
    private let basis: Basis?
    private let places, cells: Int
    /// Temperature times the assigned cells, `[places, cells + 1]`; nil at temperature 0.
    private let assigned: Tensor?
    private let temperature: Double

    /// Values that stand for the cells of other layers.
    private struct Basis: Sendable {
        let map: Linear
        let bias: Parameter
        /// The layer's own cells, and the position of the first among all.
        let own, firstOwn: Int
    }

    init(
        channels: Int, places: Int, cells: Int, options: KernelWarehouse.Options, seed: UInt64
    ) throws(ProteanError) {
        self.places = places
        self.cells = cells
        temperature = options.temperature
        let width = Double(channels) * options.reduction
        guard options.reduction > 0, width <= Double(OptionLimits.channels) else {
            throw Self.refusal("reduction", "above 0, for fewer channels", options.reduction)
        }
        let hidden = max(16, Int(width))
        let own = Double(places) * options.cellRatio
        guard options.cellRatio > 0, own < Double(cells) + 1 else {
            throw Self.refusal(
                "cellRatio", "above 0, for at most \(cells) of the \(places) places' cells",
                options.cellRatio)
        }
        first = try Linear(
            inputFeatures: channels, outputFeatures: hidden, bias: false, seed: seed)
        norm = try BatchNorm1d(channels: hidden)
        fused = try first.folding(norm)
        basis = try Self.basis(Int(own), cells, places, options, seed: seed &+ 2)
        let values = basis.map { $0.own + $0.map.inputFeatures + 1 } ?? cells + 1
        second = try Linear(
            inputFeatures: hidden, outputFeatures: try Self.product(places, values),
            bias: basis == nil, seed: seed &+ 1)
        assigned =
            temperature == 0
            ? nil : try Self.assignment(places, cells, options)
    }

    private static func refusal(
        _ option: String, _ expected: String, _ found: Double
    ) -> ProteanError {
        .invalidOption(
            layer: "KernelWarehouse", option: option, expected: expected, found: "\(found)")
    }

    private static func product(_ a: Int, _ b: Int) throws(ProteanError) -> Int {
        try Shape.elementCount([a, b], layer: "KernelWarehouse")
    }

    private static func basis(
        _ own: Int, _ cells: Int, _ places: Int, _ options: KernelWarehouse.Options, seed: UInt64
    ) throws(ProteanError) -> Basis? {
        guard options.basisRatio > 0 else {
            throw refusal("basisRatio", "above 0", options.basisRatio)
        }
        guard options.basisRatio < 1 else { return nil }
        let others = cells - own
        guard others >= 1 else {
            throw refusal(
                "basisRatio", "1 or more where no cell belongs to other layers",
                options.basisRatio)
        }
        try checkOption(
            options.firstCell, "firstCell", in: 0...others, layer: "KernelWarehouse")
        let width = max(16, Int(Double(others) * options.basisRatio))
        return Basis(
            map: try Linear(
                inputFeatures: width, outputFeatures: others, bias: false, seed: seed),
            bias: try Parameter(
                repeating: 0, shape: [try product(places, cells + 1)], layer: "KernelWarehouse"),
            own: own, firstOwn: options.firstCell)
    }

    /// One cell per place: successive cells where there are at least as many as places; else the same
    /// cell for several places, of which all but one get the cell of zeros.
    private static func assignment(
        _ places: Int, _ cells: Int, _ options: KernelWarehouse.Options
    ) throws(ProteanError) -> Tensor {
        var values = [Float](repeating: 0, count: try product(places, cells + 1))
        var next = options.firstCell
        let step = max(1, Int(options.cellRatio)), sharing = max(1, Int(1 / options.cellRatio))
        for place in 0..<places {
            let takes =
                options.cellRatio >= 1 || place % sharing == place / sharing % sharing
            guard !takes || (0..<cells).contains(next) else {
                throw .invalidOption(
                    layer: "KernelWarehouse", option: "firstCell",
                    expected: "cells for \(places) places among \(cells)",
                    found: "\(options.firstCell)")
            }
            values[place * (cells + 1) + (takes ? next : cells)] = Float(options.temperature)
            if takes { next += step }
        }
        return try Tensor(values, shape: [places, cells + 1])
    }

    var parameters: [NamedParameter] {
        basis.map { [NamedParameter("basis_bias", $0.bias)] } ?? []
    }

    var submodules: [NamedModule] {
        [NamedModule("fc1", first), NamedModule("norm1", norm), NamedModule("fc2", second)]
            + (basis.map { [NamedModule("fc3", $0.map)] } ?? [])
    }

    /// The weights `[batch · places, cells]` for means `[batch, channels]`.
    func callAsFunction(_ means: Tensor) throws(ProteanError) -> Tensor {
        let batch = means.shape[0]
        let hidden = try fused(means, epilogue: Conv2dEpilogue(activation: .relu))
        let values = try spread(try second(hidden), batch: batch)
        let size = try Operations.sum(
            Operations.absolute(values), axes: [-1], keepDimensions: true)
        var weights = try Operations.divide(
            values, Operations.add(size, try Tensor(repeating: 1e-3, shape: [1])))
        if let assigned {
            let share = try Tensor(repeating: Float(1 - temperature), shape: [1])
            weights = try Operations.add(Operations.multiply(weights, share), assigned)
        }
        return try weights.slice(axis: 2, from: 0, to: cells)
            .reshaped(to: [batch * places, cells])
    }

    /// One value for every cell and place, `[batch, places, cells + 1]`.
    private func spread(_ values: Tensor, batch: Int) throws(ProteanError) -> Tensor {
        let whole = [batch, places, cells + 1]
        guard let basis else { return try values.reshaped(to: whole) }
        let width = basis.map.inputFeatures
        let parts = try Operations.split(
            values.reshaped(to: [batch, places, basis.own + width + 1]),
            sizes: [basis.own, width, 1], axis: 2)
        let others = try basis.map(parts[1])
        let sides = try Operations.split(
            others, sizes: [basis.firstOwn, cells - basis.own - basis.firstOwn], axis: 2)
        let joined = try Operations.concatenate([sides[0], parts[0], sides[1], parts[2]], axis: 2)
        return try Operations.add(joined, basis.bias.value.reshaped(to: [places, cells + 1]))
    }
}
