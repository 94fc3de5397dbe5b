/// A convolution with a part that predicts where it samples, and that begins as zeros: samples lie on
/// the regular grid at first.
protocol SamplesPredictedPositions: HasInitialWeights {
    /// What the samples are multiplied by, or taken from.
    var sampledWeight: NamedParameter { get }
}

extension SamplesPredictedPositions {
    /// What the samples are multiplied by, or taken from.
    public var initialWeights: [InitialWeight] {
        [InitialWeight(sampledWeight.name, sampledWeight.parameter)]
    }

    /// False: what predicts positions stays at zero.
    public var initializesParts: Bool { false }
}
