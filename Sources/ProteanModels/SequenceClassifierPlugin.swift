import Protean

/// Readers of 28 × 28 images as sequences: see ``SequenceClassifier``.
struct SequenceClassifierPlugin: ModelPlugin {
    let name: String
    let summary: String
    let reader: SequenceClassifier.Reader
    let step: SequenceClassifier.Step
    let hiddenSize: Int
    let landmarkKeys: [String]

    let inputShape = [1, 28, 28, 1]
    let classNames: [String] = (0..<10).map { "\($0)" }
    let preprocessing: ImagePreprocessing? = nil

    func makeModel(configuration: ModelConfiguration) throws(ProteanError) -> any Layer {
        try configuration.requireOnly(known: ["num_classes", "hidden_size"])
        return try SequenceClassifier(
            reader: reader, step: step,
            hiddenSize: try configuration.integer("hidden_size", default: hiddenSize),
            classes: try configuration.integer("num_classes", default: 10))
    }

    static let all: [any ModelPlugin] = [
        SequenceClassifierPlugin(
            name: "skip_lstm",
            summary: "Skip LSTM over the pixels of an image (arXiv 1708.06834), authors' names",
            reader: .skipLSTM, step: .pixel, hiddenSize: 110,
            landmarkKeys: ["rnn.Weights", "rnn.state_update_prob.Weights"]),
        SequenceClassifierPlugin(
            name: "skip_gru",
            summary: "Skip GRU over the pixels of an image (arXiv 1708.06834), authors' names",
            reader: .skipGRU, step: .pixel, hiddenSize: 110,
            landmarkKeys: ["rnn.gates.Weights", "rnn.state_update_prob.Weights"]),
        SequenceClassifierPlugin(
            name: "skim_rnn",
            summary: "Skim-RNN over the rows of an image (arXiv 1711.02085)",
            reader: .skimLSTM(small: 5), step: .row, hiddenSize: 100,
            landmarkKeys: ["rnn.large_rnn.weight_ih", "rnn.small_rnn.weight_ih"]),
        SequenceClassifierPlugin(
            name: "lstm_jump",
            summary: "LSTM-Jump over the rows of an image (arXiv 1704.06877)",
            reader: .jumpLSTM(read: 4, maximumJump: 5, jumps: 4), step: .row, hiddenSize: 200,
            landmarkKeys: ["rnn.weight_ih", "policy.jump.weight"]),
        SequenceClassifierPlugin(
            name: "hm_lstm",
            summary: "Hierarchical multiscale LSTM over the rows of an image (arXiv 1609.01704)",
            reader: .hmLSTM, step: .row, hiddenSize: 50,
            landmarkKeys: ["rnn.cell_0.kernel", "rnn.cell_2.kernel"]),
    ]
}
