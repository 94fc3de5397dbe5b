import Testing

@testable import Protean

/// Whatever lies beside weights is named and never a reason to refuse them; tensors that cannot be
/// used are listed.
@Suite struct InertObjectsTests {
    /// A file with a usable tensor `w` and one more entry.
    private func checkpoint(_ entry: [UInt8]) throws -> Checkpoint {
        let pickle = Pickle.dictionary([
            ("w", Pickle.tensor("0", count: 2, shape: [2], strides: [1])), ("x", entry),
        ])
        return try Checkpoint(contentsOf: ZipBuilder(pickle: pickle, storages: Self.data).bytes)
    }

    private static let data: [(String, [UInt8])] = [
        ("0", [0, 0, 0x80, 0x3f, 0, 0, 0, 0x40]), ("1", [UInt8](repeating: 0, count: 16)),
    ]

    private static func call(_ module: String, _ name: String, _ arguments: [[UInt8]]) -> [UInt8] {
        Pickle.global(module, name) + Pickle.tuple(arguments) + Pickle.code("R")
    }

    private static let encoded = call(
        "_codecs", "encode", [Pickle.text("\u{cd}\u{cc}"), Pickle.text("latin1")])
    private static let double =
        call("numpy", "dtype", [Pickle.text("f8"), [0x89], [0x88]])
        + Pickle.tuple([Pickle.integer(3), Pickle.text("<"), Pickle.code("N")]) + Pickle.code("b")

    static let objects: [(type: String, entry: [UInt8])] = [
        (
            "argparse.Namespace",
            Pickle.global("argparse", "Namespace") + Pickle.code(")") + [0x81]
                + Pickle.code("}") + Pickle.text("lr") + Pickle.code("Nsb")
        ),
        ("numpy scalar", call("numpy.core.multiarray", "scalar", [double, encoded])),
        ("numpy scalar", call("numpy._core.multiarray", "scalar", [double, encoded])),
        (
            "numpy.ndarray",
            call(
                "numpy._core.multiarray", "_reconstruct",
                [Pickle.global("numpy", "ndarray"), Pickle.tuple([Pickle.integer(0)]), encoded])
                + Pickle.tuple([Pickle.integer(1), double]) + Pickle.code("b")
        ),
        ("bytes", encoded), ("bytes", [UInt8(ascii: "C"), 2, 1, 2]),
        ("bytes", [0x96, 1, 0, 0, 0, 0, 0, 0, 0, 9]),
        ("bytearray", call("__builtin__", "bytearray", [encoded])),
        ("complex", call("__builtin__", "complex", [[0x88], [0x89]])),
        ("torch.layout", call("torch.serialization", "_get_layout", [Pickle.text("strided")])),
        ("torch.bfloat16", Pickle.global("torch", "bfloat16")),
        ("torch.channels_last", Pickle.global("torch", "channels_last")),
        ("torch.device", call("torch", "device", [Pickle.text("cuda"), Pickle.integer(0)])),
        ("tuple", call("torch", "Size", [Pickle.tuple([Pickle.integer(3)])])),
        ("set", call("__builtin__", "set", [Pickle.code("]")])),
        ("pathlib.PosixPath", call("pathlib", "PosixPath", [Pickle.text("/")])),
        ("mine.Config", call("copyreg", "_reconstructor", [Pickle.global("mine", "Config")])),
        ("int", Pickle.integer(7)),
        // The smallest whole number of 64 bits, which has no opposite.
        ("int", [0x8a, 8, 0, 0, 0, 0, 0, 0, 0, 0x80]), ("str", Pickle.text("t")),
        ("None", Pickle.code("N")),
        ("bool", [0x88]), ("float", [UInt8(ascii: "G"), 0x3f, 0xf0, 0, 0, 0, 0, 0, 0]),
        ("list", Pickle.code("]")), ("dict", Pickle.code("}")),
        // Text that is not UTF-8, and a list that contains itself.
        ("str", [0x8c, 1, 0xff]), ("list", Pickle.code("]q\u{7}h\u{7}a")),
    ]

    @Test(arguments: objects.indices)
    func objectsBesideWeightsAreNamed(index: Int) throws {
        let (type, entry) = Self.objects[index]
        let checkpoint = try checkpoint(entry)
        #expect(checkpoint.names == ["w"])
        #expect(try checkpoint.tensor("w").elements == [1, 2])
        #expect(checkpoint.otherObjects == [CheckpointObject(path: "x", typeName: type)])
    }

    // MARK: Tensors with something around them

