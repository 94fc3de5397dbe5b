/// Chooses the clips of a video that are worth classifying: Korbar, Tran, Torresani, "SCSampler:
/// Sampling Salient Clips from Video for Efficient Action Recognition", arXiv 1904.04289.
///
/// A light network looks at every clip, the k most salient are chosen, and only these reach the heavy
/// network, whose results are averaged. Saliency is the light network's number if it gives one, and
/// its largest softmax probability if it gives classes. Equal saliencies go to the earlier clip; a
/// saliency that is not a number is never chosen.
///
/// Parameters: `sampler` and `classifier`. Cost per video: the light network on all clips, the heavy
/// one on k.
public final class KeyFrameSampler: Module {
    /// What ``run(_:)`` returns.
    public struct Result: Sendable {
        /// The mean of the chosen clips' results, `[batch, classes]`.
        public let logits: Tensor
        /// The chosen clips of each video, in order of time.
        public let chosen: [[Int]]
        /// The saliency of every clip, `[batch, clips]`.
        public let saliency: Tensor
        /// Multiply-adds executed for each video.
        public let executed: [Int]
    }

    /// `sampler` and `classifier`.
    public let submodules: [NamedModule]
    /// Where the network stands in a model.
    public let label: Label? = Label()

    private let sampler: any Layer, classifier: any Layer
    private let count: Int

    /// A sampler.
    ///
    /// - Parameters:
    ///   - sampler: the light network, clips to one number or to classes.
    ///   - classifier: the heavy network, clips to classes.
    ///   - count: clips that are classified, at least 1.
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)``.
    public init(
        sampler: any Layer, classifier: any Layer, count: Int
    ) throws(ProteanError) {
        try checkOption(count, "count", in: 1...OptionLimits.points, layer: "KeyFrameSampler")
        self.sampler = sampler
        self.classifier = classifier
        self.count = count
        submodules = [NamedModule("sampler", sampler), NamedModule("classifier", classifier)]
    }

    /// Classifies videos.
    ///
    /// - Parameter clips: `[batch, clips, …]`; the networks get `[n, …]`. Videos with fewer clips than
    ///   `count` have all of them classified.
    /// - Throws: ``ProteanError`` when the clips do not fit.
    public func run(_ clips: Tensor) throws(ProteanError) -> Result {
        let frames = try FrameBatch(clips, axes: nil, layer: place)
        let saliency = try saliency(frames)
        let values = saliency.elements
        let chosen = (0..<frames.batch).map { row in
            Self.best(Array(values[row * frames.time..<(row + 1) * frames.time]), count)
        }
        DecisionTrace.note(
            site: place, rows: RowScope.origin(batch: frames.batch),
            try Choice(
                actions: frames.time, picks: chosen.map { $0.map { Choice.Pick(action: $0) } }))
        let places = chosen.enumerated().flatMap { row, steps in
            steps.map { SequencePlace(row: row, step: $0) }
        }
        let results = try classifier.vectors(frames.frames(places))
        let light = try sampler.multiplyAdds(forOne: frames.frameShape)
        let heavy = try classifier.multiplyAdds(forOne: frames.frameShape)
        return Result(
            logits: try Tensor.means(
                of: results, owners: places.map(\.row), batch: frames.batch),
            chosen: chosen, saliency: saliency,
            executed: chosen.map { frames.time * light + $0.count * heavy })
    }

    private func saliency(_ frames: FrameBatch) throws(ProteanError) -> Tensor {
        let scores = try sampler.vectors(frames.all)
        let values: Tensor
        if scores.shape[1] == 1 {
            values = scores
        } else {
            values = try Operations.softmax(scores).maximum(axes: [1])
        }
        return try values.reshaped(to: [frames.batch, frames.time])
    }

    /// The positions of the `count` largest numbers, ascending; the earlier one of equal ones.
    private static func best(_ scores: [Float], _ count: Int) -> [Int] {
        let numbers = scores.indices.filter { !scores[$0].isNaN }
        let sorted = numbers.sorted {
            scores[$0] != scores[$1] ? scores[$0] > scores[$1] : $0 < $1
        }
        return sorted.prefix(count).sorted()
    }
}
