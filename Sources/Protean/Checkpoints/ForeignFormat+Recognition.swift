extension ForeignFormat {
    /// Maximum number of bytes of a zip file's directory that are examined.
    static let maximumZipDirectory = 1 << 20
    /// Number of bytes that decide whether a file is text, and of what kind.
    static let textWindow = 4096

    /// The kind of file; nil if it is none of the known ones.
    ///
    /// Recognised by content alone. At most a few kilobytes are examined, and of a zip file also
    /// `maximumZipDirectory` bytes of its directory.
    public static func recognise(_ file: CheckpointBytes) -> ForeignFormat? {
        withExtendedLifetime(file) { recognise(file, file.bytes) }
    }

    private static func recognise(
        _ file: CheckpointBytes, _ bytes: UnsafeRawBufferPointer
    ) -> ForeignFormat? {
        if bytes.isEmpty { return empty }
        // The length of a safetensors header may look like another format's magic number.
        let isSafetensors = bytes.holds([0, 0, 0, 0, UInt8(ascii: "{")], at: 4)
        // PyTorch's magic number as a text pickle.
        let isTextPickle = bytes.holds(Array("L119547037146038801333356L".utf8), at: 0)
        if isSafetensors || isTextPickle { return nil }
        for (magic, offset, format) in magics where bytes.holds(magic, at: offset) {
            return format
        }
        if hdf5Offsets.contains(where: { bytes.holds(hdf5Magic, at: $0) }) { return hdf5 }
        if bytes.holds(Array("PK\u{3}\u{4}".utf8), at: 0) { return zip(file) }
        if bytes.count > 1, bytes[0] == 0x80, (2...5).contains(bytes[1]) { return pickle(bytes) }
        if let model = protobuf(bytes, of: file.count) { return model }
        return text(bytes)
    }

    // MARK: The table

    private static let export = "save the state_dict of its PyTorch model instead"
    static let empty = ForeignFormat(
        name: "an empty file", advice: "copy or download it again")
    static let torchScript = ForeignFormat(
        name: "a TorchScript archive",
        advice: "it holds a program: in Python torch.save(torch.jit.load(file).state_dict(), other)"
    )
    static let npz = ForeignFormat(
        name: "NumPy's npz archive",
        advice: "in Python safetensors.numpy.save_file(dict(numpy.load(file)), other)")
    static let onnx = ForeignFormat(
        name: "an ONNX model", advice: export)
    static let gitLFS = ForeignFormat(
        name: "a pointer of Git LFS instead of the file",
        advice: "run 'git lfs pull' in its repository, or download the file itself")
    static let html = ForeignFormat(
        name: "an HTML page",
        advice: "a download got a web page instead of the file: use the link to the file itself")
    static let shards = ForeignFormat(
        name: "the index of a sharded safetensors model (JSON)",
        advice: "give one of the files it names, or join them with safetensors in Python")
    static let json = ForeignFormat(
        name: "JSON text", advice: "give the weight file beside it, such as model.safetensors")
    static let plainText = ForeignFormat(
        name: "plain text", advice: "give a safetensors or PyTorch file")
    static let hdf5 = ForeignFormat(
        name: "an HDF5 file (Keras, TensorFlow)",
        advice: "read it with h5py and write safetensors, axes in PyTorch's order")
    static let savedModel = ForeignFormat(
        name: "a TensorFlow SavedModel",
        advice: "read its variables in Python and write safetensors, axes in PyTorch's order")
    static let tar = ForeignFormat(
        name: "a tar archive",
        advice: "unpack it and give the weight file inside; a file that PyTorch wrote before 2017 "
            + "must be loaded and saved again with PyTorch")
    static let otherPickle = ForeignFormat(
        name: "a Python pickle that torch.save did not write",
        advice:
            "load it where it was written, and save the state_dict with safetensors or torch.save")
    static let otherZip = ForeignFormat(
        name: "a zip archive without PyTorch's data.pkl",
        advice: "unpack it and give the weight file inside")
    static let zeros = ForeignFormat(
        name: "a file that begins with \(textWindow) zeros",
        advice: "a download that did not end looks so: copy or download it again")

    private static func packed(_ name: String, _ command: String) -> ForeignFormat {
        ForeignFormat(
            name: "a file compressed with \(name)", advice: "unpack it first: \(command) FILE")
    }

    private static let hdf5Magic: [UInt8] = [0x89, 0x48, 0x44, 0x46, 0x0d, 0x0a, 0x1a, 0x0a]
    /// A block for the user, a power of two long, may come first.
    private static let hdf5Offsets = [0, 512, 1024, 2048, 4096]

    private static let magics: [(magic: [UInt8], offset: Int, format: ForeignFormat)] = [
        (
            [0x93] + Array("NUMPY".utf8), 0,
            ForeignFormat(
                name: "NumPy's npy array",
                advice: "in Python safetensors.numpy.save_file({'name': numpy.load(file)}, other)")
        ),
        (
            Array("GGUF".utf8), 0,
            ForeignFormat(
                name: "a GGUF file",
                advice: "give the safetensors file that the model was converted from")
        ),
        (
            Array("TFL3".utf8), 4,
            ForeignFormat(
                name: "a TensorFlow Lite model",
                advice: "give the weights of the model it was converted from")
        ),
        (
            Array("ET12".utf8), 4,
            ForeignFormat(name: "an ExecuTorch program", advice: export)
        ),
        ([0x1f, 0x8b], 0, packed("gzip", "gunzip")),
        (Array("BZh".utf8), 0, packed("bzip2", "bunzip2")),
        ([0xfd] + Array("7zXZ\0".utf8), 0, packed("xz", "unxz")),
        ([0x28, 0xb5, 0x2f, 0xfd], 0, packed("zstd", "unzstd")),
        (Array("7z".utf8) + [0xbc, 0xaf, 0x27, 0x1c], 0, packed("7-Zip", "7z x")),
        (Array("ustar".utf8), 257, tar),
        ([0x89] + Array("PNG".utf8), 0, picture), ([0xff, 0xd8, 0xff], 0, picture),
        (Array("%PDF".utf8), 0, document),
        ([0x7f] + Array("ELF".utf8), 0, program),
    ]
    private static let picture = ForeignFormat(
        name: "an image", advice: "images are given with --image")
    private static let document = ForeignFormat(
        name: "a PDF document", advice: "give a safetensors or PyTorch file")
    private static let program = ForeignFormat(
        name: "a program or library", advice: "give a safetensors or PyTorch file")
}

