import Foundation
import Testing

@testable import Protean

/// Small files whose meaning is large: each is refused by a budget that grows with its length, or
/// read with work in proportion to it.
@Suite struct WeightFileBudgetTests {
    private static let data: [(String, [UInt8])] = [("0", [0, 0, 0x80, 0x3f])]
    private static let tensor = Pickle.tensor("0", count: 1, shape: [1], strides: [1])

    private func problem(_ object: [UInt8]) -> WeightFileProblem? {
        WeightFiles.problem(
            ZipBuilder(pickle: Pickle.start + object + Pickle.stop, storages: Self.data).bytes)
    }

    private func exceeds(_ problem: WeightFileProblem?) -> String? {
        if case .limitExceeded(let what, _, _)? = problem { what } else { nil }
    }

    /// One dictionary with a long path that is named thousands of times.
    @Test func longNamesInFrontOfManyAreRefused() {
        let long = String(repeating: "n", count: 900)
        var object = Pickle.code("}q\u{1}(")
        for index in 0..<100 { object += Pickle.text("\(index)") + Self.tensor }
        object += Pickle.code("u0}(")
        for index in 0..<20 { object += Pickle.text("\(long)\(index)") + Pickle.code("h\u{1}") }
        #expect(exceeds(problem(object + Pickle.code("u"))) == "the total length of names")
    }

