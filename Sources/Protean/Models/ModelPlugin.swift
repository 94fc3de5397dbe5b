/// An architecture that can be built by name and filled from a weight file.
public protocol ModelPlugin: Sendable {
    /// The name users give, such as `mobilenet_v2`.
    var name: String { get }
    /// One line: what it is, from which paper, whose keys.
    var summary: String { get }
    /// The input's shape for one image, `[1, height, width, channels]`.
    var inputShape: [Int] { get }
    /// How an image becomes an input; nil for models that do not take images.
    var preprocessing: ImagePreprocessing? { get }
    /// For models that turn an image into a larger one (`[batch, height, width, 3]` in 0...255 to the same
    /// range): the factor per axis; nil for others.
    var enlargement: Int? { get }
    /// The classes' names in order of the output; empty when they are not known.
    var classNames: [String] { get }
    /// Weights shipped with the plug-in, or nil.
    var embeddedWeights: WeightSource? { get }

    /// The model with seeded initial weights.
    ///
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)`` for a configuration
    ///   key or value that is not supported.
    func makeModel(configuration: ModelConfiguration) throws(ProteanError) -> any Layer

    /// How keys of a checkpoint become parameter paths of the model.
    func keyMap(for checkpoint: Checkpoint) -> KeyMap
}

extension ModelPlugin {
    /// No preprocessing.
    public var preprocessing: ImagePreprocessing? { nil }
    /// Does not enlarge images.
    public var enlargement: Int? { nil }
    /// Names are not known.
    public var classNames: [String] { [] }
    /// No embedded weights.
    public var embeddedWeights: WeightSource? { nil }
    /// Keys are paths already.
    public func keyMap(for checkpoint: Checkpoint) -> KeyMap { .identity }
}
