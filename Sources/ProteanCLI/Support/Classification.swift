import CommandSupport
import Foundation
import Protean
import ProteanImage
import ProteanModels

/// The result of a classifier for one image.
struct Classification: Encodable {
    struct Prediction: Encodable {
        let index: Int
        let label: String?
        let probability: Double
        let logit: Float

        enum CodingKeys: CodingKey { case index, label, probability, logit }

        /// As the synthesised method, except that a missing label is written as null.
        func encode(to encoder: any Encoder) throws {
            var container = encoder.container(keyedBy: CodingKeys.self)
            try container.encode(index, forKey: .index)
            try container.encode(label, forKey: .label)
            try container.encode(probability, forKey: .probability)
            try container.encode(logit, forKey: .logit)
        }
    }

    let file: String
    /// The most probable classes, best first.
    let predictions: [Prediction]
    /// The time of the network alone, without reading and preparing the image.
    let milliseconds: Double
    let multiplyAdds: Int
    let executedMultiplyAdds: Int
    /// The exit at which the image left, from 1; nil for a network that has none in use.
    var exit: Int?
}

/// A model that turns images into class scores.
struct Classifier {
    let model: Model
    private let preprocessing: ImagePreprocessing
    private let orientation: ImageOrientation
    /// A network whose images leave early, and how they do.
    private let exits: (network: ExitNetwork, policy: ExitPolicy)?

    /// Throws for models that do not take images.
    ///
    /// - Parameters:
    ///   - model: a classifier.
    ///   - orientation: whether EXIF's orientation is applied.
    ///   - policy: which images leave a network with exits early; nil for none.
    init(
        _ model: Model, orientation: ImageOrientation = .ignore, policy: ExitPolicy? = nil
    ) throws {
        guard let preprocessing = model.preprocessing else {
            throw Failure("model '\(model.plugin.name)' does not take images")
        }
        self.model = model
        self.preprocessing = preprocessing
        self.orientation = orientation
        if let policy, let network = (model.module as? any HasExits)?.exits {
            exits = (network, policy)
        } else {
            exits = nil
        }
    }

    /// Runs the network once and discards the result, so that weights are packed and plans made
    /// before the timed run.
    func warmUp(_ image: Image) throws {
        let input = try preprocessing.tensor(from: image)
        _ = try model(input)
        if let exits {
            _ = try exits.network.all(input)
            _ = try exits.network.dynamic(input, policy: exits.policy)
        }
    }

    /// The image of a file, read with the options; remarks about it go to standard error.
    func image(_ path: String) throws -> Image {
        try Image.decode(path, orientation: orientation, onNote: Standard.note)
    }

    /// The `top` most probable classes of an image; `path` identifies it in the result.
    func classify(_ image: Image, file path: String, top: Int) throws -> Classification {
        let input = try preprocessing.tensor(from: image)
        if let exits { return try classify(input, leaving: exits, file: path, top: top) }
        let trace = Trace()
        let start = ContinuousClock.now
        let output = try trace.recording { try model(input) }
        let elapsed = ContinuousClock.now - start
        guard output.rank == 2, output.shape[0] == 1, output.count > 0 else {
            throw Failure(
                "model '\(model.plugin.name)' is not a classifier: its output for \(path) has "
                    + "shape \(output.shape), expected [1, classes]")
        }
        let cost = trace.totalCost
        return Classification(
            file: path, predictions: predictions(output.elements, top: top),
            milliseconds: elapsed.seconds * 1e3, multiplyAdds: cost.multiplyAdds,
            executedMultiplyAdds: cost.executedMultiplyAdds)
    }

    private func classify(
        _ input: Tensor, leaving exits: (network: ExitNetwork, policy: ExitPolicy),
        file path: String, top: Int
    ) throws -> Classification {
        let start = ContinuousClock.now
        let result = try exits.network.dynamic(input, policy: exits.policy)
        let elapsed = ContinuousClock.now - start
        guard let executed = result.executed.first, let exit = result.exits.first else {
            throw Failure("model '\(model.plugin.name)' gave no result for \(path)")
        }
        return Classification(
            file: path, predictions: predictions(result.logits.elements, top: top),
            milliseconds: elapsed.seconds * 1e3,
            multiplyAdds: try exits.network.costs(for: input.shape).full,
            executedMultiplyAdds: executed, exit: exit + 1)
    }

    private func predictions(_ logits: [Float], top: Int) -> [Classification.Prediction] {
        let names = model.classNames
        let probabilities = Self.softmax(logits)
        // NaN sorts last; equal scores keep the order of the classes.
        let order = logits.indices.sorted { a, b in
            let (x, y) = (logits[a], logits[b])
            if x.isNaN || y.isNaN { return x.isNaN == y.isNaN ? a < b : y.isNaN }
            return x == y ? a < b : x > y
        }
        return order.prefix(top).map { index in
            Classification.Prediction(
                index: index, label: names.indices.contains(index) ? names[index] : nil,
                probability: probabilities[index], logit: logits[index])
        }
    }

    /// eˣ / Σ eˣ in double precision, shifted by the maximum.
    static func softmax(_ logits: [Float]) -> [Double] {
        let largest = Double(logits.max() ?? 0)
        let powers = logits.map { exp(Double($0) - largest) }
        let sum = powers.reduce(0, +)
        return powers.map { $0 / sum }
    }
}
