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
/// given. Neighbours whose channels cannot fit are refused when the container is built; an error of a
/// call says in which layer it happened. Cost: the sum of the layers' costs.
public final class Sequential: Layer {
    private struct Step {
        let name: String
        let layer: any Layer
        /// `layer`, a convolution, with what follows it.
        var fused: FusedConv2d?
    }

    /// The layers under their names, in order.
    public let submodules: [NamedModule]
    /// The channels of the first and the last layer, as far as they are known.
    public let channelFlow: ChannelFlow
    private let steps: [Step]

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

    /// Layers listed in braces, named by their position, where the error's type is not written out.
    /// Throws what making the layers throws, as a ``ProteanError``
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
        var seen: Set<String> = []
        for (name, _) in layers where !seen.insert(name).inserted {
            throw .invalidOption(
                layer: "Sequential", option: "name", expected: "different names", found: name)
        }
        submodules = layers.map { NamedModule($0.0, $0.1) }
        channelFlow = try Self.checkedFlow(layers)
        steps = try Self.fuse(layers)
    }

    /// The channels of the whole; refuses neighbours that certainly do not fit.
    private static func checkedFlow(
        _ layers: [(name: String, layer: any Layer)]
    ) throws(ProteanError) -> ChannelFlow {
        var whole = ChannelFlow.unchanged
        // The last layer that set the number of channels.
        var setter = ""
        for (name, layer) in layers {
            let flow = layer.channelFlow
            let place = "layer \(name) (\(layer.typeName))"
            if let expected = flow.input, let found = whole.output, expected != found {
                throw .channelMismatch(
                    container: "Sequential", layer: place, expected: expected, previous: setter,
                    found: found)
            }
            if flow.output != nil { setter = place }
            whole = whole.followed(by: flow)
        }
        return whole
    }

    private static func fuse(
        _ layers: [(name: String, layer: any Layer)]
    ) throws(ProteanError) -> [Step] {
        var steps: [Step] = []
        var rest = layers[...]
        while let (name, layer) = rest.popFirst() {
            var step = Step(name: name, layer: layer)
            defer { steps.append(step) }
            guard let conv = layer as? Conv2d else { continue }
            var norm: BatchNorm2d?
            if let next = rest.first?.layer as? BatchNorm2d {
                norm = next
                rest.removeFirst()
            }
            var activation = Activation.identity
            if let next = rest.first?.layer as? any ActivationLayer {
                activation = next.activation
                rest.removeFirst()
            }
            step.fused = try FusedConv2d(conv, norm, activation)
        }
        return steps
    }

    /// The last layer's result.
    ///
    /// - Throws: ``ProteanError`` when a layer's input does not fit.
    public func callAsFunction(_ x: Tensor) throws(ProteanError) -> Tensor {
        var y = x
        for step in steps {
            do throws(ProteanError) {
                if let fused = step.fused { y = try fused(y) } else { y = try step.layer(y) }
            } catch {
                throw error.positioned(step.name, of: step.layer)
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
