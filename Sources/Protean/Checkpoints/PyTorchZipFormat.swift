/// The format that `torch.save` has written since PyTorch 1.6: a zip file with a pickle,
/// `data.pkl`, and one member per storage, `data/<key>`, stored without compression.
///
/// The pickle is read by an interpreter that knows tensors and plain containers only and runs no
/// code. Checksums of all members that are used are verified on opening, which reads the file once;
/// afterwards tensors are views of it. For TorchScript archives the error names the format.
public struct PyTorchZipFormat: CheckpointFormat {
    /// The format's name.
    public let name = "pytorch-zip"

    /// The format.
    public init() {}

    /// Examines the first bytes only.
    public func recognises(_ bytes: UnsafeRawBufferPointer) -> Bool {
        bytes.count >= 4 && bytes.starts(with: [0x50, 0x4b, 0x03, 0x04])
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
        do {
            content = try parse(storage, selection)
        } catch {
            throw .weightFile(file: source, problem: error)
        }
        return try content.list.checkpoint(
            storage, places: content.places, source: source, format: name)
    }

    private func parse(
        _ storage: CheckpointBytes, _ selection: CheckpointSelection
    ) throws(WeightFileProblem) -> (list: TorchStateDict, places: TorchStateDict.Places) {
        let archive = try ZipArchive(storage)
        let folder = try Self.folder(of: archive)
        guard archive[folder + "constants.pkl"] == nil else {
            throw .unsupportedFeature("a TorchScript archive")
        }
        try Self.checkByteOrder(archive, folder: folder)
        guard let pickle = archive[folder + "data.pkl"] else {
            throw .malformed(what: "PyTorch file", reason: "the zip file has no 'data.pkl'")
        }
        try archive.verify(pickle)
        let bytes = try archive.contents(of: pickle)
        let object = try RestrictedUnpickler.read(bytes, what: "data.pkl")
        guard object.end == bytes.count else {
            throw .malformed(what: "data.pkl", reason: "bytes after its end")
        }
        let list = try TorchStateDict(object, selection: selection)
        var places: TorchStateDict.Places = [:]
        for (key, tensor) in try list.neededStorages() {
            guard let member = archive[folder + "data/" + key] else {
                throw .malformed(
                    what: "PyTorch file",
                    reason: "the zip file has no 'data/\(key)', which tensor '\(tensor)' needs")
            }
            try archive.verify(member)
            places[ExactName(key)] = member.content
        }
        return (list, places)
    }

    /// The common folder of all members, with its slash.
    private static func folder(of archive: ZipArchive) throws(WeightFileProblem) -> String {
        guard let name = archive.members.first?.name.utf8,
            let slash = name.firstIndex(of: UInt8(ascii: "/"))
        else {
            throw .malformed(what: "PyTorch file", reason: "the zip file has no folder")
        }
        return String(Substring(name[...slash]))
    }

    private static func checkByteOrder(
        _ archive: ZipArchive, folder: String
    ) throws(WeightFileProblem) {
        guard let member = archive[folder + "byteorder"] else { return }
        try archive.verify(member)
        let content = try archive.contents(of: member)
        let isLittle = withExtendedLifetime(content) {
            content.bytes.elementsEqual("little".utf8)
        }
        guard isLittle else {
            throw .unsupportedFeature("a file in another byte order than little-endian")
        }
    }
}
