extension ExitNetwork {
    /// How a network used its exits at one level of noise.
    public struct NoiseLevel: Sendable, Hashable {
        /// The noise's standard deviation.
        public let deviation: Float
        /// Share of rows that left at each exit.
        public let shares: [Double]
        /// Mean number of the exit, from 0.
        public let meanExit: Double
        /// Mean multiply-adds executed per row.
        public let multiplyAdds: Double
        /// Share of rows classified as labelled; nil without labels.
        public let accuracy: Double?
    }

    /// The exits that rows use when noise is added to the input: a robust network spends more on
    /// noisy rows, an attacked one may be driven to its last exit.
    ///
    /// Noise is normal; a draw depends on the seed, row and element only, so levels differ by a
    /// factor.
    /// - Parameters:
    ///   - x: the clean input.
    ///   - policy: which rows leave.
    ///   - deviations: the levels, each at least 0.
    ///   - seed: of the noise.
    ///   - labels: each row's class, for accuracies.
    /// - Throws: ``ProteanError`` when an argument does not fit.
    public func exitsUnderNoise(
        _ x: Tensor, policy: ExitPolicy, deviations: [Float], seed: UInt64 = 0,
        labels: [Int]? = nil
    ) throws(ProteanError) -> [NoiseLevel] {
        guard !x.isShapeOnly else { throw .noValues(layer: place) }
        let batch = x.shape.first ?? 0
        if let labels, labels.count != batch {
            throw .invalidOption(
                layer: place, option: "labels", expected: "\(batch)", found: "\(labels.count)")
        }
        if let wrong = deviations.first(where: { !($0 >= 0 && $0.isFinite) }) {
            throw .invalidOption(
                layer: place, option: "deviations", expected: "finite, at least 0",
                found: "\(wrong)")
        }
        let each = x.count / max(batch, 1)
        let draws = try Tensor(
            (0..<x.count).map {
                CounterRandom.normal(seed: seed, site: 0, row: $0 / each, index: $0 % each)
            }, shape: x.shape)
        var levels: [NoiseLevel] = []
        for deviation in deviations {
            let noisy =
                deviation == 0 ? x : try Operations.add(x, try draws * deviation)
            let result = try dynamic(noisy, policy: policy)
            levels.append(level(deviation, result, labels))
        }
        return levels
    }

    private func level(
        _ deviation: Float, _ result: ExitResult, _ labels: [Int]?
    ) -> NoiseLevel {
        let rows = Double(max(result.exits.count, 1))
        let values = result.logits.elements, classes = result.logits.shape[1]
        let accuracy = labels.map { labels in
            Double(
                labels.indices.count {
                    let own = values[$0 * classes..<($0 + 1) * classes]
                    return Criterion.predictedClass(own) == labels[$0]
                }) / rows
        }
        return NoiseLevel(
            deviation: deviation, shares: result.shares(of: exitCount),
            meanExit: Double(result.exits.reduce(0, +)) / rows,
            multiplyAdds: Double(result.executed.reduce(0, +)) / rows, accuracy: accuracy)
    }
}
