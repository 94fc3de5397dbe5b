import Protean
import ProteanModels
import Testing

/// Readers of images as sequences, by name.
@Suite struct SequenceClassifierTests {
    static func model(_ name: String) throws -> SequenceClassifier {
        let plugin = try ModelRegistry.standard().plugin(named: name)
        let made = try plugin.makeModel(configuration: ModelConfiguration())
        return try #require(made as? SequenceClassifier)
    }

    @Test func parametersAreThoseOfTheReferences() throws {
        // The authors' cells of 110 units and their initial states, and a layer of 10 classes.
        #expect(try Self.model("skip_lstm").parameterCount == 49_611 + 1_110)
        #expect(try Self.model("skip_gru").parameterCount == 37_181 + 1_110)
        let skim = 4 * 100 * (28 + 100 + 2) + 4 * 5 * (28 + 5 + 2) + 2 * (28 + 200 + 1)
        #expect(try Self.model("skim_rnn").parameterCount == skim + 1_010)
        #expect(
            try Self.model("lstm_jump").parameterCount
                == 4 * 200 * (28 + 200 + 2) + 6 * 201 + 2_010)
        #expect(
            try Self.model("hm_lstm").parameterCount
                == (50 + 50 + 28) * 201 + 2 * 150 * 201 + 1_510)
    }

    @Test(arguments: ["skip_lstm", "skip_gru", "skim_rnn", "lstm_jump", "hm_lstm"])
    func imagesAreRead(name: String) throws {
        let model = try Self.model(name)
        let height = name.hasPrefix("skip") ? 2 : 28
        let values = (0..<3 * height * 28).map { Float($0 * 7 % 11) / 11 }
        let x = try Tensor(values, shape: [3, height, 28, 1])
        let (logits, run) = try model.run(x)
        #expect(logits.shape == [3, 10] && logits.elements.allSatisfy { $0.isFinite })
        #expect(try model(x).elements == logits.elements)
        let all = try model.cost(for: [1, height, 28, 1]).multiplyAdds
        for row in 0..<3 {
            let one = Array(values[row * height * 28..<(row + 1) * height * 28])
            let alone = try model.run(Tensor(one, shape: [1, height, 28, 1]))
            #expect(alone.logits.elements == Array(logits.elements[row * 10..<row * 10 + 10]))
            #expect(alone.run.executed == [run.executed[row]])
            #expect(run.executed[row] > 0 && run.reads[row] > 0)
            if name == "hm_lstm" { #expect(run.executed[row] <= all) }
        }
        #expect(try model.outputShape(for: [2, 28, 28, 1]) == [2, 10])
        #expect(throws: ProteanError.self) { try model(Tensor(zeros: [1, 28, 27, 1])) }
    }

    @Test func badOptionsAreRefused() throws {
        #expect(throws: ProteanError.self) {
            try SequenceClassifier(reader: .skipLSTM, step: .pixel, width: 0, hiddenSize: 3)
        }
        #expect(throws: ProteanError.self) {
            try SequenceClassifier(reader: .skimLSTM(small: 3), step: .row, hiddenSize: 3)
        }
        #expect(throws: ProteanError.self) {
            try SequenceClassifier(reader: .hmLSTM, step: .row, hiddenSize: 0)
        }
    }
}
