import CommandSupport
import Protean
import ProteanImage

/// A model with exits, and what commands ask of it.
struct ExitModel {
    let model: Model
    let network: ExitNetwork

    /// Throws for models without exits, and for those that do not take images.
    init(_ model: Model) throws {
        guard let network = (model.module as? any HasExits)?.exits else {
            throw Failure("model '\(model.plugin.name)' has no exits")
        }
        guard model.preprocessing != nil else {
            throw Failure("model '\(model.plugin.name)' does not take images")
        }
        self.model = model
        self.network = network
    }

    /// Multiply-adds from the input to each exit's logits, for one image.
    func costs() throws -> [Int] {
        try network.costs(for: model.inputShape).exits.map(\.multiplyAdds)
    }

    /// Some of the images as one batch, preprocessed.
    func batch(_ images: LabelledImages, _ indices: some Sequence<Int>) throws -> Tensor {
        var values: [Float] = []
        var count = 0
        var shape = model.inputShape
        for index in indices {
            let x = try model.input(from: images.image(index))
            shape = x.shape
            values += x.elements
            count += 1
        }
        shape[0] = count
        return try Tensor(values, shape: shape)
    }

    /// What every exit says about every image.
    func scores(
        of images: LabelledImages, labels: [Int], criterion: Criterion, batch size: Int = 250,
        progress: ProgressLine
    ) throws -> ExitScores {
        var scores = try ExitScores(exits: network.exitCount, criterion: criterion)
        for start in stride(from: 0, to: images.count, by: size) {
            progress.show("\(images.summary): \(start) of \(images.count)")
            let range = start..<min(start + size, images.count)
            let logits = try network.all(batch(images, range))
            scores = try adding(logits, Array(labels[range]), to: scores)
        }
        return scores
    }

    private func adding(
        _ logits: [Tensor], _ labels: [Int], to scores: ExitScores
    ) throws -> ExitScores {
        var result = scores
        try result.append(logits: logits, labels: labels)
        return result
    }

    /// The class of each image in the order of the network's outputs: folders that bear the classes'
    /// names are matched by name, others by their order.
    func labels(of images: LabelledImages) throws -> [Int] {
        let classes = model.classCount ?? 0
        let places = images.classNames.map { model.classNames.firstIndex(of: $0) }
        let labels =
            !places.isEmpty && places.allSatisfy { $0 != nil }
            ? images.labels.map { places[$0] ?? 0 } : images.labels
        if let largest = labels.max(), largest >= classes {
            throw Failure(
                "class \(largest) in \(images.summary): expected one of the \(classes) classes of "
                    + "'\(model.plugin.name)', counted from 0")
        }
        return labels
    }

    /// Seconds from one image to each exit's logits, without the heads before: the median over the
    /// images, after a run of each exit that is not counted.
    func secondsPerExit(_ inputs: [Tensor]) throws -> [Double] {
        guard let first = inputs.first else { return [] }
        var times = [[Double]](repeating: [], count: network.exitCount)
        for exit in times.indices { _ = try network.until(exit, first) }
        // In turns, so that a disturbance does not fall on one exit alone.
        for x in inputs {
            for exit in times.indices {
                let start = ContinuousClock.now
                _ = try network.until(exit, x)
                times[exit].append((ContinuousClock.now - start).seconds)
            }
        }
        return times.map(Text.median)
    }

    /// Seconds per image of batches that leave by a policy: the shortest of some rounds.
    func secondsPerImage(
        _ batches: [Tensor], policy: ExitPolicy, rounds: Int = 2
    ) throws -> Double {
        try shortest(rounds, batches) { _ = try network.dynamic($0, policy: policy) }
    }

    /// Seconds per image of the same batches when everything runs to the last exit, without the
    /// heads before it.
    func secondsPerImage(toTheEnd batches: [Tensor], rounds: Int = 2) throws -> Double {
        try shortest(rounds, batches) { _ = try network($0) }
    }

    private func shortest(
        _ rounds: Int, _ batches: [Tensor], _ run: (Tensor) throws -> Void
    ) throws -> Double {
        let images = batches.reduce(0) { $0 + $1.shape[0] }
        guard images > 0, let first = batches.first else { return 0 }
        try run(first)
        var best = Double.infinity
        for _ in 0..<rounds {
            let start = ContinuousClock.now
            for batch in batches { try run(batch) }
            best = min(best, (ContinuousClock.now - start).seconds / Double(images))
        }
        return best
    }
}

extension Model {
    /// Whether thresholds ship with these weights.
    var shipsThresholds: Bool {
        source == Model.embeddedSource && plugin.embeddedBudgets != nil
    }
}
