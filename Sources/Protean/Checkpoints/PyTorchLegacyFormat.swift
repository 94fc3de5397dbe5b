/// The format that `torch.save` wrote before PyTorch 1.6, and still writes on request.
///
/// Five pickles follow each other: a magic number, the version 1001, a description of the machine,
/// the object, and the storages' keys; then, per key, the element count as 8 bytes and the
/// elements. Pickles are read by an interpreter that runs no code. For the still older tar files
/// the error names the format.
public struct PyTorchLegacyFormat: CheckpointFormat {
    /// The format's name.
    public let name = "pytorch-legacy"

    private static let magic: [UInt8] = [
        0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19,
    ]
    private static let version = 1001

    /// The format.
    public init() {}

    /// Examines the first bytes only.
    public func recognises(_ bytes: UnsafeRawBufferPointer) -> Bool {
        if Self.isTar(bytes) || bytes.starts(with: Self.magicLine) { return true }
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
        try read(storage, source: source, selection: CheckpointSelection())
    }

    /// The same for the container that `selection` names.
    public func read(
        _ storage: CheckpointBytes, source: String, selection: CheckpointSelection
    ) throws(ProteanError) -> Checkpoint {
        var content: (list: TorchStateDict, places: TorchStateDict.Places)
        do throws(WeightFileProblem) {
            guard !withExtendedLifetime(storage, { Self.isTar(storage.bytes) }) else {
                throw .unsupportedFeature("PyTorch's tar format from before 2017")
            }
            let pickles = try LegacyPickles(storage)
            let list = try TorchStateDict(pickles.object, selection: selection)
            content = (list, try places(pickles, list, storage))
        } catch {
            throw .weightFile(file: source, problem: error)
        }
        return try content.list.checkpoint(
            storage, places: content.places, source: source, format: name)
    }

    /// Finds the ranges of all elements, whose stored counts do not include the size of an element.
    private func places(
        _ pickles: LegacyPickles, _ list: TorchStateDict, _ storage: CheckpointBytes
    ) throws(WeightFileProblem) -> TorchStateDict.Places {
        let object = pickles.object
        var declared: [ExactName: PickledStorage] = [:]
        for storage in object.storages {
            declared[ExactName(try object.key(of: storage))] = storage
        }
        var names: [ExactName: String] = [:]
        for (key, tensor) in try list.neededStorages() { names[ExactName(key)] = tensor }
        var places: TorchStateDict.Places = [:]
        var position = pickles.end
        for key in try pickles.keys() {
            let key = ExactName(key)
            guard let described = declared[key] else {
                throw .malformed(
                    what: "list of storages", reason: "no tensor refers to storage '\(key.text)'")
            }
            let name = names[key] ?? "storage \(key.text) (of no listed tensor)"
            let size = try elementBytes(storage, at: position, described, name: name)
            position += 8
            guard places.updateValue(position..<(position + size), forKey: key) == nil else {
                throw .duplicateName(key.text)
            }
            position += size
        }
        guard position == storage.count else {
            throw .gap(begin: position, end: storage.count)
        }
        return places
    }

    /// The bytes of a storage's elements, whose count is stored in the eight bytes before them.
    private func elementBytes(
        _ storage: CheckpointBytes, at position: Int, _ described: PickledStorage, name: String
    ) throws(WeightFileProblem) -> Int {
        let what = "the values of tensor '\(name)'"
        guard storage.count - position >= 8 else {
            throw .truncated(what: what, expected: 8, found: storage.count - position)
        }
        let part = try storage.contents(of: position..<(position + 8))
        var reader = ByteReader(part.bytes, what: what)
        let count = try withExtendedLifetime(part) { () throws(WeightFileProblem) in
            try reader.size64()
        }
        let unit = described.element.size
        let (size, overflow) = count.multipliedReportingOverflow(by: unit)
        guard !overflow, count == described.count else {
            let (expected, tooLarge) = described.count.multipliedReportingOverflow(by: unit)
            throw .sizeMismatch(
                tensor: name, expected: tooLarge ? Int.max : expected,
                found: overflow ? Int.max : size)
        }
        guard size <= storage.count - position - 8 else {
            throw .truncated(what: what, expected: size, found: storage.count - position - 8)
        }
        return size
    }

    /// The magic number as protocols 0 and 1 write it.
    private static let magicLine = Array("L119547037146038801333356L\n".utf8)

    /// Whether a pickle of the file at `bytes` is PyTorch's magic number.
    static func isMagic(_ object: PickledObject) -> Bool {
        guard let index = object.root.index(of: .long) else { return false }
        let text = object.texts[index]
        return withExtendedLifetime(object.storage) {
            let bytes = object.storage.bytes[text.range]
            return text.encoding == .escaped
                ? bytes.elementsEqual(magicLine[1..<(magicLine.count - 1)])
                : bytes.elementsEqual(magic)
        }
    }
}

/// The pickles at the beginning of a legacy file.
private struct LegacyPickles {
    private static let version = 1001

    let object: PickledObject
    private let list: PickledObject

    /// Offset of the end of the last pickle.
    var end: Int { list.end }

    /// Reads them from the beginning of the file, in increasing portions until they end: a pickle
    /// does not store its length.
    init(_ storage: CheckpointBytes) throws(WeightFileProblem) {
        var length = min(storage.count, storage.isInMemory ? storage.count : 1 << 20)
        while true {
            do throws(WeightFileProblem) {
                self = try Self(in: try storage.contents(of: 0..<length))
                return
            } catch {
                guard case .truncated = error, length < storage.count,
                    length < 5 * RestrictedUnpickler.maximumLength
                else { throw error }
                length = min(storage.count, 4 * length)
            }
        }
    }

    private init(in bytes: CheckpointBytes) throws(WeightFileProblem) {
        let magic = try RestrictedUnpickler.read(bytes, what: "magic number")
        guard PyTorchLegacyFormat.isMagic(magic) else {
            throw .malformed(
                what: "PyTorch file", reason: "a pickle without PyTorch's magic number")
        }
        let version = try RestrictedUnpickler.read(bytes, at: magic.end, what: "version")
        guard version.integer(version.root) == Self.version else {
            throw .unsupportedFeature("a version of PyTorch's old format other than 1001")
        }
        let machine = try RestrictedUnpickler.read(
            bytes, at: version.end, what: "machine description")
        guard let order = machine.member("little_endian", of: machine.root) else {
            throw .malformed(what: "machine description", reason: "no byte order")
        }
        guard order == .bool(true) else {
            throw .unsupportedFeature("a file in another byte order than little-endian")
        }
        object = try RestrictedUnpickler.read(bytes, at: machine.end, what: "object pickle")
        list = try RestrictedUnpickler.read(bytes, at: object.end, what: "list of storages")
    }

    /// The storages' keys in the order of their elements.
    func keys() throws(WeightFileProblem) -> [String] {
        guard let node = list.root.index(of: .node), list.nodes.kind(node) == .list else {
            throw .malformed(what: "list of storages", reason: "not a list")
        }
        var keys: [String] = []
        for value in list.nodes.elements(node) {
            guard list.textLength(value) <= TorchStateDict.maximumKeyLength,
                let text = list.text(value)
            else { throw .malformed(what: "list of storages", reason: "a key that is not text") }
            keys.append(text)
        }
        return keys
    }
}