    private static let tensor = Pickle.tensor("0", count: 2, shape: [2], strides: [1])
    private static let arguments = Pickle.tuple([
        Pickle.storage("0", count: 2), Pickle.integer(0), Pickle.tuple([Pickle.integer(2)]),
        Pickle.tuple([Pickle.integer(1)]), [0x89], Pickle.code("}"),
    ])

    static let wrapped: [[UInt8]] = [
        call(
            "torch._utils", "_rebuild_parameter_with_state",
            [tensor, [0x88], Pickle.code("}"), Pickle.code("}")]),
        call("torch._utils", "_rebuild_parameter", [tensor, [0x88], Pickle.code("}")]),
        call("torch.nn.parameter", "Parameter", [tensor, [0x88]]),
        call("torch.nn.parameter", "Buffer", [tensor, [0x88]]),
        call(
            "torch._tensor", "_rebuild_from_type_v2",
            [
                Pickle.global("torch._utils", "_rebuild_tensor_v2"),
                Pickle.global("torch", "Tensor"), arguments, Pickle.code("}"),
            ]),
        call(
            "torch._tensor", "_rebuild_from_type_v2",
            [
                Pickle.global("torch._utils", "_rebuild_tensor_v2"),
                Pickle.global("mine", "NamedTensor"), arguments,
                Pickle.code("}") + Pickle.text("tag") + Pickle.text("x") + Pickle.code("s"),
            ]),
        tensor + Pickle.code("}b"),
    ]

    @Test(arguments: wrapped.indices)
    func attributesOfTensorsAreIgnored(index: Int) throws {
        let checkpoint = try checkpoint(Self.wrapped[index])
        #expect(checkpoint.names == ["w", "x"])
        #expect(try checkpoint.tensor("x").elements == [1, 2])
        #expect(checkpoint.otherObjects.isEmpty)
    }

    // MARK: Tensors that cannot be used

    private static let size = Pickle.tuple([Pickle.integer(2)])
    private static let one = Pickle.tuple([Pickle.integer(1)])

    private static func dense(_ storage: String, count: Int, flags: [UInt8] = []) -> [UInt8] {
        call(
            "torch._utils", "_rebuild_tensor_v2",
            [
                Pickle.storage("1", count: count, type: storage), Pickle.integer(0), size, one,
                [0x89], Pickle.code("}"),
            ] + (flags.isEmpty ? [] : [flags]))
    }

    private static let flags =
        Pickle.code("}") + Pickle.text("conj") + [0x88] + Pickle.code("s")

    static let unusable: [(type: String, shape: [Int], entry: [UInt8])] = [
        ("complex64", [2], dense("ComplexFloatStorage", count: 2)),
        ("complex32", [2], dense("ComplexHalfStorage", count: 4)),
        ("qint8", [2], dense("QInt8Storage", count: 16)),
        (
            "float32 (conjugate or negative view)", [2],
            dense("FloatStorage", count: 4, flags: flags)
        ),
        ("untyped bytes", [2], dense("UntypedStorage", count: 16)),
        (
            "meta float16", [2],
            call(
                "torch._utils", "_rebuild_meta_tensor_no_storage",
                [Pickle.global("torch", "float16"), size, one, [0x89]])
        ),
        (
            "sparse float32", [2],
            call(
                "torch._utils", "_rebuild_sparse_tensor",
                [
                    call("torch.serialization", "_get_layout", [Pickle.text("torch.sparse_coo")]),
                    Pickle.tuple([dense("LongStorage", count: 2), tensor, size, [0x88]]),
                ])
        ),
        (
            "quint8", [2],
            call(
                "torch._utils", "_rebuild_qtensor",
                [
                    Pickle.storage("1", count: 16, type: "QUInt8Storage"), Pickle.integer(0), size,
                    one, Pickle.tuple([Pickle.code("N")]), [0x89], Pickle.code("}"),
                ])
        ),
        ("nested tensor", [], call("torch._utils", "_rebuild_nested_tensor", [tensor])),
        (
            "tensor subclass of bfloat16", [2],
            call(
                "torch._utils", "_rebuild_wrapper_subclass",
                [Pickle.global("mine", "T"), Pickle.global("torch", "bfloat16"), size, one])
        ),
    ]

