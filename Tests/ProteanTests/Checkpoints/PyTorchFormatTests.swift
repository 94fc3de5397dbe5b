import Testing

@testable import Protean

@Suite struct PyTorchFormatTests {
    static let suffixes = ["zip", "legacy"]

    @Test(arguments: suffixes)
    func viewsOfOneStorage(suffix: String) throws {
        let checkpoint = try Checkpoint(contentsOf: WeightFiles.golden("views.\(suffix).pt"))
        #expect(checkpoint.format == "pytorch-\(suffix)")
        let base = (0..<24).map { Float($0) / 2 }
        #expect(try checkpoint.tensor("base").elements == base)
        let transposed = try checkpoint.tensor("transposed")
        #expect(transposed.shape == [6, 4])
        let columns = (0..<24).map { (index: Int) -> Float in base[index % 4 * 6 + index / 4] }
        #expect(transposed.elements == columns)
        #expect(try checkpoint.tensor("sliced").elements == [3, 4, 5, 6, 7, 8])
        #expect(
            try checkpoint.tensor("repeated").elements == [1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3])
        #expect(checkpoint["repeated"]?.strides == [1, 0])
        #expect(try checkpoint.tensor("scalar").shape == [])
        #expect(try checkpoint.tensor("scalar").elements == [2.5])
        #expect(try checkpoint.tensor("empty").shape == [0, 3])
        #expect(try checkpoint.tensor("parameter").elements == [1, 1.5, 2])
        #expect(try checkpoint.tensor("half_transposed").elements == [0, 1, 2, 0.5, 1.5, 2.5])
    }

    @Test(arguments: suffixes)
    func aTrainingStateGivesItsWeights(suffix: String) throws {
        let checkpoint = try Checkpoint(contentsOf: WeightFiles.golden("training.\(suffix).pt"))
        let plain = try Checkpoint(contentsOf: WeightFiles.golden("network.safetensors"))
        #expect(Set(checkpoint.names) == Set(plain.names.map { "module." + $0 }))
        #expect(checkpoint.names.first == "module.0.weight")
        #expect(checkpoint.metadata == ["container": "state_dict"])
        for name in plain.names {
            #expect(
                try checkpoint.tensor("module." + name).elements == plain.tensor(name).elements,
                "\(name)")
        }
    }

    @Test(arguments: suffixes)
    func aStateDictGivesItself(suffix: String) throws {
        let checkpoint = try Checkpoint(contentsOf: WeightFiles.golden("network.\(suffix).pt"))
        #expect(checkpoint.metadata.isEmpty)
        #expect(checkpoint.names.count == 9)
    }

    @Test(arguments: suffixes)
    func dictionariesInsideAreFlattened(suffix: String) throws {
        let checkpoint = try Checkpoint(contentsOf: WeightFiles.golden("nested.\(suffix).pt"))
        #expect(checkpoint.names == ["enc.w", "dec.w"])
        #expect(checkpoint.metadata == ["container": "params"])
    }

    @Test(arguments: [
        "protocol4.zip.pt", "protocol4.legacy.pt", "zip64.zip.pt", "no_checksums.zip.pt",
    ])
    func variantsHoldTheSame(file: String) throws {
        let checkpoint = try Checkpoint(contentsOf: WeightFiles.golden(file))
        #expect(checkpoint.names == ["a", "b", "c"])
        #expect(try checkpoint.tensor("b").elements == [0, 1.5, 0.5, 2, 1, 2.5])
        #expect(try checkpoint.tensor("c").elements == [0, 0.5])
    }

    @Test func aFileFromPython2() throws {
        let checkpoint = try Checkpoint(contentsOf: WeightFiles.golden("python2.legacy.pt"))
        #expect(checkpoint.names == ["w"])
        #expect(try checkpoint.tensor("w").elements == [2, 3])
    }

    @Test func unsupportedFilesAreRefusedByName() throws {
        func problem(_ file: String) throws -> WeightFileProblem? {
            WeightFiles.problem(try WeightFiles.golden(file))
        }
        #expect(
            try problem("module_object.zip.pt")
                == .malformed(
                    what: "PyTorch file",
                    reason: "its object is not a dictionary of tensors but of type "
                        + "'torch.nn.modules.activation.ReLU'"))
        #expect(try problem("torchscript.zip.pt") == .foreignFormat(.torchScript))
        #expect(
            try problem("compressed.zip.pt")
                == .unsupportedFeature(
                    "the compressed zip member 'small.zip/data.pkl' (method 8)"))
        var tar = [UInt8](repeating: 0, count: 512)
        tar.replaceSubrange(257..<262, with: Array("ustar".utf8))
        #expect(
            WeightFiles.problem(tar)
                == .foreignFormat(.tar))
    }

    // MARK: The object

    private func zip(
        _ members: [(String, [UInt8])], storages: [(String, [UInt8])] = []
    ) -> [UInt8] {
        ZipBuilder(pickle: Pickle.dictionary(members), storages: storages).bytes
    }

    @Test func tensorsMustLieInTheirStorage() throws {
        let data = [
            ("0", [UInt8](repeating: 0, count: 16)), ("1", [UInt8](repeating: 1, count: 64)),
        ]
        func problem(_ tensor: [UInt8]) -> WeightFileProblem? {
            WeightFiles.problem(zip([("w", tensor)], storages: data))
        }
        #expect(problem(Pickle.tensor("0", count: 4, shape: [4], strides: [1])) == nil)
        #expect(
            problem(Pickle.tensor("0", count: 4, shape: [5], strides: [1]))
                == .invalidRange(tensor: "w", begin: 0, end: 20, available: 16))
        #expect(
            problem(Pickle.tensor("0", count: 4, offset: 1, shape: [4], strides: [1]))
                == .invalidRange(tensor: "w", begin: 4, end: 20, available: 16))
        #expect(
            problem(Pickle.tensor("0", count: 4, offset: -1, shape: [1], strides: [1]))
                == .invalidRange(tensor: "w", begin: -4, end: 0, available: 16))
        #expect(
            problem(Pickle.tensor("0", count: 4, offset: .max, shape: [1], strides: [1]))
                == .invalidRange(tensor: "w", begin: .max, end: .max, available: 16))
        #expect(
            problem(Pickle.tensor("0", count: 5, shape: [1], strides: [1]))
                == .sizeMismatch(tensor: "w", expected: 20, found: 16))
        #expect(
            problem(Pickle.tensor("0", count: .max, shape: [1], strides: [1]))
                == .sizeMismatch(tensor: "w", expected: .max, found: 16))
        #expect(
            problem(
                Pickle.tensor("0", count: 4, shape: [1 << 40, 1 << 40], strides: [1 << 40, 1]))
                == .sizeOverflow(tensor: "w", shape: [1 << 40, 1 << 40]))
        #expect(
            problem(Pickle.tensor("0", count: 4, shape: [2, 2], strides: [1]))
                == .malformed(what: "tensor 'w'", reason: "strides [1] for shape [2, 2]"))
        #expect(
            problem(Pickle.tensor("9", count: 4, shape: [1], strides: [1]))
                == .malformed(
                    what: "PyTorch file",
                    reason: "the zip file has no 'data/9', which tensor 'w' needs"))
    }

    @Test func namesOccurOnce() {
        let tensor = Pickle.tensor("0", count: 1, shape: [1], strides: [1])
        let data = [("0", [UInt8](repeating: 0, count: 4))]
        #expect(
            WeightFiles.problem(zip([("w", tensor), ("w", tensor)], storages: data))
                == .duplicateName("w"))
        #expect(
            WeightFiles.problem(
                zip(
                    [
                        ("a.b", tensor),
                        ("a", Pickle.code("}") + Pickle.text("b") + tensor + Pickle.code("s")),
                    ],
                    storages: data))
                == .duplicateName("a.b"))
    }

    /// Prefixes are a matter of loading (KeyPrefixTests).
    @Test func namesAreTheFiles() throws {
        let tensor = Pickle.tensor("0", count: 1, shape: [1], strides: [1])
        let data = [("0", [UInt8](repeating: 0, count: 4))]
        let all = zip([("module.a", tensor), ("module.b", tensor)], storages: data)
        #expect(try Checkpoint(contentsOf: all).names == ["module.a", "module.b"])
    }

    @Test func aFileWithoutTensorsIsRefused() {
        #expect(
            WeightFiles.problem(zip([("epoch", Pickle.integer(3))]))
                == .malformed(what: "PyTorch file", reason: "it holds no named tensors"))
        #expect(
            WeightFiles.problem(ZipBuilder(pickle: Pickle.code("\u{80}")).bytes) != nil)
        #expect(
            WeightFiles.problem(ZipBuilder(pickle: [0x80, 2] + Pickle.code("].")).bytes)
                == .malformed(
                    what: "PyTorch file",
                    reason: "its object is not a dictionary of tensors but of type 'list'"))
    }

    /// Thirty levels that hold the level below twice would have a billion names.
    @Test func repeatedDictionariesDoNotExplode() {
        var pickle =
            Pickle.start + Pickle.code("}") + Pickle.text("w")
            + Pickle.tensor("0", count: 1, shape: [1], strides: [1]) + Pickle.code("s")
        for level in 0..<30 {
            let name = UInt8(level)
            pickle += [UInt8(ascii: "q"), name] + Pickle.code("0}(")
            pickle += Pickle.text("a") + [UInt8(ascii: "h"), name]
            pickle += Pickle.text("b") + [UInt8(ascii: "h"), name] + Pickle.code("u")
        }
        let file = ZipBuilder(
            pickle: pickle + Pickle.stop, storages: [("0", [0, 0, 0, 0])]
        ).bytes
        guard
            case .limitExceeded(what: "the total length of names", _, _)? = WeightFiles.problem(
                file)
        else {
            Issue.record("\(String(describing: WeightFiles.problem(file)))")
            return
        }
    }

    // MARK: The legacy layout

    @Test func theOldLayoutIsChecked() throws {
        let file = try WeightFiles.golden("small.legacy.pt")
        #expect(
            WeightFiles.problem(file + [0])
                == .gap(begin: file.count, end: file.count + 1))
        // The count stands before the four elements of the only storage.
        var wrong = try WeightFiles.golden("python2.legacy.pt")
        wrong[wrong.count - 24] = 3
        #expect(
            WeightFiles.problem(wrong)
                == .sizeMismatch(tensor: "w", expected: 16, found: 12))
        var magic = file
        magic[5] ^= 1
        #expect(
            WeightFiles.problem(magic) == .foreignFormat(.otherPickle))
    }
}
