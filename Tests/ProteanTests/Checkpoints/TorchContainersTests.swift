import Testing

@testable import Protean

/// Which dictionary of a training state is taken for the weights, and what is said about it.
@Suite struct TorchContainersTests {
    private static let data: [(String, [UInt8])] = [("0", [UInt8](repeating: 0, count: 4))]
    private static let tensor = Pickle.tensor("0", count: 1, shape: [1], strides: [1])

    private static func dictionary(_ members: [(String, [UInt8])]) -> [UInt8] {
        Pickle.code("}(") + members.flatMap { Pickle.text($0.0) + $0.1 } + Pickle.code("u")
    }

    /// A dictionary with one tensor, under its own name.
    private static func weights(_ name: String) -> [UInt8] { dictionary([(name, tensor)]) }

    private func open(
        _ members: [(String, [UInt8])], container: String? = nil
    ) throws -> Checkpoint {
        try Checkpoint(
            contentsOf: ZipBuilder(
                pickle: Pickle.start + Self.dictionary(members) + Pickle.stop, storages: Self.data
            ).bytes, selection: CheckpointSelection(container: container))
    }

    @Test(arguments: [
        "state_dict", "model_state_dict", "model_state", "model", "net_state_dict", "net",
        "network", "weights", "params", "params_ema", "ema", "state_dict_ema", "model_ema",
        "module", "generator",
    ])
    func oneContainerIsTakenAndSaid(name: String) throws {
        let checkpoint = try open([("epoch", Pickle.integer(3)), (name, Self.weights("w"))])
        #expect(checkpoint.names == ["w"])
        #expect(checkpoint.notes == ["the weights are those of '\(name)'"])
        #expect(checkpoint.containers == [name])
        #expect(checkpoint.metadata == ["container": name])
        #expect(checkpoint.otherObjects == [CheckpointObject(path: "epoch", typeName: "int")])
    }

    @Test func ofSeveralContainersOneIsChosenAloud() throws {
        let members = [
            ("params_ema", Self.weights("averaged")), ("params", Self.weights("plain")),
            ("mine", Self.weights("other")),
        ]
        let first = try open(members)
        #expect(first.names == ["plain"])
        #expect(first.containers == ["params", "params_ema", "mine"])
        #expect(
            first.notes == [
                "the weights are those of 'params'; there are also 'params_ema', 'mine' "
                    + "(--container NAME chooses another)"
            ])
        let chosen = try open(members, container: "params_ema")
        #expect(chosen.names == ["averaged"])
        #expect(chosen.notes.isEmpty)
        #expect(chosen.metadata == ["container": "params_ema"])
        #expect(try open(members, container: "mine").names == ["other"])
    }

    @Test func containersInsideContainersAreJoinedByDots() throws {
        let ema = Self.dictionary([("decay", [0x88]), ("state_dict", Self.weights("averaged"))])
        let members = [("ema", ema), ("model", Self.weights("plain"))]
        #expect(try open(members).containers == ["model", "ema.state_dict"])
        #expect(try open(members, container: "ema.state_dict").names == ["averaged"])
        #expect(try open(members, container: "ema").names == ["state_dict.averaged"])
        #expect(try open([("ema", ema)]).names == ["averaged"])
        // A part of a model that is called like a container is a part.
        let parts = Self.dictionary([("net", Self.weights("a")), ("head", Self.weights("b"))])
        #expect(try open([("model", parts)]).names == ["net.a", "head.b"])
        // Keys may have dots of their own.
        let dotted = [("a", Self.weights("x")), ("a.b", Self.weights("y"))]
        #expect(try open(dotted, container: "a.b").names == ["y"])
    }

    @Test func unknownContainersAreRefusedWithThoseThatExist() throws {
        let members = [("params", Self.weights("w")), ("net", Self.weights("w"))]
        for name in ["parms", "", "params.", "params.w", "."] {
            #expect(
                throws: ProteanError.weightFile(
                    file: "memory",
                    problem: .unknownContainer(name, known: ["net", "params"]))
            ) { try open(members, container: name) }
        }
        #expect(
            throws: ProteanError.weightFile(
                file: "memory", problem: .unknownContainer("x", known: []))
        ) {
            try Checkpoint(
                contentsOf: WeightFiles.safetensors("{}"),
                selection: CheckpointSelection(container: "x"))
        }
    }

    @Test func statesOfOptimisersAreNoWeights() throws {
        let moments = Self.dictionary([("exp_avg", Self.tensor), ("step", Self.tensor)])
        let state = Self.dictionary([
            ("state", Self.dictionary([("0", moments)])), ("param_groups", Pickle.code("]")),
        ])
        let checkpoint = try open([
            ("w", Self.tensor), ("optimizer", Self.dictionary([("x", Self.weights("y"))])),
            ("anything", state), ("moments", moments), ("lr_scheduler", Self.weights("z")),
            ("part", Self.weights("v")),
        ])
        #expect(checkpoint.names == ["w", "part.v"])
        #expect(checkpoint.containers == ["part"])
        #expect(
            checkpoint.otherObjects.map(\.path)
                == ["optimizer", "anything", "moments", "lr_scheduler"])
    }

    @Test func dictionariesThatContainThemselvesEnd() throws {
        // {"w": tensor, "self": itself, "deep": {"up": the first}}
        let pickle =
            Pickle.start + Pickle.code("}q\u{1}(") + Pickle.text("w") + Self.tensor
            + Pickle.text("self") + Pickle.code("h\u{1}") + Pickle.text("deep")
            + Pickle.code("}") + Pickle.text("up") + Pickle.code("h\u{1}su.")
        let checkpoint = try Checkpoint(
            contentsOf: ZipBuilder(pickle: pickle, storages: Self.data).bytes)
        #expect(checkpoint.names == ["w"])
    }

    @Test func deepDictionariesOfTensorsAreRefused() {
        var inner = Self.weights("w")
        for _ in 0..<40 { inner = Self.dictionary([("a", inner)]) }
        let file = ZipBuilder(pickle: Pickle.start + inner + Pickle.stop, storages: Self.data)
        #expect(
            WeightFiles.problem(file.bytes)
                == .nesting(limit: TorchStateDict.maximumNesting))
        var empty = Pickle.code("}")
        for _ in 0..<40 { empty = Self.dictionary([("a", empty)]) }
        let beside = Pickle.dictionary([("w", Self.tensor), ("x", empty)])
        #expect(WeightFiles.problem(ZipBuilder(pickle: beside, storages: Self.data).bytes) == nil)
    }
}
