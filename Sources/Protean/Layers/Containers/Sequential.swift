/// Layers applied one after the other.
///
/// ```swift
/// let block = try Sequential {
///     try Conv2d(inputChannels: 3, outputChannels: 32, kernelSize: 3, padding: 1, bias: false)
///     try BatchNorm2d(channels: 32)
///     ReLU()
/// }
/// ```
/// A ``FoldsNorm`` layer folds the norm after it into its weights, and an ``AcceptsEpilogue`` layer
/// applies the activation after that: a convolution, the batch norm after it and the activation
/// after that run as one kernel. Layers after the container are fused with its last layer.
/// Parameters keep their paths: layers are named by their position (`0`, `1`, …) unless names are
/// given. Building the container throws for neighbours whose channels cannot fit; errors of a call
/// name the layer. Cost: the sum of the layers' costs.
public final class Sequential: AcceptsEpilogue {
    /// The layers under their names, in order.
    public let submodules: [NamedModule]
    /// The channels of the first and the last layer, as far as they are known.
    public let channelFlow: ChannelFlow
    private let steps: FusedSteps

    /// Layers named by their position.
    ///
    /// - Throws: ``ProteanError/channelMismatch(container:layer:expected:previous:found:)`` when
    ///   neighbours cannot fit together.
    public convenience init(_ layers: [any Layer]) throws(ProteanError) {
        try self.init(named: layers.enumerated().map { ("\($0.offset)", $0.element) })
    }

    /// Layers listed in braces, named by their position. Throws what making the layers throws.
    public convenience init(
        @LayerListBuilder _ layers: () throws(ProteanError) -> [any Layer]
    ) throws(ProteanError) {
        try self.init(try layers())
    }

    /// Layers listed in braces, named by their position, whose errors' type is not known
    /// statically. Throws what making the layers throws, as a ``ProteanError``
    /// (``ProteanError/invalidOption(layer:option:expected:found:)`` for an error of another type).
    @_disfavoredOverload
    public convenience init(
        @LayerListBuilder _ layers: () throws -> [any Layer]
    ) throws(ProteanError) {
        try self.init(LayerListBuilder.list("Sequential", layers))
    }

    /// Layers under given names.
    ///
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)`` when a name occurs
    ///   twice, and ``ProteanError/channelMismatch(container:layer:expected:previous:found:)`` when
    ///   neighbours cannot fit together.
    public init(named layers: [(String, any Layer)]) throws(ProteanError) {
        let modules = layers.map { (name: $0.0, module: $0.1 as any Module) }
        submodules = try ModuleList.checked(modules, container: "Sequential")
        channelFlow = try ModuleList.flow(of: modules, container: "Sequential") {
            ($0 as? any Layer)?.channelFlow ?? .unknown
        }
        steps = try FusedSteps(modules, container: "Sequential")
    }

    /// The parts that the last layer's kernel can apply.
    public var epilogueParts: EpilogueParts { steps.epilogueParts }

    /// The last layer's result.
    ///
    /// - Throws: ``ProteanError`` when a layer's input does not fit.
    public func callAsFunction(_ x: Tensor) throws(ProteanError) -> Tensor {
        try steps(x, place: place)
    }

    /// The last layer's result followed by an epilogue, in its kernel if possible.
    ///
    /// - Throws: ``ProteanError`` when a layer's input or a part of the epilogue does not fit.
    public func callAsFunction(
        _ x: Tensor, epilogue: Conv2dEpilogue
    ) throws(ProteanError) -> Tensor {
        try steps(x, epilogue: epilogue.isEmpty ? nil : epilogue, place: place)
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

    /// The layers of a list whose errors' type is unknown, for the container `container`.
    static func list(
        _ container: String, _ layers: () throws -> [any Layer]
    ) throws(ProteanError) -> [any Layer] {
        do {
            return try layers()
        } catch let error as ProteanError {
            throw error
        } catch {
            throw .invalidOption(
                layer: container, option: "layers", expected: "layers",
                found: "the error \(error)")
        }
    }
}
