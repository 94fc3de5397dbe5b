import Foundation
import Testing

@testable import Protean

/// Files that people take for weights: each is named in the refusal, with what to do.
@Suite struct ForeignFormatTests {
    private static func zip(_ names: String...) -> [UInt8] {
        var builder = ZipBuilder(pickle: [])
        builder.members = names.map { ZipBuilder.Member(name: $0, content: Array("x".utf8)) }
        return builder.bytes
    }

    private static func padded(_ start: [UInt8], to count: Int = 600) -> [UInt8] {
        start + [UInt8](repeating: 0x81, count: max(0, count - start.count))
    }

    private static func tar() -> [UInt8] {
        var tar = [UInt8](repeating: 0, count: 1024)
        tar.replaceSubrange(257..<262, with: Array("ustar".utf8))
        return tar
    }

    private static let hdf5: [UInt8] = [0x89, 0x48, 0x44, 0x46, 0x0d, 0x0a, 0x1a, 0x0a]
    private static let lfs = """
        version https://git-lfs.github.com/spec/v1
        oid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393
        size 12345

        """
    /// ir_version 8, producer_name "pytorch", and a graph.
    private static let onnx: [UInt8] =
        [0x08, 8, 0x12, 7] + Array("pytorch".utf8) + [0x3a, 20] + [UInt8](repeating: 7, count: 20)

