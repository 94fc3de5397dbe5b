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
    /// The names of the classes that the published weights tell apart, in order of the output; empty
    /// when they are not known. What a loaded model has is ``Model/classNames``.
    var classNames: [String] { get }
    /// Weights shipped with the plug-in, or nil.
    var embeddedWeights: WeightSource? { get }

    /// The model with seeded initial weights.
    ///
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)`` for a configuration
    ///   key or value that is not supported.
    func makeModel(configuration: ModelConfiguration) throws(ProteanError) -> any Layer

    /// Names under which timm knows architectures that this plug-in builds, each with the options
    /// that make it so. Such a name may be given wherever the plug-in's may, and in the `config.json`
    /// of a folder that timm wrote.
    var timmArchitectures: [String: [String: ModelConfiguration.Value]] { get }

    /// Keys that every weight file of this architecture has, and files of others have not; used to
    /// say what a file that does not fit may be. The more keys, the closer the description.
    var landmarkKeys: [String] { get }

    /// Sets options that the user left out and the file's keys decide, before the model is made.
    ///
    /// - Returns: remarks for people on what was decided.
    func adapt(_ configuration: inout ModelConfiguration, to checkpoint: Checkpoint) -> [String]

    /// How keys of a checkpoint become parameter paths of the model. `checkpoint` has the file's
    /// tensors, without a prefix that was taken off their names.
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
    /// None.
    public var timmArchitectures: [String: [String: ModelConfiguration.Value]] { [:] }
    /// None.
    public var landmarkKeys: [String] { [] }
    /// Decides nothing.
    public func adapt(
        _ configuration: inout ModelConfiguration, to checkpoint: Checkpoint
    ) -> [String] { [] }
    /// Keys are paths already.
    public func keyMap(for checkpoint: Checkpoint) -> KeyMap { .identity }
}
