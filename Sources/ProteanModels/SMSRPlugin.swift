import Protean

/// SMSR with the published model's names.
struct SMSRPlugin: ModelPlugin {
    let scale: Int

    var name: String { "smsr_x\(scale)" }
    var summary: String {
        "SMSR, super-resolution by \(scale) with sparse masks, the published keys (arXiv 2006.09603)"
    }
    let inputShape = [1, 128, 128, 3]
    var enlargement: Int? { scale }

    func makeModel(configuration: ModelConfiguration) throws(ProteanError) -> any Layer {
        try configuration.requireOnly(known: ["n_feats"])
        return try SMSR(
            scale: scale, features: try configuration.integer("n_feats", default: 64))
    }

    static let all: [any ModelPlugin] = [2, 3, 4].map { SMSRPlugin(scale: $0) }
}
