/// A convolution with a part that predicts its sampling positions. The prediction is initially
/// zero, so that samples lie on the regular grid.
protocol SamplesPredictedPositions: HasInitialWeights {
    /// What the samples are multiplied by, or taken from.
    var sampledWeight: NamedParameter { get }
}

extension SamplesPredictedPositions {
    /// What the samples are multiplied by, or taken from.
    public var initialWeights: [InitialWeight] {
        [InitialWeight(sampledWeight.name, sampledWeight.parameter)]
    }

    /// False: the prediction of positions stays at zero.
    public var initializesParts: Bool { false }
}
