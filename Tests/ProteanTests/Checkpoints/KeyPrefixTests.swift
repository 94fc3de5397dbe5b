import Foundation
import Testing

@testable import Protean

/// Parameters under given paths, all of two elements.
private struct Paths: Layer {
    let parameters: [NamedParameter]

    init(_ names: [String], size: Int = 2) throws {
        parameters = try names.map {
            NamedParameter($0, Parameter(try Tensor(zeros: [size])))
        }
    }

    func callAsFunction(_ x: Tensor) throws(ProteanError) -> Tensor { x }

    var isLoaded: Bool { parameters.allSatisfy { $0.parameter.value.elements.first == 1 } }
}

private func file(_ names: [String], size: Int = 2, value: Float = 1) throws -> Checkpoint {
    let bytes = [Float](repeating: value, count: size).flatMap {
        WeightFiles.littleEndian($0.bitPattern)
    }
    return try Checkpoint(
        source: "w.pt", format: "test",
        tensors: names.map { name in
            (
                name,
                try CheckpointTensor(
                    name: name, type: .float32, shape: [size],
                    storage: CheckpointBytes(copying: bytes), byteOffset: 0)
            )
        })
}

@Suite struct KeyPrefixTests {
    private let paths = ["conv1.weight", "layer1.0.bn.bias", "fc.weight"]

    private func mismatch(_ body: () throws -> Void) throws -> ProteanError {
        let error = try #require(#expect(throws: ProteanError.self) { try body() })
        guard case .parameterMismatch = error else { throw error }
        return error
    }

    @Test(arguments: [
        "module.", "_orig_mod.", "model.", "net.", "backbone.", "_orig_mod.module.",
        "state.model._orig_mod.module.",
    ])
    func whatStandsInFrontOfAllKeysIsTakenOffAndSaid(prefix: String) throws {
        let model = try Paths(paths)
        let report = try model.load(file(paths.map { prefix + $0 }))
        #expect(model.isLoaded)
        #expect(report.prefix == prefix)
        #expect(report.notes == ["every key begins with `\(prefix)`, which was taken off"])
        // The same chosen, with and without its last dot; nothing is left to be said.
        for chosen in [prefix, String(prefix.dropLast())] {
            let report = try Paths(paths).load(file(paths.map { prefix + $0 }), prefix: chosen)
            #expect(report == LoadingReport(prefix: prefix))
        }
        // The names as they are, because the caller chose an empty prefix.
        let error = try mismatch {
            try Paths(paths).load(file(paths.map { prefix + $0 }), prefix: "")
        }
        #expect(error.description.contains("every unused key begins with `\(prefix)`"))
    }

    @Test func namesThatFitAsTheyAreStay() throws {
        let own = paths.map { "model." + $0 }
        let model = try Paths(own)
        #expect(try model.load(file(own)) == LoadingReport())
        #expect(model.isLoaded)
        let report = try Paths(own).load(file(own.map { "module." + $0 }))
        #expect(report.prefix == "module.")
    }

