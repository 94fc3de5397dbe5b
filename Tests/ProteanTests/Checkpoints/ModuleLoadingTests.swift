import Foundation
import Synchronization
import Testing

@testable import Protean

/// A layer with two parameters that returns its input.
private final class Scale: Layer {
    let weight: Parameter
    let bias: Parameter
    let label: Label? = Label()

    init(_ count: Int) throws(ProteanError) {
        weight = Parameter(try Tensor(zeros: [count]))
        bias = Parameter(try Tensor(zeros: [count]))
    }

    var parameters: [NamedParameter] { [.init("weight", weight), .init("bias", bias)] }
    func callAsFunction(_ x: Tensor) throws(ProteanError) -> Tensor { x }
}

private struct Pair: Layer {
    let first: Scale
    let second: Scale

    var submodules: [NamedModule] { [.init("first", first), .init("second", second)] }
    func callAsFunction(_ x: Tensor) throws(ProteanError) -> Tensor { x }

    init(_ a: Int = 2, _ b: Int = 3) throws {
        first = try Scale(a)
        second = try Scale(b)
    }
}

private func checkpoint(_ tensors: [(String, [Int])]) throws -> Checkpoint {
    var entries: [(name: String, tensor: CheckpointTensor)] = []
    for (place, (name, shape)) in tensors.enumerated() {
        let values = [Float](repeating: Float(place + 1), count: shape.reduce(1, *))
        let bytes = values.flatMap { WeightFiles.littleEndian($0.bitPattern) }
        entries.append(
            (
                name,
                try CheckpointTensor(
                    name: name, type: .float32, shape: shape,
                    storage: CheckpointBytes(copying: bytes), byteOffset: 0)
            ))
    }
    return try Checkpoint(source: "test.pt", format: "test", tensors: entries)
}

private let complete: [(String, [Int])] = [
    ("first.weight", [2]), ("first.bias", [2]), ("second.weight", [3]), ("second.bias", [3]),
]

@Suite struct ModuleLoadingTests {
    @Test func everyParameterIsSetAndLoadingTwiceIsHarmless() throws {
        let pair = try Pair()
        for _ in 0..<2 {
            try pair.load(checkpoint(complete))
            #expect(pair.first.weight.value.elements == [1, 1])
            #expect(pair.first.bias.value.elements == [2, 2])
            #expect(pair.second.weight.value.elements == [3, 3, 3])
            #expect(pair.second.bias.value.elements == [4, 4, 4])
        }
    }

    @Test func allProblemsAreListedAtOnceAndNothingIsSet() throws {
        let pair = try Pair()
        let file = try checkpoint([
            ("net.first.weight", [2]), ("net.first.bias", [1, 2]), ("net.second.bias", [4]),
            ("net.third.bias", [3]), ("net.other", []), ("elsewhere", [1]), ("network.x", [1]),
        ])
        #expect(
            throws: ProteanError.parameterMismatch(
                file: "test.pt", missing: ["net.second.weight"],
                unused: ["net.third.bias", "net.other"],
                misshapen: [
                    .init(name: "net.first.bias", expected: [2], found: [1, 2]),
                    .init(name: "net.second.bias", expected: [3], found: [4]),
                ])
        ) { try pair.load(file, prefix: "net") }
        #expect(pair.first.weight.value.elements == [0, 0])
    }

    @Test(arguments: ["net", "net."])
    func onlyKeysUnderThePrefixCount(prefix: String) throws {
        let pair = try Pair()
        let file = try checkpoint(complete.map { ("net.\($0)", $1) } + [("head.weight", [7])])
        try pair.load(file, prefix: prefix)
        #expect(pair.second.bias.value.elements == [4, 4, 4])
    }

    @Test func batchCountersAreIgnored() throws {
        let pair = try Pair()
        try pair.load(
            checkpoint(complete + [("first.num_batches_tracked", []), ("num_batches_tracked", [])]))
        #expect(throws: ProteanError.self) {
            try pair.load(checkpoint(complete + [("first.my_num_batches_tracked", [])]))
        }
    }

    @Test func keysAreMapped() throws {
        let pair = try Pair()
        let map = KeyMap { key in
            key == "extra"
                ? nil : key.replacing("one.", with: "first.").replacing("two.", with: "second.")
        }
        let file = try checkpoint([
            ("m.one.weight", [2]), ("m.one.bias", [2]), ("m.two.weight", [3]), ("m.two.bias", [3]),
            ("m.extra", [9]),
        ])
        try pair.load(file, prefix: "m", keyMap: map)
        #expect(pair.second.weight.value.elements == [3, 3, 3])
    }

    @Test func twoKeysForOneParameterAreRefused() throws {
        let pair = try Pair()
        let file = try checkpoint(complete + [("1.weight", [2])])
        #expect(
            throws: ProteanError.invalidOption(
                layer: "load", option: "keyMap", expected: "one key per parameter",
                found: "'first.weight' and '1.weight', both for 'first.weight'")
        ) {
            try pair.load(file, keyMap: KeyMap { $0.replacing("1.", with: "first.") })
        }
        #expect(pair.first.bias.value.elements == [0, 0])
    }

    @Test func whatIsSavedIsLoaded() throws {
        try WeightFiles.withFolder { folder in
            let path = folder + "/pair.safetensors"
            let pair = try Pair()
            try pair.load(checkpoint(complete))
            try pair.save(to: path, metadata: ["epoch": "3"])
            let copy = try Pair()
            let file = try Checkpoint.open(path)
            #expect(file.metadata == ["epoch": "3"])
            try copy.load(file)
            for (a, b) in zip(pair.allParameters(), copy.allParameters()) {
                #expect(a.parameter.value.elements == b.parameter.value.elements, "\(a.name)")
            }
            // Saving over the file that its own values are views of.
            try copy.save(to: path)
            #expect(copy.second.bias.value.elements == [4, 4, 4])
            #expect(try Checkpoint.open(path).tensor("second.bias").elements == [4, 4, 4])
        }
    }
}

