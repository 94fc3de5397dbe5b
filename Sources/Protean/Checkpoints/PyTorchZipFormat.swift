/// What `torch.save` writes since PyTorch 1.6: a zip file with a pickle, `data.pkl`, and one member
/// per storage, `data/<key>`, stored without compression.
///
/// The pickle is read by an interpreter that knows tensors and plain containers only and runs
/// nothing. Checksums of everything that is used are compared on opening, which reads the file
/// once; afterwards tensors are views of it. TorchScript archives are refused by name.
public struct PyTorchZipFormat: CheckpointFormat {
    /// The format's name.
    public let name = "pytorch-zip"

    /// The format.
    public init() {}

    /// Looks at the first bytes only.
    public func recognises(_ bytes: UnsafeRawBufferPointer) -> Bool {
        bytes.count >= 4 && bytes.starts(with: [0x50, 0x4b, 0x03, 0x04])
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
        let archive = try ZipArchive(bytes)
        let folder = try Self.folder(of: archive)
        guard archive[folder + "constants.pkl"] == nil else {
            throw .unsupportedFeature("a TorchScript archive")
        }
        try Self.checkByteOrder(archive, folder: folder, bytes)
        guard let pickle = archive[folder + "data.pkl"] else {
            throw .malformed(what: "PyTorch file", reason: "the zip file has no 'data.pkl'")
        }
        try archive.verify(pickle)
        let pickleBytes = UnsafeRawBufferPointer(rebasing: bytes[pickle.content])
        let object = try RestrictedUnpickler.read(pickleBytes, what: "data.pkl")
        guard object.end == pickleBytes.count else {
            throw .malformed(what: "data.pkl", reason: "bytes after its end")
        }
        var places: TorchStateDict.Places = [:]
        for storage in object.storages where places[storage.key] == nil {
            guard let member = archive[folder + "data/" + storage.key] else {
                throw .malformed(
                    what: "PyTorch file",
                    reason: "the zip file has no 'data/\(storage.key)', which a tensor needs")
            }
            try archive.verify(member)
            places[storage.key] = member.content
        }
        return (object, places)
    }

    /// The one folder in which all members lie, with its slash.
    private static func folder(of archive: ZipArchive) throws(WeightFileProblem) -> String {
        guard let first = archive.members.first, let slash = first.name.firstIndex(of: "/") else {
            throw .malformed(what: "PyTorch file", reason: "the zip file has no folder")
        }
        return String(first.name[...slash])
    }

    private static func checkByteOrder(
        _ archive: ZipArchive, folder: String, _ bytes: UnsafeRawBufferPointer
    ) throws(WeightFileProblem) {
        guard let member = archive[folder + "byteorder"] else { return }
        try archive.verify(member)
        guard bytes[member.content].elementsEqual("little".utf8) else {
            throw .unsupportedFeature("a file in another byte order than little-endian")
        }
    }
}
