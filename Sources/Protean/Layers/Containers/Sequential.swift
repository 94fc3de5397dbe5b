/// Layers applied one after the other.
///
/// ```swift
/// let block = try Sequential {
///     try Conv2d(inputChannels: 3, outputChannels: 32, kernelSize: 3, padding: 1, bias: false)
///     try BatchNorm2d(channels: 32)
///     ReLU()
/// }
/// ```
/// A convolution, the batch norm after it and the activation after that run as one kernel.
/// Parameters keep their paths: layers are named by their position (`0`, `1`, …) unless names are
/// given. Cost: the sum of the layers' costs.
public final class Sequential: Layer {
    private enum Step {
        case layer(any Layer)
        case fused(FusedConv2d)
    }

    /// The layers under their names, in order.
    public let submodules: [NamedModule]
    private let steps: [Step]

    /// Layers named by their position.
    ///
    /// - Throws: ``ProteanError`` when neighbours that are fused do not fit together.
    public convenience init(_ layers: [any Layer]) throws(ProteanError) {
        try self.init(named: layers.enumerated().map { ("\($0.offset)", $0.element) })
    }

    /// Layers listed in braces, named by their position. Throws what making the layers throws.
    public convenience init(
        @LayerListBuilder _ layers: () throws(ProteanError) -> [any Layer]
    ) throws(ProteanError) {
        try self.init(try layers())
    }

    /// Layers listed in braces, named by their position, where the error's type is not written out.
    /// Throws what making the layers throws.
    @_disfavoredOverload
    public convenience init(
        @LayerListBuilder _ layers: () throws -> [any Layer]
    ) throws {
        try self.init(try layers())
    }

    /// Layers under given names.
    ///
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)`` when a name occurs
    ///   twice, and when neighbours that are fused do not fit together.
    public init(named layers: [(String, any Layer)]) throws(ProteanError) {
        var seen: Set<String> = []
        for (name, _) in layers where !seen.insert(name).inserted {
            throw .invalidOption(
                layer: "Sequential", option: "name", expected: "different names", found: name)
        }
        submodules = layers.map { NamedModule($0.0, $0.1) }
        steps = try Self.fuse(layers.map(\.1))
    }

    private static func fuse(_ layers: [any Layer]) throws(ProteanError) -> [Step] {
        var steps: [Step] = []
        var rest = layers[...]
        while let layer = rest.popFirst() {
            guard let conv = layer as? Conv2d else {
                steps.append(.layer(layer))
                continue
            }
            var norm: BatchNorm2d?
            if let next = rest.first as? BatchNorm2d {
                norm = next
                rest.removeFirst()
            }
            var activation = Activation.identity
            if let next = rest.first as? any ActivationLayer {
                activation = next.activation
                rest.removeFirst()
            }
            steps.append(.fused(try FusedConv2d(conv, norm, activation)))
        }
        return steps
    }

    /// The last layer's result.
    ///
    /// - Throws: ``ProteanError`` when a layer's input does not fit.
    public func callAsFunction(_ x: Tensor) throws(ProteanError) -> Tensor {
        var y = x
        for step in steps {
            switch step {
            case .layer(let layer): y = try layer(y)
            case .fused(let fused): y = try fused(y)
            }
        }
        return y
    }
}

/// Collects layers listed in braces.
@resultBuilder
public enum LayerListBuilder {
    /// One layer.
    public static func buildExpression(_ layer: any Layer) -> [any Layer] { [layer] }
    /// Several layers.
    public static func buildExpression(_ layers: [any Layer]) -> [any Layer] { layers }
    /// A list.
    public static func buildBlock(_ parts: [any Layer]...) -> [any Layer] { parts.flatMap { $0 } }
    /// `if` without `else`.
    public static func buildOptional(_ part: [any Layer]?) -> [any Layer] { part ?? [] }
    /// `if`.
    public static func buildEither(first part: [any Layer]) -> [any Layer] { part }
    /// `else`.
    public static func buildEither(second part: [any Layer]) -> [any Layer] { part }
    /// `for`.
    public static func buildArray(_ parts: [[any Layer]]) -> [any Layer] { parts.flatMap { $0 } }
}