// MARK: Models

private struct PairPlugin: ModelPlugin {
    var name = "pair"
    var weights: String?
    let summary = "two scales"
    let inputShape = [1, 1, 1, 2]
    var embeddedWeights: WeightSource? { weights.map { .file($0) } }

    func makeModel(configuration: ModelConfiguration) throws(ProteanError) -> any Layer {
        try configuration.requireOnly(known: ["width"])
        let width = try configuration.integer("width", default: 2)
        do { return try Pair(width, 3) } catch { throw .noValues(layer: "pair") }
    }

    func keyMap(for checkpoint: Checkpoint) -> KeyMap {
        KeyMap { $0.hasPrefix("x.") ? String($0.dropFirst(2)) : $0 }
    }
}

@Suite struct ModelLoaderTests {
    private func save(_ path: String, width: Int = 2, prefix: String = "") throws {
        var tensors: [(name: String, tensor: Tensor)] = []
        for (name, shape) in complete {
            let size = name.hasPrefix("first") ? width : shape[0]
            tensors.append((prefix + name, try Tensor(repeating: 5, shape: [size])))
        }
        try Checkpoint.writeSafetensors(to: path, tensors: tensors)
    }

    @Test func aFileUnderAName() throws {
        try WeightFiles.withFolder { folder in
            let loader = ModelLoader(registry: ModelRegistry([PairPlugin()]))
            let path = folder + "/w.safetensors"
            try save(path, prefix: "x.")
            let model = try loader.load(path, as: "pair")
            #expect(model.source == path)
            #expect(
                model.allParameters().map(\.name) == [
                    "first.weight", "first.bias", "second.weight", "second.bias",
                ])
            #expect(model.parameter(at: "first.bias")?.value.elements == [5, 5])
            #expect(model.module(at: "second")?.label?.path == "second")
            #expect(try model(Tensor(zeros: [1])).shape == [1])
            #expect(
                throws: ProteanError.unknownName(kind: "model", name: "pear", known: ["pair"])
            ) { try loader.load(path, as: "pear") }
            #expect(throws: ProteanError.self) {
                try loader.load(path, as: "pair", configuration: .init(["width": .number(4)]))
            }
            #expect(throws: ProteanError.self) { try loader.load(path) }
        }
    }

    @Test func aDirectoryThatSaysWhatItHolds() throws {
        try WeightFiles.withFolder { folder in
            let loader = ModelLoader(registry: ModelRegistry([PairPlugin()]))
            try save(folder + "/model.safetensors", width: 4)
            func describe(_ json: String) throws {
                try json.write(toFile: folder + "/config.json", atomically: true, encoding: .utf8)
            }
            try describe(
                #"{"architecture": "pair", "num_classes": 3, "model_args": {"width": 4}}"#)
            for model in [try loader.load(folder), try loader.loadDirectory(folder)] {
                #expect(model.source == folder)
                #expect(model.parameter(at: "first.weight")?.value.elements == [5, 5, 5, 5])
            }
            let named = try loader.load(
                folder, as: "pair", configuration: .init(["width": .number(4)]))
            #expect(named.parameterCount == 14)

            try describe(#"{"model_args": {}}"#)
            #expect(
                throws: ProteanError.invalidOption(
                    layer: folder + "/config.json", option: "architecture",
                    expected: "a model's name", found: "nothing")
            ) { try loader.load(folder) }
            try describe(#"{"architecture": "pair", "model_args": {"depth": 4}}"#)
            #expect(
                throws: ProteanError.invalidOption(
                    layer: folder + "/config.json", option: "model_args.depth",
                    expected: "no option of this name; known: width", found: "4")
            ) { try loader.load(folder) }
            try describe("{,}")
            #expect(throws: ProteanError.self) { try loader.load(folder) }
        }
    }

    @Test func withoutAFileThereAreEmbeddedOrSeededValues() throws {
        try WeightFiles.withFolder { folder in
            let path = folder + "/embedded.safetensors"
            try save(path)
            let registry = ModelRegistry([
                PairPlugin(), PairPlugin(name: "trained", weights: path),
            ])
            let loader = ModelLoader(registry: registry)
            #expect(try loader.makeModel("pair").source == "seeded initial values")
            let trained = try loader.makeModel("trained")
            #expect(trained.source == "embedded")
            #expect(trained.parameter(at: "first.weight")?.value.elements == [5, 5])
        }
    }

    @Test func missingEmbeddedWeightsAreNamed() throws {
        let loader = ModelLoader(registry: ModelRegistry([PairPlugin(weights: "/no/such.file")]))
        let error = #expect(throws: ProteanError.self) { try loader.makeModel("pair") }
        guard case .fileAccess(file: "/no/such.file", _) = try #require(error) else {
            Issue.record("\(String(describing: error))")
            return
        }
    }

    @Test func weightsInMemoryAreViewedNotCopied() throws {
        try WeightFiles.withFolder { folder in
            let path = folder + "/embedded.safetensors"
            try save(path)
            let content = [UInt8](try Data(contentsOf: URL(fileURLWithPath: path)))
            let memory = UnsafeMutableRawBufferPointer.allocate(
                byteCount: content.count, alignment: 64)
            memory.copyBytes(from: content)
            let released = Atomic(0)
            do {
                let bytes = CheckpointBytes(UnsafeRawBufferPointer(memory)) { _ in
                    released.add(1, ordering: .relaxed)
                }
                let source = WeightSource.memory(bytes, name: "the program")
                let tensor = try source.open().tensor("first.weight")
                #expect(tensor.elements == [5, 5])
                let base = UnsafeRawPointer(try #require(tensor.storage).base)
                let start = UnsafeRawPointer(try #require(memory.baseAddress))
                #expect(base >= start && base < start + memory.count)
                #expect(released.load(ordering: .relaxed) == 0)
            }
            #expect(released.load(ordering: .relaxed) == 1)
            memory.deallocate()
        }
        let nothing = CheckpointBytes(copying: [1, 2, 3])
        #expect(
            throws: ProteanError.weightFile(
                file: "the program",
                problem: .unknownFormat(known: CheckpointFormats.standard.map(\.name)))
        ) { try WeightSource.memory(nothing, name: "the program").open() }
    }

    @Test func namesAreRegisteredOnce() throws {
        let registry = ModelRegistry([PairPlugin(), PairPlugin(weights: "second")])
        #expect(registry.names == ["pair"])
        #expect(try registry.plugin(named: "pair").embeddedWeights == nil)
        try registry.register(PairPlugin(name: "other"))
        #expect(registry.names == ["pair", "other"])
        #expect(throws: ProteanError.self) { try registry.register(PairPlugin(name: "other")) }
    }
}

