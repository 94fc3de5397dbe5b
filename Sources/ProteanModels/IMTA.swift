import Protean

/// IMTA: an MSDNet whose exits hand what they found on to the next exit.
///
/// Li, Zhang, Qi, Yang, Huang, "Improved Techniques for Training Adaptive Deep Networks", ICCV
/// 2019, arXiv 1908.06294; parameters are named as in the authors' PyTorch code: the MSDNet lies
/// under `net`, new classifiers under `classifier.{i}`, and what carries an exit's logits to the
/// next exit under `isc_modules.{i}`. The MSDNet's own linear layers are part of the files but are
/// not computed.
///
/// Exit i: `z_i = classifier_i([f_i, c_i])` with the exit's features f_i and
/// `c_i = relu(norm(linear(z_{i−1})))`; the first exit has f_0 only. Input and output as for
/// ``MSDNet``.
public enum IMTA {
    /// A network with seeded initial values. ``MSDNet/Options/boosting`` must be nil.
    ///
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)`` for options that make no
    ///   network.
    public static func network(_ options: MSDNet.Options) throws(ProteanError) -> ExitNetwork {
        guard options.boosting == nil else {
            throw .invalidOption(
                layer: "IMTA", option: "boosting", expected: "nil", found: "a list")
        }
        let made = try MSDNetParts(options, prefix: "net.")
        var blocks = made.blocks
        var heads: [any ExitHead] = []
        for (index, exit) in made.exits.enumerated() {
            _ = blocks.add(
                "net.classifier.\(index).linear",
                try Linear(inputFeatures: exit.features, outputFeatures: options.classes))
            var carries: Sequential?
            if index > 0 {
                let layers: [any Layer] = [
                    try Linear(inputFeatures: options.classes, outputFeatures: exit.features),
                    try BatchNorm2d(channels: exit.features), ReLU(),
                ]
                carries = blocks.add("isc_modules.\(index - 1)", try Sequential(layers))
            }
            let linear = try Linear(
                inputFeatures: exit.features * (index > 0 ? 2 : 1),
                outputFeatures: options.classes)
            heads.append(
                InlineHead(
                    features: exit.layer, carries: carries,
                    classifier: blocks.add("classifier.\(index)", linear),
                    reads: made.coarsest))
        }
        return try ExitNetwork(
            parts: blocks.parts, stages: made.stages, heads: heads, combiner: .own)
    }
}

/// A head that also reads the logits of the exit before.
private final class InlineHead: CollaboratingHead {
    private let features: Sequential
    private let carries: Sequential?
    private let classifier: Linear
    private let reads: String

    init(features: Sequential, carries: Sequential?, classifier: Linear, reads: String) {
        (self.features, self.carries) = (features, carries)
        (self.classifier, self.reads) = (classifier, reads)
    }

    func logits(
        _ maps: inout Features, previous: Tensor?
    ) throws(ProteanError) -> Tensor {
        let own = try features(try maps.tensor(reads))
        guard let carries else { return try classifier(own) }
        guard let previous else {
            throw .invalidOption(
                layer: "IMTA", option: "previous", expected: "the logits of the exit before",
                found: "nil")
        }
        let carried = try carries(previous)
        return try classifier(try Operations.concatenate([own, carried], axis: -1))
    }
}
