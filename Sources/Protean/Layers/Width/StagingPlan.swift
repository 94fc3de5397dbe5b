/// How ``Staging`` splits the channels of a network's layers, and what each stage reuses.
///
/// Layers whose maps have the same size share a rule, which keeps the space of architectures small
/// (S2DNAS, arXiv 1911.07033, section 3); single layers may have one of their own.
public struct StagingPlan: Sendable, Hashable {
    /// The split and the reuse matrix of a layer.
    public struct Rule: Sendable, Hashable {
        /// How its output channels are split.
        public let splits: ChannelSplits
        /// Which earlier stages' input channels each stage reads.
        public let reuse: ReuseMatrix

        /// A rule, checked.
        ///
        /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)`` when the numbers
        ///   of stages differ.
        public init(splits: ChannelSplits, reuse: ReuseMatrix) throws(ProteanError) {
            guard splits.stages == reuse.stages else {
                throw .invalidOption(
                    layer: "StagingPlan", option: "reuse",
                    expected: "\(splits.stages) stages, as the splits", found: "\(reuse.stages)")
            }
            self.splits = splits
            self.reuse = reuse
        }
    }

    /// Number of stages.
    public let stages: Int
    /// One rule for all layers, or one per size of the maps that convolutions make, largest first.
    public let sizes: [Rule]
    /// Rules of single layers, by their paths in the static network.
    public let layers: [String: Rule]

    /// A plan, checked.
    ///
    /// - Parameters:
    ///   - sizes: one rule for all layers, or one per map size.
    ///   - layers: exceptions by path.
    ///   - last: the last layer's matrix, which must be full; nil makes it so.
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)`` when numbers of stages
    ///   differ, there is no rule, or a stage of the last layer does not reuse all earlier ones.
    public init(
        sizes: [Rule], layers: [String: Rule] = [:], last: ReuseMatrix? = nil
    ) throws(ProteanError) {
        guard let first = sizes.first else {
            throw .invalidOption(
                layer: "StagingPlan", option: "sizes", expected: "at least one rule", found: "none")
        }
        stages = first.splits.stages
        let counts = (sizes + layers.values).map(\.splits.stages) + (last.map { [$0.stages] } ?? [])
        if let other = counts.first(where: { $0 != first.splits.stages }) {
            throw .invalidOption(
                layer: "StagingPlan", option: "stages",
                expected: "\(first.splits.stages) in every rule", found: "\(other)")
        }
        try last?.checkIsFull(layer: "StagingPlan")
        self.sizes = sizes
        self.layers = layers
    }

    /// One split and one matrix for all layers.
    ///
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)`` when the numbers of
    ///   stages differ.
    public init(splits: ChannelSplits, reuse: ReuseMatrix) throws(ProteanError) {
        try self.init(sizes: [try Rule(splits: splits, reuse: reuse)])
    }
}