@Suite struct ModelConfigurationTests {
    @Test func typedAccess() throws {
        let options = try ModelConfiguration(
            json: """
                {"i": 3, "d": 0.5, "b": true, "s": "x", "li": [1, 2], "ld": [0.5, 1],
                 "ls": ["a"], "o": {"k": 1}, "n": null}
                """)
        #expect(try options.integer("i") == 3)
        #expect(try options.number("i") == 3)
        #expect(try options.number("d", default: 1) == 0.5)
        #expect(try options.bool("b", default: false))
        #expect(try options.string("s") == "x")
        #expect(try options.integers("li") == [1, 2])
        #expect(try options.numbers("ld") == [0.5, 1])
        #expect(try options.strings("ls") == ["a"])
        #expect(try options.object("o")?.integer("k") == 1)
        #expect(try options.integer("n", default: 9) == 9)
        #expect(try options.integer("absent") == nil)
    }

    @Test func valuesOfAnotherTypeAreRefusedByName() throws {
        let options = try ModelConfiguration(json: #"{"d": 0.5, "s": "3", "l": [1, "a"]}"#)
        #expect(
            throws: ProteanError.invalidOption(
                layer: "configuration", option: "d", expected: "a whole number", found: "0.5")
        ) { try options.integer("d") }
        #expect(throws: ProteanError.self) { try options.integer("s") }
        #expect(throws: ProteanError.self) { try options.bool("d") }
        #expect(throws: ProteanError.self) { try options.string("d") }
        #expect(throws: ProteanError.self) { try options.object("d") }
        #expect(
            throws: ProteanError.invalidOption(
                layer: "configuration", option: "l", expected: "a list of whole numbers",
                found: #"[1, "a"]"#)
        ) { try options.integers("l") }
    }

    @Test func unknownOptionsAreRefused() throws {
        let options = try ModelConfiguration(json: #"{"width": 1, "dpeth": 2}"#)
        try options.requireOnly(known: ["width", "dpeth"])
        #expect(
            throws: ProteanError.invalidOption(
                layer: "configuration", option: "dpeth",
                expected: "no option of this name; known: width, depth", found: "2")
        ) { try options.requireOnly(known: ["width", "depth"]) }
    }

    @Test func textThatIsNotAnObjectIsRefused() {
        #expect(
            throws: ProteanError.weightFile(
                file: "c.json", problem: .malformed(what: "JSON", reason: "not an object"))
        ) { try ModelConfiguration(json: "[]", source: "c.json") }
    }
}
