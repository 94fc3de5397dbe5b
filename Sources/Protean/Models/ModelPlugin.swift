/// An architecture that can be built by name and filled from a weight file.
public protocol ModelPlugin: Sendable {
    /// The name users give, such as `mobilenet_v2`.
    var name: String { get }
    /// One line: the architecture, its paper, and the reference for its keys.
    var summary: String { get }
    /// The input's shape for one image, `[1, height, width, channels]`.
    var inputShape: [Int] { get }
    /// The conversion of an image to an input; nil for models that do not take images.
    var preprocessing: ImagePreprocessing? { get }
    /// For models that turn an image into a larger one (`[batch, height, width, 3]` in 0...255 to the same
    /// range): the factor per axis; nil for others.
    var enlargement: Int? { get }
    /// The names of the published weights' classes, in order of the output; empty if unknown. Those
    /// of a loaded model are ``Model/classNames``.
    var classNames: [String] { get }
    /// Weights shipped with the plug-in, or nil.
    var embeddedWeights: WeightSource? { get }

    /// Thresholds of the exits for the embedded weights, as JSON of ``ExitBudgets``, or nil.
    var embeddedBudgets: [UInt8]? { get }

    /// The model with seeded initial weights.
    ///
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)`` for a configuration
    ///   key or value that is not supported.
    func makeModel(configuration: ModelConfiguration) throws(ProteanError) -> any Layer

    /// timm's names of architectures that this plug-in builds, each with the corresponding options.
    /// Such a name can be used wherever the plug-in's can, and in the `config.json` of a folder
    /// that timm wrote.
    var timmArchitectures: [String: [String: ModelConfiguration.Value]] { get }

    /// Keys that every weight file of this architecture has, and files of others do not have; used
    /// to suggest the architecture of a file that does not fit. The more keys, the more specific.
    var landmarkKeys: [String] { get }

    /// Sets options that the user left out and that follow from the file's keys, before the model
    /// is made.
    ///
    /// - Returns: remarks for the user on these options.
    func adapt(_ configuration: inout ModelConfiguration, to checkpoint: Checkpoint) -> [String]

    /// The map from a checkpoint's keys to the model's parameter paths. `checkpoint` has the file's
    /// tensors, their names without a removed prefix.
    func keyMap(for checkpoint: Checkpoint) -> KeyMap

    /// Throws for a file whose tensors contradict each other, such as two copies of one weight that
    /// differ; called before values are set. Names may have a prefix.
    func check(_ checkpoint: Checkpoint) throws(ProteanError)
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
    /// No exits, or no thresholds for them.
    public var embeddedBudgets: [UInt8]? { nil }
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
    /// Nothing is checked.
    public func check(_ checkpoint: Checkpoint) throws(ProteanError) {}
}
