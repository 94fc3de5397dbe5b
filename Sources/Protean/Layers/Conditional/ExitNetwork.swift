/// A network with several exits: stages in order, a head after each, and rows that leave at the first
/// exit that is sure of them.
///
/// ```swift
/// let network = try ExitNetwork(stages: [first, second], heads: [shallow, deep])
/// let result = try network.dynamic(x, policy: .threshold(.maximumProbability, [0.9, 0]))
/// ```
/// Exit k is stage k followed by head k, on features that stages share (``Features``). A row that left
/// is neither read nor written by later stages, and each row gets the logits it would get alone, bit
/// for bit. Applied as a ``Layer`` the network gives its last exit's logits.
/// Teerapittayanon, McDanel, Kung, "BranchyNet", arXiv 1709.01686; Huang et al., "Multi-Scale Dense
/// Networks for Resource Efficient Image Classification", arXiv 1703.09844.
public final class ExitNetwork: Layer, HasExits {
    /// How logits of successive exits become predictions.
    public enum Combiner: Sendable, Hashable {
        /// An exit's prediction is its own head's.
        case own
        /// F₁ = f₁, Fₙ = tₙ · Fₙ₋₁ + fₙ, with one factor for every exit after the first (Yu et al.,
        /// "Boosted Dynamic Neural Networks", arXiv 2211.16726).
        case boosted([Float])
    }

    /// The logits of a row that met no policy at any exit.
    public enum Fallback: String, Sendable, CaseIterable {
        /// Those of the last exit.
        case last
        /// Those of the exit that was surest of the row (Kaya et al., arXiv 1810.07052). The row has
        /// run through all exits.
        case mostConfident
    }

    /// Stages and heads, under the names they were given.
    public let submodules: [NamedModule]
    /// Where the network stands in a model.
    public let label: Label? = Label()
    /// How exits' logits become predictions.
    public let combiner: Combiner
    /// The batch is narrowed once fewer than this share of the rows being computed have not left, 0...1;
    /// 1 narrows at once. Results do not depend on it.
    public let narrowBelow: Double

    let stages: [any Stage]
    let heads: [any ExitHead]
    /// The feature that the network's input becomes.
    let inputName: String
    private let costs = Derived<[Int], CostTable>(capacity: 4)