// MARK: Formats that are more than a magic number

extension ForeignFormat {
    private static func zip(_ file: CheckpointBytes) -> ForeignFormat? {
        let (names, isWhole) = ZipNames.list(file, limit: maximumZipDirectory)
        func ends(_ name: [UInt8], _ end: String) -> Bool {
            name.suffix(end.utf8.count).elementsEqual(end.utf8)
        }
        func holds(_ file: String) -> Bool {
            names.contains { ends($0, "/" + file) || $0.elementsEqual(file.utf8) }
        }
        if holds("constants.pkl") { return torchScript }
        // A PyTorch file: its reader's error is more precise.
        if holds("data.pkl") { return nil }
        if !names.isEmpty, names.allSatisfy({ ends($0, ".npy") }) { return npz }
        if holds("model.weights.h5") {
            return ForeignFormat(name: "a Keras archive", advice: hdf5.advice)
        }
        // For a truncated file the reader's own error is more precise.
        return isWhole ? otherZip : nil
    }

    /// If the first pickle is the magic number of `torch.save`, the PyTorch reader's error is more
    /// precise.
    private static func pickle(_ bytes: UnsafeRawBufferPointer) -> ForeignFormat? {
        let magic: [UInt8] = [
            0x8a, 0x0a, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19,
        ]
        // Since protocol 4 a frame's length may come first.
        return bytes.holds(magic, at: 2) || bytes.holds(magic, at: 11) ? nil : otherPickle
    }

    /// ONNX and SavedModel have no magic number. Both begin with a small version number as field 1;
    /// in ONNX short texts or the graph follow, in a SavedModel one long message as field 2.
    private static func protobuf(
        _ bytes: UnsafeRawBufferPointer, of count: Int
    ) -> ForeignFormat? {
        guard bytes.count > 16, bytes[0] == 0x08, (1...32).contains(bytes[1]) else { return nil }
        let tag = bytes[2]
        var (length, shift, place) = (0, 0, 3)
        while place < 13 {
            length |= Int(bytes[place] & 0x7f) << min(shift, 56)
            shift += 7
            place += 1
            if bytes[place - 1] < 0x80 { break }
        }
        guard length <= count - place else { return nil }
        if bytes[1] == 1, tag == 0x12, length > 64 { return savedModel }
        // producer_name, producer_version, domain, doc_string, graph, opset_import.
        return [0x12, 0x1a, 0x22, 0x32, 0x3a, 0x42].contains(tag) ? onnx : nil
    }

    private static func text(_ bytes: UnsafeRawBufferPointer) -> ForeignFormat? {
        var window = Array(bytes.prefix(textWindow))
        if bytes.count >= textWindow, window.allSatisfy({ $0 == 0 }) { return zeros }
        if window.starts(with: [0xef, 0xbb, 0xbf]) { window.removeFirst(3) }
        // Control characters other than white space and escape do not occur in text.
        guard window.allSatisfy({ $0 >= 0x20 && $0 != 0x7f || (9...13).contains($0) || $0 == 27 })
        else { return nil }
        let start = window.drop { $0 == 0x20 || (9...13).contains($0) }
        let head = String(decoding: start, as: UTF8.self)
        if head.utf8.starts(with: "version https://git-lfs".utf8) { return gitLFS }
        let small = head.prefix(64).lowercased()
        if ["<!doctype html", "<html", "<head", "<?xml"].contains(where: small.hasPrefix) {
            return html
        }
        if start.first == UInt8(ascii: "{") || start.first == UInt8(ascii: "[") {
            return head.contains("\"weight_map\"") ? shards : json
        }
        return isUTF8(window) ? plainText : nil
    }

    /// Whether bytes are UTF-8, except for a last character that the window's end may have cut.
    private static func isUTF8(_ window: [UInt8]) -> Bool {
        (0...3).contains {
            window.count >= $0 && String(validating: window.dropLast($0), as: UTF8.self) != nil
        }
    }
}

extension UnsafeRawBufferPointer {
    /// Whether `pattern` stands at byte `offset`.
    func holds(_ pattern: [UInt8], at offset: Int) -> Bool {
        guard offset >= 0, offset <= count, pattern.count <= count - offset else { return false }
        return self[offset..<(offset + pattern.count)].elementsEqual(pattern)
    }
}