    @Test func wrappersInTheMiddleAreTakenOut() throws {
        let model = try Paths(paths)
        let report = try model.load(
            file(["module.conv1.weight", "layer1._orig_mod.0.bn.bias", "fc.weight"]))
        #expect(model.isLoaded)
        #expect(report.notes.count == 1 && report.notes[0].contains("`_orig_mod.`"))
        // Two keys that become one are not guessed about.
        #expect(throws: ProteanError.self) {
            try Paths(["a"]).load(file(["module.a", "_orig_mod.a"]))
        }
    }

    @Test func averagedModelsCounterDoesNotCount() throws {
        let model = try Paths(paths)
        let report = try model.load(file(["n_averaged"] + paths.map { "module." + $0 }))
        #expect(model.isLoaded && report.prefix == "module.")
    }

    /// Several parts of a file that would fit are named, none is taken.
    @Test func severalPartsThatFitAreOffered() throws {
        let both = paths.map { "model." + $0 } + paths.map { "ema." + $0 } + ["loss.weight"]
        let model = try Paths(paths)
        let error = try mismatch { try model.load(file(both)) }
        #expect(!model.isLoaded)
        for group in ["model.", "ema."] {
            #expect(error.description.contains("the keys under `\(group)` fit"))
        }
        #expect(!error.description.contains("under `loss.`"))
        let report = try model.load(file(both), prefix: "ema")
        #expect(report.notes == ["4 keys outside of `ema.` were not looked at"])
        #expect(model.isLoaded)
        let none = try mismatch { try model.load(file(both), prefix: "emu") }
        #expect(none.description.contains("no key begins with `emu.`"))
    }

    /// Where the rest does not fit either, the closest reading is reported.
    @Test func theClosestReadingIsReported() throws {
        let error = try mismatch {
            try Paths(paths).load(file(paths.map { "module." + $0 }, size: 3))
        }
        guard case .parameterMismatch(_, let missing, let unused, let misshapen, let hints) = error
        else { return }
        #expect(missing.isEmpty && unused.isEmpty)
        #expect(misshapen.map(\.name) == paths.map { "module." + $0 })
        #expect(hints == ["every key begins with `module.`, which was taken off"])
    }

    /// Names are bytes: a prefix ends at its dot whatever follows, and spellings of é differ.
    @Test func namesAreComparedByBytes() throws {
        let marked = ["module.\u{301}a", "module.b"]
        let model = try Paths(["\u{301}a", "b"])
        #expect(try model.load(file(marked)).prefix == "module.")
        #expect(throws: ProteanError.self) { try Paths(["e\u{301}"]).load(file(["\u{e9}"])) }
    }

    /// Long names that share everything: work stays linear in the file.
    @Test func deepNamesCostLittle() throws {
        let deep = String(repeating: "a.", count: 20_000)
        #expect(
            KeyPrefix.common([deep + "x", deep + "y"], depth: KeyPrefix.maximumDepth).count == 4)
        let marks = "module." + String(repeating: "\u{301}\u{302}", count: 20_000)
        let error = try mismatch { try Paths(["w"]).load(file([marks, "module.x"])) }
        #expect(error.description.contains("unused 2"))
    }

    @Test(
        .enabled(
            if: FileManager.default.fileExists(
                atPath: GoldenFiles.sharedPath("fails/orig_mod.pth")),
            "skipped: no folder ../shared/fails beside the package"))
    func aCompiledModelsFile() throws {
        let file = try Checkpoint.open(GoldenFiles.sharedPath("fails/orig_mod.pth"))
        #expect(file.names == ["_orig_mod.w", "_orig_mod.b"])
        #expect(file.commonPrefix == "_orig_mod.")
        struct Two: Layer {
            let parameters: [NamedParameter]
            func callAsFunction(_ x: Tensor) throws(ProteanError) -> Tensor { x }
        }
        let model = Two(
            parameters: try ["w", "b"].map {
                NamedParameter(
                    $0, Parameter(try Tensor(zeros: try #require(file["_orig_mod." + $0]).shape)))
            })
        #expect(try model.load(file).prefix == "_orig_mod.")
        let loaded = try #require(model.parameter(at: "w")).value
        #expect(loaded.elements == (try file.tensor("_orig_mod.w").elements))
    }
}

/// Errors of keys that do not fit: short, with the pattern, whole on request.
@Suite struct MismatchTextTests {
    @Test func countsAndTheFirstFive() throws {
        let names = (0..<97).map { "layer.\($0)" }
        let error = ProteanError.parameterMismatch(
            file: "w.pt", missing: names, unused: names.map { "_orig_mod." + $0 }, misshapen: [])
        #expect(
            error.description == """
                w.pt: weights do not fit the model: missing 97: layer.0, layer.1, layer.2, \
                layer.3, layer.4 and 92 more; unused 97: _orig_mod.layer.0, _orig_mod.layer.1, \
                _orig_mod.layer.2, _orig_mod.layer.3, _orig_mod.layer.4 and 92 more; every \
                missing key begins with `layer.`; every unused key begins with `_orig_mod.layer.`
                """)
        for name in names { #expect(error.fullDescription.contains(name)) }
        #expect(!error.fullDescription.contains("more"))
    }

    private func text(_ shapes: [(String, [Int], [Int])]) -> String {
        ProteanError.parameterMismatch(
            file: "w.pt", missing: [], unused: [],
            misshapen: shapes.map { .init(name: $0, expected: $1, found: $2) }
        ).description
    }

    @Test func patternsOfShapes() {
        let classifier = "only the classifier differs: 10 classes in the file instead of 1000"
        #expect(
            text([("fc.weight", [1000, 512], [10, 512]), ("fc.bias", [1000], [10])])
                .contains(classifier))
        #expect(
            !text([("a.weight", [1000, 512], [10, 512]), ("b.bias", [1000], [10])])
                .contains("classifier"))
        #expect(!text([("fc.weight", [1000, 512], [10, 256])]).contains("classifier"))
        #expect(text([("fc.weight", [10, 512], [512, 10])]).contains("transposed"))
        #expect(text([("c.weight", [8, 4, 3, 1], [3, 1, 4, 8])]).contains("transposed"))
        #expect(
            !text([("a", [2, 3], [3, 2]), ("b", [2, 3], [2, 4])]).contains("transposed"))
    }

    @Test func namesAreEscaped() {
        let error = ProteanError.parameterMismatch(
            file: "a\u{1B}b", missing: ["x\u{202E}y"], unused: ["\u{7}"],
            misshapen: [.init(name: "\n", expected: [1], found: [2])])
        for text in [error.description, error.fullDescription] {
            #expect(!text.unicodeScalars.contains { $0.value < 0x20 || $0.value == 0x202E })
        }
    }

    @Test func aMissingTensorIsNoMisfitAndSimilarNamesAreShown() throws {
        let names = ["conv1.weight", "conv2.weight", "module.fc.bias", "other"]
        let checkpoint = try file(names)
        #expect(
            throws: ProteanError.missingTensor(
                file: "w.pt", name: "conv1.wieght", similar: ["conv1.weight", "conv2.weight"])
        ) { try checkpoint.tensor("conv1.wieght") }
        let error = #expect(throws: ProteanError.self) { try checkpoint.tensor("fc.bias") }
        #expect(
            error?.description
                == "w.pt: no tensor is named 'fc.bias'; similar: module.fc.bias")
        #expect(
            throws: ProteanError.missingTensor(file: "w.pt", name: "zzzzzzz", similar: [])
        ) { try checkpoint.tensor("zzzzzzz") }
        #expect(throws: ProteanError.self) { try checkpoint.tensor("") }
        #expect(throws: ProteanError.self) {
            try checkpoint.tensor(String(repeating: "a", count: 100_000))
        }
    }
}
