/// A convolution with a part that predicts its sampling positions. The prediction is initially
/// zero, so that samples lie on the regular grid.
protocol SamplesPredictedPositions: HasInitialWeights {
    /// The weight that multiplies the samples, or from which they are taken.
    var sampledWeight: NamedParameter { get }
}

extension SamplesPredictedPositions {
    /// The weight that multiplies the samples, or from which they are taken.
    public var initialWeights: [InitialWeight] {
        [InitialWeight(sampledWeight.name, sampledWeight.parameter)]
    }

    /// False: the prediction of positions stays at zero.
    public var initializesParts: Bool { false }
}
