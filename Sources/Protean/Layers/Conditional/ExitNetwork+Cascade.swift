extension ExitNetwork {
    /// A cascade of separate networks, cheap ones first: a row goes on to the next network, from
    /// the input again, as long as no network was sure of it.
    ///
    /// Nothing is shared between the networks, so a row that reaches network k costs the sum of
    /// networks 0...k. Networks may be of any kind, also for other sizes of images (put a
    /// ``Resize`` in front of one in a ``Sequential``); all give logits of the same classes. Park
    /// et al., "Big/little deep neural network for ultra low power inference", CODES+ISSS 2015;
    /// Bolukbasi et al., arXiv 1702.07811; Wang et al., "IDK Cascades", arXiv 1706.00885.
    ///
    /// ```swift
    /// let cascade = try ExitNetwork(cascade: [small, large])
    /// let result = try cascade.dynamic(x, policy: .threshold(.margin, [0.6, 0]))
    /// ```
    /// - Parameters:
    ///   - models: from the first to the last, each from the input to `[rows, classes]`; their parameters
    ///     lie under `models.0` ….
    ///   - narrowBelow: see ``narrowBelow``.
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)`` for no networks.
    public convenience init(
        cascade models: [any Layer], narrowBelow: Double = 1
    ) throws(ProteanError) {
        guard !models.isEmpty else {
            throw .invalidOption(
                layer: "ExitNetwork", option: "cascade", expected: "at least 1 network",
                found: "0")
        }
        let classes = models.compactMap { $0.channelFlow.output }
        if let first = classes.first, let other = classes.first(where: { $0 != first }) {
            throw .invalidOption(
                layer: "ExitNetwork", option: "cascade",
                expected: "networks of equally many classes, \(first)", found: "\(other)")
        }
        try self.init(
            parts: models.enumerated().map { NamedModule("models.\($0.offset)", $0.element) },
            stages: models.map { LayerStage($0, reads: "x", writes: "logits") },
            heads: models.map { _ in GivenLogits() }, narrowBelow: narrowBelow)
    }
}

/// A head for a stage that has made logits already.
private final class GivenLogits: ExitHead {
    func logits(
        _ features: inout Features, previous: Tensor?
    ) throws(ProteanError) -> Tensor {
        try features.take("logits")
    }
}
