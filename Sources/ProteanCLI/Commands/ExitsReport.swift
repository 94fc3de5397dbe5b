import CommandSupport
import Protean
import ProteanImage

/// What `protean exits` reports.
struct ExitsReport: Encodable {
    /// One exit.
    struct Entry: Encodable {
        let exit: Int
        /// From the input to this exit's logits, the heads passed included.
        let multiplyAdds: Int
        let headMultiplyAdds: Int
        let threshold: Float
        /// Of all images, if all left here.
        let accuracy: Double
        /// Share of images to which the last exit gives the same class.
        let agreementWithLast: Double
        /// How many images leave here.
        let images: Int
        let share: Double
        /// Share of the images that thresholds were fitted on.
        let shareFitted: Double
        /// Of the images that leave here; null without any.
        let accuracyOfLeaving: Double?
        /// One image from the input to this exit.
        let milliseconds: Double
    }

    let model: String
    let weights: String
    let data: String
    let images: Int
    let criterion: String
    let thresholds: String
    let isa: String
    let threads: Int
    let batch: Int
    let exits: [Entry]
    /// Share of images that are classified correctly by the exit they leave at.
    let accuracy: Double
    /// The same of the images that thresholds were fitted on.
    let accuracyFitted: Double
    let meanMultiplyAdds: Double
    let meanMultiplyAddsFitted: Double
    /// Share of the multiply-adds of the last exit that is executed.
    let executedShare: Double
    /// Share of images that would have to leave elsewhere for the shares of both sets to agree.
    let shareGap: Double
    /// Per image, in batches that get smaller as images leave.
    let millisecondsPerImage: Double
    /// Per image, when all run to the last exit.
    let millisecondsPerImageWhole: Double

    init(
        _ exits: ExitModel, images: LabelledImages, scores: ExitScores,
        chosen: ChosenThresholds, batch: Int, timed: Int, progress: ProgressLine
    ) throws {
        let table = try exits.network.costs(for: exits.model.inputShape)
        let costs = table.exits.map(\.multiplyAdds)
        let outcome = try scores.outcome(thresholds: chosen.thresholds, costs: costs)
        let gap = zip(outcome.shares, chosen.entry.shares).reduce(0) { $0 + abs($1.0 - $1.1) } / 2
        progress.show("times")
        let step = max(1, images.count / timed)
        let picked = Array(stride(from: 0, to: images.count, by: step).prefix(timed))
        let singles = try picked.prefix(100).map { try exits.batch(images, [$0]) }
        let seconds = try exits.secondsPerExit(singles)
        let batches = try stride(from: 0, to: picked.count, by: batch).map { start in
            try exits.batch(images, picked[start..<min(start + batch, picked.count)])
        }
        self.exits = outcome.counts.indices.map { exit in
            Entry(
                exit: exit + 1, multiplyAdds: costs[exit],
                headMultiplyAdds: table.exits[exit].head, threshold: chosen.thresholds[exit],
                accuracy: scores.accuracies[exit],
                agreementWithLast: scores.agreementWithLast[exit], images: outcome.counts[exit],
                share: outcome.shares[exit], shareFitted: chosen.entry.shares[exit],
                accuracyOfLeaving: outcome.counts[exit] > 0 ? outcome.accuracies[exit] : nil,
                milliseconds: (seconds.indices.contains(exit) ? seconds[exit] : 0) * 1e3)
        }
        model = exits.model.plugin.name
        weights = exits.model.source
        data = images.summary
        self.images = images.count
        criterion = chosen.criterion.description
        thresholds = chosen.origin
        isa = try Runtime.isa().rawValue
        threads = try Runtime.threads()
        self.batch = batch
        accuracy = outcome.accuracy
        accuracyFitted = chosen.entry.accuracy
        meanMultiplyAdds = outcome.meanCost
        meanMultiplyAddsFitted = chosen.entry.meanCost
        executedShare = outcome.meanCost / Double(max(1, costs.last ?? 0))
        shareGap = gap
        millisecondsPerImage =
            try exits.secondsPerImage(batches, policy: chosen.policy) * 1e3
        millisecondsPerImageWhole = try exits.secondsPerImage(toTheEnd: batches) * 1e3
    }

    func print() throws {
        try Standard.print(
            "\(model), weights: \(weights), \(data), \(isa), "
                + "\(threads) \(threads == 1 ? "thread" : "threads")")
        try Standard.print("thresholds: \(criterion), \(thresholds)")
        try printExits()
        let saved = 1 - millisecondsPerImage / millisecondsPerImageWhole
        try Standard.print(
            """
              accuracy \(Text.percent2(accuracy)) (\(Text.percent2(accuracyFitted)) on the images \
            fitted on), all at the last exit \(Text.percent2(exits.last?.accuracy ?? 0))
              multiply-adds per image \(Text.short(Int(meanMultiplyAdds))) \
            (\(Text.short(Int(meanMultiplyAddsFitted))) on the images fitted on), \
            \(Text.percent(executedShare)) of the last exit's
              time per image in batches of \(batch): \(Text.fixed(millisecondsPerImage, 4)) ms, all to \
            the last exit \(Text.fixed(millisecondsPerImageWhole, 4)) ms: \(Text.percent(saved)) saved
              \(Text.percent2(shareGap)) of the images leave elsewhere than those fitted on
            """)
    }

    private func printExits() throws {
        var table = Table([
            ("exit", .right), ("multiply-adds", .right), ("head", .right), ("ms", .right),
            ("accuracy", .right), ("as last", .right), ("threshold", .right), ("leave", .right),
            ("share", .right), ("fitted", .right), ("right", .right), ("", .left),
        ])
        for entry in exits {
            let bar = entry.share.isFinite ? Int((entry.share * 30).rounded()) : 0
            table.add(
                "\(entry.exit)", Text.short(entry.multiplyAdds), Text.short(entry.headMultiplyAdds),
                Text.fixed(entry.milliseconds, 3), Text.percent2(entry.accuracy),
                Text.percent(entry.agreementWithLast),
                entry.exit == exits.count ? "" : Text.fixed(Double(entry.threshold), 4),
                "\(entry.images)", Text.percent(entry.share), Text.percent(entry.shareFitted),
                entry.accuracyOfLeaving.map(Text.percent2) ?? "",
                String(repeating: "#", count: bar))
        }
        try table.print(indent: "  ")
    }
}
