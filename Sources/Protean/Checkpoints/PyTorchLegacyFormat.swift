/// What `torch.save` wrote before PyTorch 1.6, and writes still when told so.
///
/// Five pickles follow each other: a magic number, the version 1001, a description of the machine,
/// the object, and the storages' keys; then, per key, the element count as 8 bytes and the
/// elements. Pickles are read by an interpreter that runs nothing. The still older tar files are
/// refused by name.
public struct PyTorchLegacyFormat: CheckpointFormat {
    /// The format's name.
    public let name = "pytorch-legacy"

    private static let magic: [UInt8] = [
        0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19,
    ]
    private static let version = 1001

    /// The format.
    public init() {}

    /// Looks at the first bytes only.
    public func recognises(_ bytes: UnsafeRawBufferPointer) -> Bool {
        if Self.isTar(bytes) { return true }
        return bytes.count >= 2 && bytes[0] == 0x80 && (2...5).contains(bytes[1])
    }

    /// PyTorch's first format was a tar file, which has this word at byte 257.
    private static func isTar(_ bytes: UnsafeRawBufferPointer) -> Bool {
        bytes.count >= 262 && bytes[257..<262].elementsEqual("ustar".utf8)
    }

    /// Checks the file against the format's rules and describes its tensors.
    ///
    /// - Throws: ``ProteanError/weightFile(file:problem:)`` with the first rule that is broken.
    public func read(
        _ storage: CheckpointBytes, source: String
    ) throws(ProteanError) -> Checkpoint {
        try TorchStateDict.read(storage, source: source, format: name, parse: parse)
    }

    private func parse(
        _ bytes: UnsafeRawBufferPointer
    ) throws(WeightFileProblem) -> (object: PickledObject, places: TorchStateDict.Places) {
        guard !Self.isTar(bytes) else {
            throw .unsupportedFeature("PyTorch's tar format from before 2017")
        }
        let magic = try RestrictedUnpickler.read(bytes, what: "magic number")
        guard case .long(let range) = magic.root, bytes[range].elementsEqual(Self.magic) else {
            throw .malformed(
                what: "PyTorch file", reason: "a pickle without PyTorch's magic number")
        }
        let version = try RestrictedUnpickler.read(bytes, at: magic.end, what: "version")
        guard case .integer(Self.version) = version.root else {
            throw .unsupportedFeature("a version of PyTorch's old format other than 1001")
        }
        let machine = try RestrictedUnpickler.read(
            bytes, at: version.end, what: "machine description")
        try Self.checkByteOrder(machine)
        let object = try RestrictedUnpickler.read(bytes, at: machine.end, what: "object pickle")
        let keys = try RestrictedUnpickler.read(bytes, at: object.end, what: "list of storages")
        let places = try Self.places(object, keys: try Self.texts(keys), bytes, at: keys.end)
        return (object, places)
    }

    private static func checkByteOrder(_ machine: PickledObject) throws(WeightFileProblem) {
        let members = machine.members(of: machine.root) ?? []
        guard let order = members.first(where: { $0.name == "little_endian" }) else {
            throw .malformed(what: "machine description", reason: "no byte order")
        }
        guard case .bool(true) = order.value else {
            throw .unsupportedFeature("a file in another byte order than little-endian")
        }
    }

    private static func texts(_ keys: PickledObject) throws(WeightFileProblem) -> [String] {
        guard case .node(let index) = keys.root, keys.nodes[index].kind == .list else {
            throw .malformed(what: "list of storages", reason: "not a list")
        }
        var texts: [String] = []
        for value in keys.nodes[index].elements {
            guard case .string(let text) = value else {
                throw .malformed(what: "list of storages", reason: "a key that is not text")
            }
            texts.append(text)
        }
        return texts
    }

    /// Walks over the elements, which tell their count but not their size.
    private static func places(
        _ object: PickledObject, keys: [String], _ bytes: UnsafeRawBufferPointer, at start: Int
    ) throws(WeightFileProblem) -> TorchStateDict.Places {
        var declared: [String: PickledStorage] = [:]
        for storage in object.storages where declared[storage.key] == nil {
            declared[storage.key] = storage
        }
        var places: TorchStateDict.Places = [:]
        var reader = ByteReader(bytes, at: start, what: "storages")
        for key in keys {
            guard let storage = declared[key] else {
                throw .malformed(
                    what: "list of storages", reason: "no tensor refers to storage '\(key)'")
            }
            guard let unit = storage.element.size else {
                throw .unsupportedType(
                    tensor: "storage \(key)", type: String(describing: storage.element))
            }
            let count = try reader.size64()
            let (size, overflow) = count.multipliedReportingOverflow(by: unit)
            guard count == storage.count, !overflow else {
                throw .sizeMismatch(
                    tensor: "storage \(key)", expected: storage.count, found: count)
            }
            guard places.updateValue(try reader.take(size), forKey: key) == nil else {
                throw .duplicateName(key)
            }
        }
        guard reader.remaining == 0 else {
            throw .gap(begin: reader.position, end: bytes.count)
        }
        return places
    }
}
