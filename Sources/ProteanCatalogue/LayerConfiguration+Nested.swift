import Protean

// Layers within a layer's configuration.
extension LayerConfiguration {
    /// A layer of a configuration, with the names of its weights.
    struct NestedLayer {
        let layer: any Layer
        let keyMap: KeyMap
    }

    /// The layers of a list: objects `{"layer": "Conv2d", ...}` with the layer's own keys, or names
    /// of activations.
    ///
    /// - Parameter parts: the layers that may be named; nil: every layer of the catalogue that turns
    ///   one tensor into one.
    func layers(_ key: String, of parts: [LayerEntry]? = nil) throws -> [NestedLayer] {
        try list(key).enumerated().map { index, value in
            try nested("\(key)[\(index)]", value, parts)
        }
    }

    /// One layer, as an element of ``layers(_:of:)``.
    func nestedLayer(_ key: String) throws -> NestedLayer { try nested(key, value(key), nil) }

    /// As above, nil for `null`.
    func optionalNestedLayer(_ key: String) throws -> NestedLayer? {
        isNull(key) ? nil : try nestedLayer(key)
    }

    private func nested(
        _ place: String, _ value: ModelConfiguration.Value, _ parts: [LayerEntry]?
    ) throws -> NestedLayer {
        func error(_ option: String, _ expected: String, _ found: String) -> ProteanError {
            .invalidOption(
                layer: layer, option: option.isEmpty ? place : "\(place).\(option)",
                expected: expected, found: found)
        }
        do {
            return try Self.nested(value, parts)
        } catch ProteanError.invalidOption(_, let option, let expected, let found) {
            throw error(option, expected, found)
        } catch ProteanError.unknownName(_, let name, let known) {
            throw error("", "one of " + known.joined(separator: ", "), "\"\(name)\"")
        }
    }

    private static func nested(
        _ value: ModelConfiguration.Value, _ parts: [LayerEntry]?
    ) throws -> NestedLayer {
        switch value {
        case .string(let name):
            return NestedLayer(
                layer: NamedActivation(activation: try Activation(named: name)),
                keyMap: .identity)
        case .object(var given):
            let name = given.removeValue(forKey: "layer")
            let parts = parts ?? LayerCatalogue.entries.filter(\.takesOnlyX)
            guard let part = parts.first(where: { .string($0.name) == name }) else {
                throw ProteanError.invalidOption(
                    layer: "", option: "layer",
                    expected: "one of " + parts.map { "\"\($0.name)\"" }.joined(separator: ", "),
                    found: name?.description ?? "missing")
            }
            let configuration = try LayerConfiguration(part, given: given)
            do {
                let built = try part.build(configuration)
                guard let layer = built.module as? any Layer else {
                    throw ProteanError.invalidOption(
                        layer: "", option: "layer",
                        expected: "a layer that turns one tensor into one",
                        found: "\"\(part.name)\"")
                }
                return NestedLayer(layer: layer, keyMap: built.keyMap)
            } catch let error as ProteanError {
                throw configuration.renamed(error)
            }
        default:
            throw ProteanError.invalidOption(
                layer: "", option: "", expected: "an object or an activation's name",
                found: value.description)
        }
    }
}

extension LayerEntry {
    /// Whether the layer can be part of a container: `x` is its only input.
    fileprivate var takesOnlyX: Bool { inputs.map(\.name) == ["x"] }
}

/// An activation as a layer.
private struct NamedActivation: ActivationLayer {
    let activation: Activation
}

extension KeyMap {
    /// Maps for parts that are named by their position.
    static func parts(_ maps: [KeyMap]) -> KeyMap {
        parts(maps.enumerated().map { (name: "\($0.offset)", map: $0.element) })
    }

    /// Maps for parts under the names of submodules: `0.weight` is mapped by the map of `0`.
    static func parts(_ maps: [(name: String, map: KeyMap)]) -> KeyMap {
        KeyMap { key in
            for (name, map) in maps where key.hasPrefix(name + ".") {
                return map(String(key.dropFirst(name.count + 1))).map { "\(name).\($0)" }
            }
            return key
        }
    }
}
