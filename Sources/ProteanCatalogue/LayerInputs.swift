import Protean

/// The tensors of the input file, checked against a layer's description.
package final class LayerInputs {
    private let entry: LayerEntry
    private let path: String
    package let layout: MapLayout
    package let tensors: [String: Tensor]
    private var used: Set<String> = []

    /// Reads the file; throws for missing and unknown tensors and for types other than Float32.
    package convenience init(
        _ entry: LayerEntry, path: String, layout: MapLayout
    ) throws {
        let checkpoint = try Checkpoint.open(path)
        let known = entry.inputs.map(\.name)
        if let unknown = checkpoint.names.first(where: { !known.contains($0) }) {
            throw ProteanError.invalidOption(
                layer: entry.name, option: "--input",
                expected: "only the tensors " + known.joined(separator: ", "),
                found: "\(path) with the tensor '\(unknown)'")
        }
        var tensors: [String: Tensor] = [:]
        for input in entry.inputs {
            guard let stored = checkpoint[input.name] else { continue }
            guard stored.type == .float32 else {
                throw ProteanError.invalidOption(
                    layer: entry.name, option: input.name, expected: "element type F32",
                    found: stored.type.rawValue)
            }
            tensors[input.name] = try stored.float32()
        }
        try self.init(entry, tensors: tensors, layout: layout, source: path)
    }

    /// Tensors from memory; `source` names their origin in errors.
    package init(
        _ entry: LayerEntry, tensors: [String: Tensor], layout: MapLayout, source: String
    ) throws {
        self.entry = entry
        path = source
        self.layout = layout
        self.tensors = tensors
        for input in entry.inputs where !input.isOptional && tensors[input.name] == nil {
            throw missing(input.name)
        }
    }

    private func missing(_ name: String) -> ProteanError {
        let shape = entry.inputs.first { $0.name == name }?.shape ?? ""
        return .invalidOption(
            layer: entry.name, option: "--input", expected: "a tensor '\(name)' \(shape)",
            found: "\(path) without it")
    }

    /// A tensor in the file's axis order.
    func plain(_ name: String) throws -> Tensor {
        guard let tensor = tensors[name] else { throw missing(name) }
        used.insert(name)
        return tensor
    }

    /// Throws for optional tensors that this configuration did not use.
    package func requireAllUsed() throws {
        guard let name = tensors.keys.filter({ !used.contains($0) }).min() else { return }
        throw ProteanError.invalidOption(
            layer: entry.name, option: "--input",
            expected: "no tensor '\(name)' with this configuration", found: "\(path) with it")
    }

    /// A map in the library's axis order.
    func map(_ name: String) throws -> Tensor {
        let tensor = try plain(name)
        guard tensor.rank == 4 else {
            throw ProteanError.shapeMismatch(
                layer: entry.name, tensor: name, expected: "four axes \(layout.axes)",
                found: tensor.shape)
        }
        return try layout.toLibrary(tensor)
    }

    /// A map, or a volume with the depth before the height, in the library's axis order.
    func mapOrVolume(_ name: String) throws -> Tensor {
        let tensor = try plain(name)
        return tensor.rank == 5 ? try layout.toLibrary(tensor) : try map(name)
    }

    /// A map or a volume in the library's axis order, or a tensor with fewer axes in the file's
    /// axis order.
    func mapOrPlain(_ name: String) throws -> Tensor {
        let tensor = try plain(name)
        return tensor.rank == 4 || tensor.rank == 5 ? try layout.toLibrary(tensor) : tensor
    }

    /// The result `y` of a layer that accepts both a map `[B, C, H, W]` and rows `[B, C]`.
    func rowsOrMap(_ layer: (Tensor) throws -> Tensor) throws -> [LayerOutput] {
        let x = try plain("x")
        if x.rank == 4 { return [.map("y", try layer(map("x")))] }
        guard x.rank == 2 else {
            throw ProteanError.shapeMismatch(
                layer: entry.name, tensor: "x", expected: "[B, C] or four axes \(layout.axes)",
                found: x.shape)
        }
        return [.plain("y", try layer(x))]
    }

    /// An optional tensor in the file's axis order.
    func optionalPlain(_ name: String) throws -> Tensor? {
        tensors[name] == nil ? nil : try plain(name)
    }

    /// An optional map.
    func optionalMap(_ name: String) throws -> Tensor? {
        tensors[name] == nil ? nil : try map(name)
    }
}
