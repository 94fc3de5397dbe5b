extension Checkpoint {
    /// Writes tensors as a safetensors file, which Python's `safetensors` reads.
    ///
    /// The same tensors and metadata give the same bytes: tensors are sorted by name, and the
    /// header is padded so that data start at a multiple of 8 bytes. A regular file is written
    /// completely or not at all: it is written beside `path` under another name, synchronised with
    /// the disk and renamed, and keeps its permission bits. Links are followed; named pipes,
    /// `/dev/stdout` and terminals are written directly; directories and other devices throw.
    /// - Parameters:
    ///   - path: the file to make or replace.
    ///   - tensors: names and Float32 values.
    ///   - metadata: text entries stored in the file.
    /// - Throws: ``ProteanError/weightFile(file:problem:)`` for a name that occurs twice,
    ///   ``ProteanError/invalidOption(layer:option:expected:found:)`` for the reserved name
    ///   `__metadata__`, ``ProteanError/noValues(layer:)`` for a tensor without values,
    ///   ``ProteanError/fileAccess(file:reason:)``.
    public static func writeSafetensors(
        to path: String, tensors: [(name: String, tensor: Tensor)],
        metadata: [String: String] = [:]
    ) throws(ProteanError) {
        let sorted = tensors.sorted { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }
        let header = try SafetensorsWriter.header(path: path, tensors: sorted, metadata: metadata)
        let file = try OutputFile(path)
        try header.withBytes { bytes throws(ProteanError) in try file.write(bytes) }
        for (_, tensor) in sorted {
            guard let storage = tensor.storage else { continue }
            let bytes = UnsafeRawBufferPointer(
                start: storage.base, count: tensor.count * MemoryLayout<Float>.stride)
            try withExtendedLifetime(storage) { () throws(ProteanError) in try file.write(bytes) }
        }
        try file.commit()
    }
}

private enum SafetensorsWriter {
    /// The header's length and the header.
    static func header(
        path: String, tensors: [(name: String, tensor: Tensor)], metadata: [String: String]
    ) throws(ProteanError) -> [UInt8] {
        var members: [String] = []
        if !metadata.isEmpty {
            let texts = metadata.sorted { $0.key < $1.key }.map {
                "\(JSONValue.quoted($0.key)):\(JSONValue.quoted($0.value))"
            }
            members.append("\"__metadata__\":{\(texts.joined(separator: ","))}")
        }
        var seen: Set<String> = []
        var place = 0
        for (name, tensor) in tensors {
            guard seen.insert(name).inserted else {
                throw .weightFile(file: path, problem: .duplicateName(name))
            }
            guard name != "__metadata__" else {
                throw .invalidOption(
                    layer: path, option: "name", expected: "a name that is not reserved",
                    found: name)
            }
            guard !tensor.isShapeOnly else { throw .noValues(layer: name) }
            let (end, overflow) = place.addingReportingOverflow(
                tensor.count * MemoryLayout<Float>.stride)
            guard !overflow else { throw .sizeOverflow(layer: path, what: "the file") }
            let shape = tensor.shape.map(String.init).joined(separator: ",")
            members.append(
                "\(JSONValue.quoted(name)):{\"dtype\":\"F32\",\"shape\":[\(shape)],"
                    + "\"data_offsets\":[\(place),\(end)]}")
            place = end
        }
        var json = Array("{\(members.joined(separator: ","))}".utf8)
        json += [UInt8](repeating: UInt8(ascii: " "), count: (8 - json.count % 8) % 8)
        guard json.count <= SafetensorsFormat.maximumHeaderLength else {
            throw .weightFile(
                file: path,
                problem: .limitExceeded(
                    what: "the header's length", limit: SafetensorsFormat.maximumHeaderLength,
                    found: json.count))
        }
        return (0..<8).map { UInt8(truncatingIfNeeded: json.count >> (8 * $0)) } + json
    }
}

extension [UInt8] {
    /// `withUnsafeBytes` for closures that throw this library's errors.
    fileprivate func withBytes(
        _ body: (UnsafeRawBufferPointer) throws(ProteanError) -> Void
    ) throws(ProteanError) {
        let outcome = withUnsafeBytes { bytes -> Result<Void, ProteanError> in
            Result { () throws(ProteanError) in try body(bytes) }
        }
        try outcome.get()
    }
}
