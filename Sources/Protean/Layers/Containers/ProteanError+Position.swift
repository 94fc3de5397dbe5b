extension Layer {
    /// Applies the layer as the part `name` of a container: errors then name its position.
    ///
    /// Layers with an assigned path name it themselves; see ``Module/assignLabels(prefix:)``.
    func applied(to x: Tensor, as name: String) throws(ProteanError) -> Tensor {
        do throws(ProteanError) {
            return try self(x)
        } catch {
            throw error.positioned(name, of: self)
        }
    }
}

extension ProteanError {
    /// The error with the position of the part in which it happened.
    func positioned(_ name: String, of part: any Module) -> ProteanError {
        switch self {
        case .shapeMismatch(let layer, let tensor, let expected, let found):
            .shapeMismatch(
                layer: Self.place(layer, name, part), tensor: tensor, expected: expected,
                found: found)
        case .invalidOption(let layer, let option, let expected, let found):
            .invalidOption(
                layer: Self.place(layer, name, part), option: option, expected: expected,
                found: found)
        case .sizeOverflow(let layer, let what):
            .sizeOverflow(layer: Self.place(layer, name, part), what: what)
        case .outOfMemory(let layer, let bytes):
            .outOfMemory(layer: Self.place(layer, name, part), bytes: bytes)
        case .noValues(let layer):
            .noValues(layer: Self.place(layer, name, part))
        case .kernel(let layer, let reason):
            .kernel(layer: Self.place(layer, name, part), reason: reason)
        default:
            self
        }
    }

    private static let relative = "layer "

    /// `layer 3 (Conv2d)`, in nested containers `layer 0.3 (Conv2d)`; a full path stays as it is.
    private static func place(_ layer: String, _ name: String, _ part: any Module) -> String {
        if layer.hasPrefix(relative) {
            return relative + name + "." + layer.dropFirst(relative.count)
        }
        return part.isLabelled ? layer : "\(relative)\(name) (\(layer))"
    }
}

extension Module {
    /// Whether the module or a part of it has an assigned path.
    var isLabelled: Bool {
        label?.path != nil || submodules.contains { $0.module.isLabelled }
    }
}
