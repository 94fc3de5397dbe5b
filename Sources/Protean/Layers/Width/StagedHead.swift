/// The classifier behind one stage: reads the channels of all stages so far.
final class StagedHead: ExitHead {
    /// `weight` and `bias`.
    let linear: Linear
    private let stage: Int
    let label: Label? = Label()

    init(_ layout: StagingLayout, stage: Int) throws(ProteanError) {
        self.stage = stage
        let classifier = layout.blueprint.classifier
        let read = (layout.channels.last ?? []).prefix(stage + 1).flatMap(\.self)
        linear = try Linear(
            weight: try Operations.indexSelect(classifier.weight.value, axis: 1, indices: read),
            bias: classifier.bias?.value)
    }

    var parameters: [NamedParameter] { linear.parameters }

    func logits(
        _ features: inout Features, previous: Tensor?
    ) throws(ProteanError) -> Tensor {
        var parts: [Tensor] = []
        for j in 0...stage { parts.append(try features.tensor(StagedStage.pooled(j))) }
        return try linear(parts.count == 1 ? parts[0] : try Operations.concatenate(parts, axis: 1))
    }
}