    static let files: [(bytes: [UInt8], name: String, advice: String)] = [
        ([], "an empty file", "again"),
        (zip("net/data.pkl", "net/constants.pkl"), "a TorchScript archive", "torch.jit.load"),
        (zip("a.npy", "b.npy"), "NumPy's npz archive", "numpy.load"),
        (zip("config.json", "model.weights.h5"), "a Keras archive", "h5py"),
        (zip("readme.txt"), "a zip archive without PyTorch's data.pkl", "unpack"),
        (padded([0x93] + Array("NUMPY".utf8)), "NumPy's npy array", "numpy.load"),
        (onnx, "an ONNX model", "state_dict"),
        (Array(lfs.utf8), "a pointer of Git LFS instead of the file", "git lfs pull"),
        (Array(" \n<!DOCTYPE html><p>Not found".utf8), "an HTML page", "link to the file"),
        (Array("<html lang='en'>".utf8), "an HTML page", "link"),
        (
            Array(#"{"metadata": {}, "weight_map": {"a": "x.safetensors"}}"#.utf8),
            "the index of a sharded safetensors model (JSON)", "files it names"
        ),
        (Array(#"[1, 2, 3]"#.utf8), "JSON text", "model.safetensors"),
        (Array("hello, wörld\n".utf8), "plain text", "safetensors"),
        (padded(hdf5), "an HDF5 file (Keras, TensorFlow)", "h5py"),
        (padded(padded([], to: 512) + hdf5), "an HDF5 file (Keras, TensorFlow)", "h5py"),
        (padded([0x08, 1, 0x12, 0xff, 0x01]), "a TensorFlow SavedModel", "variables"),
        (padded(Array("GGUF".utf8)), "a GGUF file", "converted from"),
        (padded(Array("\u{1c}\0\0\0TFL3".utf8)), "a TensorFlow Lite model", "converted from"),
        (padded([0x1f, 0x8b, 8]), "a file compressed with gzip", "gunzip"),
        (padded([0x28, 0xb5, 0x2f, 0xfd]), "a file compressed with zstd", "unzstd"),
        (tar(), "a tar archive", "unpack"),
        (
            Pickle.dictionary([("w", Pickle.integer(1))]),
            "a Python pickle that torch.save did not write", "state_dict"
        ),
        (padded([0x89] + Array("PNG\r\n".utf8)), "an image", "--image"),
        ([UInt8](repeating: 0, count: 5000), "a file that begins with 4096 zeros", "download"),
    ]

    // By number: a case's bytes would be printed with its name.
    @Test(arguments: files.indices)
    func refusalsNameTheKindAndSayWhatToDo(index: Int) throws {
        let file = Self.files[index]
        guard case .foreignFormat(let format)? = WeightFiles.problem(file.bytes) else {
            Issue.record("\(String(describing: WeightFiles.problem(file.bytes)))")
            return
        }
        #expect(format.name == file.name)
        #expect(format.advice.contains(file.advice))
        let text = WeightFileProblem.foreignFormat(format).description
        #expect(text.contains(file.name) && text.contains(file.advice))
    }

    /// What the readers know keeps their own, closer message, and damage is not called a kind.
    @Test func damagedWeightFilesKeepTheReadersMessage() throws {
        let zip = try WeightFiles.golden("small.zip.pt")
        for bytes in [
            Array(zip.dropLast(40)), try WeightFiles.golden("compressed.zip.pt"),
            Array(try WeightFiles.golden("small.legacy.pt").dropLast(3)),
            Array(try WeightFiles.golden("small.safetensors").dropLast(3)),
        ] {
            let problem = try #require(WeightFiles.problem(bytes))
            if case .foreignFormat = problem { Issue.record("\(problem)") }
        }
        #expect(
            WeightFiles.problem(Self.padded([1, 2, 3, 4]))
                == .unknownFormat(
                    known: CheckpointFormats.standard.map(\.name)))
    }

    /// A format of a package's own comes first.
    @Test func ownFormatsAreAskedFirst() throws {
        struct Anything: CheckpointFormat {
            let name = "anything"
            func recognises(_ bytes: UnsafeRawBufferPointer) -> Bool { true }
            func read(
                _ storage: CheckpointBytes, source: String
            ) throws(ProteanError) -> Checkpoint {
                try Checkpoint(source: source, format: name, tensors: [])
            }
        }
        let found = try Checkpoint(contentsOf: Self.onnx, formats: [Anything()])
        #expect(found.format == "anything")
    }

    @Test(
        .enabled(
            if: FileManager.default.fileExists(
                atPath: GoldenFiles.sharedPath("weights/openseeface_mnv3_detection_opt.onnx")),
            "skipped: no folder ../shared/weights beside the package"))
    func aRealONNXFileIsRecognised() {
        let path = GoldenFiles.sharedPath("weights/openseeface_mnv3_detection_opt.onnx")
        let error = #expect(throws: ProteanError.self) { try Checkpoint.open(path) }
        #expect(error?.description.contains("an ONNX model") == true)
    }

    @Test func pathsThatAreNoFilesAreNamed() throws {
        #expect(
            throws: ProteanError.fileAccess(file: "weight file", reason: "the path is empty")
        ) { try Checkpoint.open("") }
        try WeightFiles.withFolder { folder in
            let error = #expect(throws: ProteanError.self) { try Checkpoint.open(folder) }
            #expect(error?.description.contains("is a directory") == true)
            let empty = folder + "/empty"
            try Data().write(to: URL(filePath: empty))
            let second = #expect(throws: ProteanError.self) { try Checkpoint.open(empty) }
            #expect(second?.description.contains("an empty file") == true)
        }
    }

    /// Zip directories that lie about lengths, and windows cut inside a character.
    @Test func damageNeverCrashesTheTable() {
        var random = SeededGenerator(seed: 18)
        for (bytes, _, _) in Self.files where !bytes.isEmpty {
            for _ in 0..<200 {
                var damaged = bytes
                for _ in 0..<3 {
                    let place = Int.random(in: 0..<bytes.count, using: &random)
                    damaged[place] = UInt8.random(in: 0...255, using: &random)
                }
                let cut = Int.random(in: 0...damaged.count, using: &random)
                _ = ForeignFormat.recognise(CheckpointBytes(copying: Array(damaged[..<cut])))
            }
        }
        let text = [UInt8](repeating: UInt8(ascii: "a"), count: 4095) + Array("é".utf8)
        #expect(ForeignFormat.recognise(CheckpointBytes(copying: text))?.name == "plain text")
    }
}
