/// A static network as a list of steps, which ``Staging`` can split by channels.
///
/// Steps are in order of execution and name the steps that they read by their indices. The last
/// step's map is averaged over its pixels and read by ``classifier``.
public struct NetworkBlueprint: Sendable {
    /// What a step computes.
    public enum Operation: Sendable {
        /// activation(norm(conv(x)) + residual); reads x and, if there is one, the residual. The
        /// norm is named by the path behind it.
        case convolution(Conv2d, norm: NamedNorm? = nil, activation: Activation = .identity)
        /// activation(norm(x)).
        case norm(BatchNorm2d, activation: Activation)
        /// The channels of all maps read, one after the other.
        case concatenate
        /// The largest value of each window.
        case maxPool(PoolWindow)
        /// The mean of each window.
        case averagePool(PoolWindow)
        /// Every `stride`-th pixel, and zeros before and after its channels up to `channels`.
        case padChannels(stride: Int, channels: Int)
    }

    /// A batch norm under its path.
    public struct NamedNorm: Sendable {
        let name: String
        let norm: BatchNorm2d

        /// Names a norm.
        public init(_ name: String, _ norm: BatchNorm2d) {
            self.name = name
            self.norm = norm
        }
    }

    /// One step.
    public struct Step: Sendable {
        /// The path of its layer in the static network.
        public let name: String
        /// What it computes.
        public let operation: Operation
        /// The steps that it reads; ``NetworkBlueprint/image`` is the network's input.
        public let inputs: [Int]
    }

    /// The index that stands for the network's input.
    public static let image = -1

    /// Channels of the network's input.
    public let imageChannels: Int
    /// The classifier's path.
    public let classifierName: String
    /// Reads the mean of the last map.
    public let classifier: Linear
    /// The steps so far.
    public private(set) var steps: [Step] = []

    /// A network without steps.
    public init(imageChannels: Int = 3, classifierName: String, classifier: Linear) {
        self.imageChannels = imageChannels
        self.classifierName = classifierName
        self.classifier = classifier
    }

    /// Appends a step.
    ///
    /// - Parameters:
    ///   - name: the path of its layer.
    ///   - operation: what it computes.
    ///   - inputs: the steps that it reads.
    /// - Returns: its index.
    public mutating func add(
        _ name: String, _ operation: Operation, reading inputs: Int...
    ) -> Int {
        add(name, operation, reading: inputs)
    }

    /// Appends a step that reads any number of others.
    public mutating func add(
        _ name: String, _ operation: Operation, reading inputs: [Int]
    ) -> Int {
        steps.append(Step(name: name, operation: operation, inputs: inputs))
        return steps.count - 1
    }
}

/// A static network that ``Staging`` can turn into one with exits over its channels.
public protocol StageableNetwork: Layer {
    /// The network as a list of steps; refused for networks with parts that have no place in one.
    ///
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)``.
    func blueprint() throws(ProteanError) -> NetworkBlueprint
}