    @Test func namesThatNobodyHasAreRefused() {
        let name = String(repeating: "\u{301}", count: 30_000)
        let object = Pickle.code("}") + Pickle.text(name) + Self.tensor + Pickle.code("s")
        #expect(
            problem(object)
                == .limitExceeded(
                    what: "the length of a tensor's name", limit: 1024, found: 60_000))
        // The same text in a class's name, a storage's key and beside the weights.
        let class_ = Pickle.text(name) + Pickle.text(name) + [0x93]
        #expect(exceeds(problem(class_)) == "the length of a class's name")
        let beside =
            Pickle.code("}(") + Pickle.text(name) + Pickle.code("N") + Pickle.text("w")
            + Self.tensor + Pickle.code("u")
        #expect(problem(beside) == nil)
        let key = Pickle.tensor(name, count: 1, shape: [1], strides: [1])
        #expect(
            exceeds(problem(Pickle.code("}") + Pickle.text("w") + key + Pickle.code("s")))
                == "the length of a storage's key")
    }

    /// One shape of many axes that thousands of tensors share.
    @Test func sharedShapesAreCounted() {
        func object(rank: Int, count: Int) -> [UInt8] {
            let sizes = Pickle.tuple([[UInt8]](repeating: [UInt8(ascii: "K"), 1], count: rank))
            let arguments = Pickle.tuple([
                Pickle.storage("0", count: 1), Pickle.integer(0), sizes, sizes, [0x89],
                Pickle.code("N"),
            ])
            var object = Pickle.global("torch._utils", "_rebuild_tensor_v2")
            object += arguments + Pickle.code("Rq\u{1}0}(")
            for index in 0..<count {
                object += [0x8c, 2, UInt8(32 + index / 64), UInt8(32 + index % 64)]
                object += Pickle.code("h\u{1}")
            }
            return object + Pickle.code("u")
        }
        #expect(problem(object(rank: 64, count: 100)) == nil)
        #expect(exceeds(problem(object(rank: 64, count: 3000))) == "the total number of axes")
        #expect(
            problem(object(rank: 5000, count: 1))
                == .limitExceeded(what: "the rank of tensor '  '", limit: 64, found: 5000))
    }

    /// Keys that are no text count as visits: a dictionary of them that occurs many times.
    @Test func membersThatAreNoNamesAreCounted() {
        var object = Pickle.code("}q\u{1}(")
        for _ in 0..<2000 { object += Pickle.code("NN") }
        object += Pickle.text("w") + Self.tensor + Pickle.code("u0}(")
        for index in 0..<1000 {
            object += [0x8c, 2, UInt8(32 + index / 64), UInt8(32 + index % 64)]
            object += Pickle.code("h\u{1}")
        }
        #expect(
            exceeds(problem(object + Pickle.code("u")))
                == "the number of visits to members of dictionaries")
    }

    /// A list of pairs that is made into a dictionary again and again.
    @Test func copiesOfContainersAreCounted() {
        var object = Pickle.global("collections", "OrderedDict") + Pickle.code("q\u{1}0(")
        for _ in 0..<500 { object += Pickle.code("NN") + [0x86] }
        object += Pickle.code("l") + [0x85] + Pickle.code("q\u{2}0")
        for _ in 0..<500 { object += Pickle.code("h\u{1}h\u{2}R0") }
        #expect(
            exceeds(problem(object + Pickle.code("N"))) == "the number of copied values in a pickle"
        )
    }

    @Test func containersAreCounted() throws {
        let limit = PickleNodes.freeCount + (3 << 20) / 8
        let object = [UInt8](repeating: UInt8(ascii: "]"), count: 1 << 19)
        let nodes = try RestrictedUnpickler.read(
            CheckpointBytes(
                copying: object + [UInt8](repeating: UInt8(ascii: "a"), count: 1 << 19 - 1)
                    + Pickle.code("0N."))
        ).nodes
        #expect(nodes.count == 1 << 19)
        var many = PickleNodes()
        var error: WeightFileProblem?
        do throws(WeightFileProblem) {
            for _ in 0...limit { _ = try many.make(.list, length: 3 << 20) }
        } catch let problem { error = problem }
        #expect(exceeds(error) == "the number of containers in a pickle")
        #expect(many.count == limit)
    }

    /// A value takes four bytes however it was made, and what repeats is kept once.
    @Test func repeatedValuesAreSmall() throws {
        #expect(MemoryLayout<PickleValue>.stride == 4)
        let text = String(repeating: "t", count: 10_000)
        var pickle = Pickle.start + Pickle.text(text) + Pickle.code("q\u{1}0]q\u{2}0(")
        for _ in 0..<10_000 { pickle += Pickle.code("h\u{1}h\u{2})") }
        let object = try RestrictedUnpickler.read(
            CheckpointBytes(copying: pickle + Pickle.code("t.")))
        #expect(object.texts.count == 1)
        #expect(object.nodes.count == 3)
        #expect(object.nodes.elementCount(object.root.index) == 30_000)
    }

    @Test func lengthsOfNamesInConfigurationsAreBounded() {
        let name = String(repeating: "\u{301}", count: 120_000)
        let text = Array("{\"\(name)\":1}".utf8)
        #expect(
            throws: ProteanError.weightFile(
                file: "configuration",
                problem: .limitExceeded(
                    what: "the length of a name in JSON", limit: 1024, found: 240_000))
        ) { try ModelConfiguration(json: text) }
    }

    static let noTensors = WeightFileProblem.malformed(
        what: "PyTorch file", reason: "it holds no named tensors")

    /// Files that took minutes or gigabytes, where they lie beside the package.
    @Test(
        .enabled(
            if: FileManager.default.fileExists(atPath: GoldenFiles.sharedPath("fails")),
            "skipped: no folder ../shared/fails beside the package"),
        arguments: [
            (
                "pickle_long_prefix_names.pth",
                .limitExceeded(
                    what: "the length of a tensor's name", limit: 1024, found: 40_000)
            ),
            ("pickle_tensor_big_shape.pth", noTensors),
            ("pickle_diamonds_long_names.pth", noTensors),
            (
                "safetensors_combining_key_96KB.safetensors",
                .limitExceeded(
                    what: "the length of a tensor's name", limit: 1024, found: 96_001)
            ),
        ] as [(String, WeightFileProblem)])
    func collectedFilesAreRefused(file: String, problem: WeightFileProblem) {
        let path = GoldenFiles.sharedPath("fails/\(file)")
        #expect(throws: ProteanError.weightFile(file: path, problem: problem)) {
            try Checkpoint.open(path)
        }
    }
}