    /// A network of stages and heads.
    ///
    /// - Parameters:
    ///   - parts: the modules that own the parameters, under the names of the weight file; by default
    ///     `stages.0` …, `heads.0` ….
    ///   - stages: one or more.
    ///   - heads: one after each stage.
    ///   - combiner: how logits become predictions.
    ///   - input: the feature that the network's input becomes.
    ///   - narrowBelow: see ``narrowBelow``.
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)``.
    public init(
        parts: [NamedModule]? = nil, stages: [any Stage], heads: [any ExitHead],
        combiner: Combiner = .own, input: String = "x", narrowBelow: Double = 1
    ) throws(ProteanError) {
        let name = "ExitNetwork"
        try checkOption(stages.count, "stages", in: 1...OptionLimits.depth, layer: name)
        guard heads.count == stages.count else {
            throw .invalidOption(
                layer: name, option: "heads", expected: "\(stages.count), one after each stage",
                found: "\(heads.count)")
        }
        if case .boosted(let factors) = combiner, factors.count != stages.count - 1 {
            throw .invalidOption(
                layer: name, option: "factors",
                expected: "\(stages.count - 1), one for each exit after the first",
                found: "\(factors.count)")
        }
        guard narrowBelow >= 0, narrowBelow <= 1 else {
            throw .invalidOption(
                layer: name, option: "narrowBelow", expected: "0...1", found: "\(narrowBelow)")
        }
        self.stages = stages
        self.heads = heads
        self.combiner = combiner
        inputName = input
        self.narrowBelow = narrowBelow
        submodules =
            parts ?? stages.enumerated().map { NamedModule("stages.\($0.offset)", $0.element) }
            + heads.enumerated().map { NamedModule("heads.\($0.offset)", $0.element) }
    }

    /// Number of exits.
    public var exitCount: Int { stages.count }

    /// The last exit's logits, `[batch, classes]`.
    ///
    /// - Throws: ``ProteanError`` when `x` does not fit.
    public func callAsFunction(_ x: Tensor) throws(ProteanError) -> Tensor {
        try until(exitCount - 1, x)
    }

    /// The logits of every exit for every row.
    ///
    /// - Throws: ``ProteanError`` when `x` does not fit.
    public func all(_ x: Tensor) throws(ProteanError) -> [Tensor] {
        var features = Features(x, name: inputName), logits: [Tensor] = []
        for exit in stages.indices {
            try stages[exit].run(&features)
            logits.append(try predict(exit, &features, previous: logits.last))
        }
        return logits
    }

    /// The logits of one exit; later stages do not run, and neither do earlier heads unless
    /// predictions build on them.
    ///
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)`` for no such exit, or
    ///   when `x` does not fit.
    public func until(_ exit: Int, _ x: Tensor) throws(ProteanError) -> Tensor {
        try checkOption(exit, "exit", in: 0...exitCount - 1, layer: place)
        var features = Features(x, name: inputName)
        var previous: Tensor?
        for stage in 0...exit {
            try stages[stage].run(&features)
            if stage == exit || buildsOnPrevious {
                previous = try predict(stage, &features, previous: previous)
            }
        }
        guard let previous else { throw .noValues(layer: place) }
        return previous
    }

    /// Whether a prediction needs those of the exits before.
    private var buildsOnPrevious: Bool {
        combiner != .own || heads.contains { ($0 as? any CollaboratingHead) != nil }
    }

    /// The prediction of one exit, from the features its stage has made.
    func predict(
        _ exit: Int, _ features: inout Features, previous: Tensor?
    ) throws(ProteanError) -> Tensor {
        let own = try heads[exit].logits(&features, previous: previous)
        guard own.rank == 2, own.shape[0] == features.rows.count else {
            throw .shapeMismatch(
                layer: heads[exit].place, tensor: "logits",
                expected: "[\(features.rows.count), classes]", found: own.shape)
        }
        guard case .boosted(let factors) = combiner, let previous else { return own }
        return try Self.boosted(own, previous, factors[exit - 1])
    }

    /// t · F + f, one product and one sum, each rounded.
    static func boosted(
        _ own: Tensor, _ previous: Tensor, _ factor: Float
    ) throws(ProteanError) -> Tensor {
        try Operations.add(try previous * factor, own)
    }

    /// Cumulative costs of the exits for one sample of inputs of shape `shape`; the batch does not matter.
    ///
    /// - Throws: ``ProteanError`` when the shape does not fit.
    public func costs(for shape: [Int]) throws(ProteanError) -> CostTable {
        let one = [1] + shape.dropFirst()
        return try costs.value(for: one) { () throws(ProteanError) in
            // An active trace records what runs, not what is estimated.
            try Trace.pausing { () throws(ProteanError) in try estimatedCosts(for: one) }
        }
    }

    private func estimatedCosts(for shape: [Int]) throws(ProteanError) -> CostTable {
        var features = Features(try Tensor(shapeOnly: shape), name: inputName)
        var exits: [CostTable.Exit] = [], sum = 0
        var previous: Tensor?
        for exit in stages.indices {
            let stage = try Trace.measuring { () throws(ProteanError) in
                try stages[exit].run(&features)
            }
            let head = try Trace.measuring { () throws(ProteanError) in
                try predict(exit, &features, previous: previous)
            }
            previous = head.result
            sum += stage.cost.multiplyAdds + head.cost.multiplyAdds
            exits.append(.init(multiplyAdds: sum, head: head.cost.multiplyAdds))
        }
        return CostTable(exits: exits)
    }
}

/// A head whose logits depend on those of the exit before.
public protocol CollaboratingHead: ExitHead {}

/// A model with exits.
public protocol HasExits: Layer {
    /// The network that has the exits.
    var exits: ExitNetwork { get }
}

extension ExitNetwork {
    /// The network itself.
    public var exits: ExitNetwork { self }
}
