/// A module whose weights ``Module/initializeWeights(seed:)`` gives fresh values.
///
/// ``Conv2d`` and ``Linear`` are such modules; a custom layer that multiplies by a learned matrix
/// can conform too.
public protocol HasInitialWeights: Module {
    /// The module's own weights that get fresh values. Everything else keeps its values.
    var initialWeights: [InitialWeight] { get }

    /// Whether the modules below get fresh values too; true unless a module says otherwise.
    ///
    /// False for a module whose parts must keep their initial values, such as a prediction of
    /// displacements that starts at zero.
    var initializesParts: Bool { get }
}

extension HasInitialWeights {
    /// True.
    public var initializesParts: Bool { true }
}

/// A weight that gets fresh values, and the number of products that each output sums.
public struct InitialWeight: Sendable {
    /// The parameter's name in its module, such as `weight`: its path decides the values.
    public let name: String
    /// The parameter.
    public let parameter: Parameter
    /// Products per output; values get the variance 2 / fanIn.
    public let fanIn: Int

    /// A weight whose first axis counts outputs, `[out, …]`, unless `fanIn` is given.
    public init(_ name: String, _ parameter: Parameter, fanIn: Int? = nil) {
        self.name = name
        self.parameter = parameter
        self.fanIn = fanIn ?? parameter.shape.dropFirst().reduce(1, *)
    }
}

extension Module {
    /// Gives the weights of all convolutions and linear layers below this module fresh values (of
    /// all layers that are ``HasInitialWeights``): uniform with variance 2 / inputs per output, so
    /// that signals neither fade nor grow through any number of rectified layers.
    ///
    /// He, Zhang, Ren, Sun, "Delving Deep into Rectifiers", arXiv 1502.01852. Everything else keeps
    /// its values: biases, the scales and statistics of norms, and the layers that predict the
    /// positions of deformable convolutions. Values follow from the seed and the weight's path
    /// (SplitMix64 on the path's 64-bit FNV-1a hash plus the seed), so they are the same in every
    /// run.
    /// - Throws: ``ProteanError/outOfMemory(layer:bytes:)``.
    public func initializeWeights(seed: UInt64 = 0) throws(ProteanError) {
        for (path, weight) in weightsToInitialize(prefix: "") {
            let bound = (6 / Float(max(1, weight.fanIn))).squareRoot()
            let values = try Initializer.uniform(
                weight.parameter.shape, in: -bound...bound, seed: Initializer.seed(path) &+ seed)
            try weight.parameter.set(values)
        }
    }

    /// The weights that get fresh values, each with its path.
    private func weightsToInitialize(prefix: String) -> [(path: String, weight: InitialWeight)] {
        let holder = self as? any HasInitialWeights
        let own = (holder?.initialWeights ?? []).map { (prefix.appendingPath($0.name), $0) }
        guard holder?.initializesParts ?? true else { return own }
        return own
            + submodules.flatMap {
                $0.module.weightsToInitialize(prefix: prefix.appendingPath($0.name))
            }
    }
}

extension Initializer {
    /// A seed for the parameter at `path`, so that different paths get different values.
    fileprivate static func seed(_ path: String) -> UInt64 {
        path.utf8.reduce(0xCBF2_9CE4_8422_2325) { ($0 ^ UInt64($1)) &* 0x0000_0100_0000_01B3 }
    }
}