    @Test(arguments: unusable.indices)
    func unusableTensorsAreListedAndRefusedWhenAskedFor(index: Int) throws {
        let (type, shape, entry) = Self.unusable[index]
        let checkpoint = try checkpoint(entry)
        #expect(checkpoint.names == ["w", "x"])
        #expect(checkpoint["x"]?.type == .unsupported(type))
        #expect(checkpoint["x"]?.shape == shape)
        #expect(try checkpoint.tensor("w").elements == [1, 2])
        #expect(
            throws: ProteanError.weightFile(
                file: "memory", problem: .unsupportedType(tensor: "x", type: type))
        ) { try checkpoint.tensor("x") }
    }

    /// The places of unusable tensors are checked as those of others.
    @Test func unusableTensorsLieInTheirStorage() {
        let pickle = Pickle.dictionary([("x", Self.dense("ComplexDoubleStorage", count: 1))])
        #expect(
            WeightFiles.problem(ZipBuilder(pickle: pickle, storages: Self.data).bytes)
                == .invalidRange(tensor: "x", begin: 0, end: 32, available: 16))
    }

    @Test func eightBitFloatsAreListed() throws {
        for (file, type) in [
            ("float8.zip.pt", "float8_e4m3fn"), ("float8.legacy.pt", "float8_e4m3fn"),
            ("float8.safetensors", "F8_E4M3"),
        ] {
            let checkpoint = try Checkpoint(contentsOf: WeightFiles.golden(file))
            #expect(checkpoint["w"]?.type == .unsupported(type))
            #expect(checkpoint["w"]?.byteCount == 4)
            #expect(
                throws: ProteanError.weightFile(
                    file: "memory", problem: .unsupportedType(tensor: "w", type: type))
            ) { try checkpoint.tensor("w") }
        }
        let mixed = WeightFiles.safetensors(
            #"{"a":{"dtype":"F4","shape":[5],"data_offsets":[0,3]},"#
                + #""b":{"dtype":"F32","shape":[1],"data_offsets":[3,7]},"#
                + #""c":{"dtype":"NEW","shape":[9],"data_offsets":[7,8]}}"#, data: 8)
        let checkpoint = try Checkpoint(contentsOf: mixed)
        #expect(try checkpoint.tensor("b").elements == [0])
        #expect(checkpoint["c"]?.type.rawValue == "NEW")
        #expect(checkpoint["c"]?.type.isSupported == false)
    }

    // MARK: Dictionaries of other classes, protocols, names

    @Test func dictionariesOfOtherClassesAreRead() throws {
        for start in [
            Self.call("collections", "defaultdict", [Pickle.global("__builtin__", "list")]),
            Self.call("mine", "Config", []), Self.call("collections", "OrderedDict", []),
        ] {
            let pickle = Pickle.start + start + Pickle.text("w") + Self.tensor + Pickle.code("s.")
            let checkpoint = try Checkpoint(
                contentsOf: ZipBuilder(pickle: pickle, storages: Self.data).bytes)
            #expect(try checkpoint.tensor("w").elements == [1, 2])
        }
    }

    /// A state_dict as protocols 0 and 1 have it, behind the magic number as text.
    @Test func legacyFilesOfProtocolZeroAreRead() throws {
        let storage = "(S'storage'\nctorch\nFloatStorage\nS'7'\nS'cpu'\nI2\nNtQ"
        let object =
            "(dS'w'\nctorch._utils\n_rebuild_tensor_v2\n(\(storage)I0\n(I2\nt(I1\ntI00\n(dtRs."
        let text =
            "L119547037146038801333356L\n.I1001\n.(dS'little_endian'\nI01\ns.\(object)(lS'7'\na."
        let file = Array(text.utf8) + WeightFiles.littleEndian(UInt64(2)) + Self.data[0].1
        let checkpoint = try Checkpoint(contentsOf: file)
        #expect(checkpoint.format == "pytorch-legacy")
        #expect(try checkpoint.tensor("w").elements == [1, 2])
    }

    /// PyTorch and safetensors compare names by their bytes.
    @Test func namesThatLookTheSameAreTwo() throws {
        let names = ["\u{e9}", "e\u{301}"]
        let pickle = Pickle.dictionary([
            (names[0], Self.tensor), (names[1], Self.dense("FloatStorage", count: 4)),
        ])
        let file = WeightFiles.safetensors(
            "{\"\(names[0])\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]},"
                + "\"\(names[1])\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[1,3]}}",
            data: 3)
        for bytes in [file, ZipBuilder(pickle: pickle, storages: Self.data).bytes] {
            let checkpoint = try Checkpoint(contentsOf: bytes)
            #expect(checkpoint.names.map { Array($0.utf8) } == names.map { Array($0.utf8) })
            #expect(checkpoint[names[1]]?.name.utf8.elementsEqual(names[1].utf8) == true)
            #expect(checkpoint[names[0]]?.name.utf8.elementsEqual(names[0].utf8) == true)
        }
    }

    @Test func errorsShowNoControlCharacters() {
        let name = "a\u{1b}[31m\u{202e}"
        let problem = WeightFileProblem.duplicateName(name)
        #expect("\(problem)" == "the name 'a\\u{1B}[31m\\u{202E}' occurs twice")
    }
}
