/// Layers in sequence of which some keep a state between calls: ``Layer``s and ``StatefulLayer``s
/// in any order.
///
/// Parts keep their paths as in ``Sequential``, and adjacent plain layers are fused as there.
/// Building the container throws for neighbours whose channels cannot fit. Cost: that of the
/// layers.
public final class StatefulSequential: StatefulLayer {
    /// The states of the stateful layers that have been called, under their names.
    public struct State: Sendable {
        /// The state of each stateful layer, of that layer's `State` type.
        public internal(set) var parts: [String: any Sendable]
    }

    private enum Part: Sendable {
        case plain(FusedSteps)
        case stateful(name: String, any StatefulLayer)
    }

    /// The layers under their names, in order.
    public let submodules: [NamedModule]
    /// The channels of the first and the last layer, as far as they are known.
    public let channelFlow: ChannelFlow
    /// Where the container stands in a model.
    public let label: Label? = Label()
    private let parts: [Part]

    /// Layers named by their position.
    ///
    /// - Throws: as ``init(named:)``.
    public convenience init(_ layers: [any Module]) throws(ProteanError) {
        try self.init(named: layers.enumerated().map { ("\($0.offset)", $0.element) })
    }

    /// Layers under given names.
    ///
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)`` for a name that occurs
    ///   twice and for a module that is neither a layer nor a stateful one,
    ///   ``ProteanError/channelMismatch(container:layer:expected:previous:found:)`` when neighbours
    ///   cannot fit together.
    public init(named layers: [(String, any Module)]) throws(ProteanError) {
        let container = "StatefulSequential"
        submodules = try ModuleList.checked(layers, container: container)
        channelFlow = try ModuleList.flow(of: layers, container: container) {
            ($0 as? any Layer)?.channelFlow ?? ($0 as? any StatefulLayer)?.channelFlow ?? .unknown
        }
        var parts: [Part] = []
        var run: [(name: String, module: any Module)] = []
        func close() throws(ProteanError) {
            if !run.isEmpty { parts.append(.plain(try FusedSteps(run, container: container))) }
            run = []
        }
        for (name, module) in layers {
            guard let layer = module as? any StatefulLayer else {
                guard module is any Layer else {
                    throw .invalidOption(
                        layer: container, option: "layers",
                        expected: "a Layer or a StatefulLayer", found: module.typeName)
                }
                run.append((name, module))
                continue
            }
            try close()
            parts.append(.stateful(name: name, layer))
        }
        try close()
        self.parts = parts
    }

    /// No states yet: each layer's state is made when its first input is known.
    public func initialState(for input: [Int]) -> State { State(parts: [:]) }

    /// The last layer's result; `state` becomes the state for the next call. After an error it is
    /// unchanged.
    ///
    /// - Throws: ``ProteanError`` when a layer's input does not fit, or when `state` is of another
    ///   container.
    public func callAsFunction(
        _ x: Tensor, state: inout State
    ) throws(ProteanError) -> Tensor {
        var next = state
        var y = x
        for part in parts {
            switch part {
            case .plain(let steps): y = try steps(y, place: place)
            case .stateful(let name, let layer): y = try step(layer, name, y, &next)
            }
        }
        state = next
        return y
    }

    private func step<L: StatefulLayer>(
        _ layer: L, _ name: String, _ x: Tensor, _ state: inout State
    ) throws(ProteanError) -> Tensor {
        let kept = state.parts[name]
        guard kept == nil || kept is L.State else {
            throw .invalidOption(
                layer: place, option: "state", expected: "the state of this container's \(name)",
                found: kept.map { "\(type(of: $0))" } ?? "none")
        }
        do throws(ProteanError) {
            var own: L.State
            if let kept = kept as? L.State {
                own = kept
            } else {
                own = try layer.initialState(for: x.shape)
            }
            let y = try layer(x, state: &own)
            state.parts[name] = own
            return y
        } catch {
            throw error.positioned(name, of: layer)
        }
    }
}
