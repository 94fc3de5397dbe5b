import Testing

@testable import Protean

@Suite struct RestrictedUnpicklerTests {
    private func read(_ pickle: [UInt8]) throws -> PickledObject {
        try RestrictedUnpickler.read(CheckpointBytes(copying: pickle))
    }

    private func problem(_ pickle: [UInt8]) -> WeightFileProblem? {
        do {
            _ = try read(pickle)
            return nil
        } catch { return error as? WeightFileProblem }
    }

    /// A value as text, with the same notation for all containers.
    private func text(_ value: PickleValue, in object: PickledObject) -> String {
        switch value.kind {
        case .none: return "None"
        case .no, .yes: return "\(value.kind == .yes)"
        case .small, .integer: return "\(object.integer(value)!)"
        case .long: return "long(\(object.texts[value.index].length))"
        case .number: return "\(object.numbers[value.index])"
        case .text:
            let text = object.text(value)!
            return "'\(text.count > 9 ? "\(text.count)" : text)'"
        case .node:
            let elements = object.nodes.elements(value.index).map { text($0, in: object) }
            return "\(object.nodes.kind(value.index))[\(elements.joined(separator: ", "))]"
        case .bytes: return "bytes"
        default: return "?"
        }
    }

    @Test(arguments: 2...5)
    func whatPythonWrites(protocolVersion: Int) throws {
        let object = try read(WeightFiles.golden("plain.protocol\(protocolVersion).pkl"))
        let members = Dictionary(
            uniqueKeysWithValues: try #require(object.pairs(object.root)).map {
                (object.text($0.key), $0.value)
            })
        func member(_ name: String) throws -> String {
            text(try #require(members[name]), in: object)
        }
        #expect(
            try member("whole")
                == "list[0, 1, 255, 256, 65535, 65536, -1, 2147483647, -2147483648, "
                + "1099511627776, -9223372036854775808, long(11)]")
        #expect(try member("numbers") == "list[0.5, -1e+300]")
        #expect(try member("texts") == "list['', 'a', '200', '300']")
        #expect(
            try member("tuples")
                == "list[tuple[], tuple[1], tuple[1, 2], tuple[1, 2, 3], tuple[1, 2, 3, 4]]")
        #expect(try member("none") == "list[None, true, false]")
        #expect(try member("deep") == "list[list[list[list[list[]]]]]")
        if protocolVersion >= 4 {
            #expect(try member("sets") == "list[set[1, 2], set[3]]")
            let bytes = Array(repeating: "bytes", count: protocolVersion - 1)
            #expect(try member("bytes") == "list[\(bytes.joined(separator: ", "))]")
        }
    }

    @Test(arguments: [
        ("posix", "system"), ("os", "system"), ("__builtin__", "eval"), ("builtins", "eval"),
        ("builtins", "getattr"), ("torch", "load"), ("torch", "Tensor"),
        ("torch._utils", "_rebuild"), ("torch.storage", "_load_from_bytes"), ("numpy", "ndarray"),
        ("torch.nn.modules.conv", "Conv2d"), ("torch.jit", "FloatStorage"), ("", ""),
        ("torch.cuda", "float32"),
    ])
    func codeIsNamedAndNeverRun(module: String, name: String) throws {
        let full = "\(module).\(name)"
        let arguments = Pickle.tuple([Pickle.text("echo hacked")])
        let ways: [[UInt8]] = [
            Pickle.start + Pickle.global(module, name) + arguments + Pickle.code("R."),
            Pickle.start + Pickle.global(module, name) + arguments + [0x81] + Pickle.stop,
            [0x80, 4] + Pickle.text(module) + Pickle.text(name) + [0x93] + arguments
                + Pickle.code("}") + [0x92] + Pickle.stop,
            Pickle.start + Pickle.code("(") + Pickle.text("id")
                + Pickle.code("i\(module)\n\(name)\n."),
            Pickle.start + Pickle.code("(") + Pickle.global(module, name) + Pickle.text("id")
                + Pickle.code("o."),
        ]
        for (index, way) in ways.enumerated() {
            let object = try read(way)
            let node = try #require(object.root.index(of: .node), "way \(index)")
            #expect(object.nodes.kind(node) == .object)
            #expect(object.nodes.elementCount(node) == 0)
            #expect(object.typeName(object.root) == full)
        }
        // Attributes, elements and pairs change nothing of that.
        let filled =
            Pickle.start + Pickle.global(module, name) + Pickle.code(")R}bNa(NNeK\u{1}Ns.")
        #expect(try read(filled).nodes.count == 3)
    }

    @Test func otherOperationsAreRefused() {
        for code in [UInt8(ascii: "P"), 0x82, 0x83, 0x84, 0x97, 0x98, 0xff, 0] {
            #expect(problem(Pickle.start + [code]) == .unsupportedOpcode(code, offset: 2))
        }
    }

    /// What protocols 0 and 1 write as lines of text.
    @Test func linesAreRead() throws {
        let pickle = Pickle.code(
            "(I12\nI01\nL-7L\nF0.5\nS'a\\'b'\nV\\u00e9\np0\ng0\nL99999999999999999999L\nt.")
        let object = try read(pickle)
        #expect(
            text(object.root, in: object)
                == "tuple[12, true, -7, 0.5, 'a'b', 'é', 'é', long(21)]")
        let dictionary = try read(Pickle.code("(S'k'\n(I1\nld."))
        #expect(text(dictionary.root, in: dictionary) == "dictionary['k', list[1]]")
        for broken in ["Ix\n.", "L\n.", "Fx\n.", "S'a\n.", "Sa\n.", "S'\n.", "gx\n.", "I1"] {
            #expect(problem(Pickle.code(broken)) != nil, "\(broken)")
        }
    }

    @Test func onlyKnownNamesAreCalled() {
        func isMalformed(_ body: [UInt8]) -> Bool {
            if case .malformed? = problem(Pickle.start + body + Pickle.stop) { true } else { false }
        }
        let empty = Pickle.code(")")
        #expect(isMalformed(Pickle.text("eval") + empty + Pickle.code("R")))
        #expect(isMalformed(Pickle.global("torch", "FloatStorage") + empty + Pickle.code("R")))
        #expect(isMalformed(Pickle.global("torch", "float32") + empty + Pickle.code("R")))
        #expect(isMalformed(Pickle.global("torch", "Size") + Pickle.code("NR")))
        #expect(
            isMalformed(
                Pickle.global("torch._utils", "_rebuild_tensor_v2") + empty + Pickle.code("R")))
        #expect(isMalformed(Pickle.text("storage") + Pickle.code("Q")))
        #expect(isMalformed(Pickle.tuple([Pickle.text("module")]) + Pickle.code("Q")))
    }

    @Test func containersThatContainThemselvesAreRead() throws {
        let list = try read(Pickle.start + Pickle.code("]q\0h\0a."))
        #expect(Array(list.nodes.elements(list.root.index)) == [list.root])
        let dictionary = try read(
            Pickle.start + Pickle.code("}q\0") + Pickle.text("k") + Pickle.code("h\0s."))
        #expect(dictionary.member("k", of: dictionary.root) == dictionary.root)
    }

    @Test func deepNestingIsReadWithoutRecursion() throws {
        let count = 100_000
        let lists = [UInt8](repeating: UInt8(ascii: "]"), count: count)
        let appends = [UInt8](repeating: UInt8(ascii: "a"), count: count - 1)
        #expect(try read(Pickle.start + lists + appends + Pickle.stop).nodes.count == count)
        let tuples = [UInt8](repeating: 0x85, count: count)
        let nested = try read(Pickle.start + Pickle.code("N") + tuples + Pickle.stop)
        #expect(nested.nodes.count == count)
    }

    /// Lists that grow in turns are chains of runs.
    @Test func listsMayGrowInTurns() throws {
        var pickle = Pickle.start + Pickle.code("]q\0]q\u{1}")
        for number in 0..<5 {
            let value = [UInt8(ascii: "K"), UInt8(number)]
            pickle += Pickle.code("h\0") + value + Pickle.code("a0h\u{1}") + value + value
            pickle += Pickle.code("0a0")
        }
        let object = try read(pickle + [0x86] + Pickle.stop)
        #expect(
            text(object.root, in: object)
                == "tuple[list[0, 1, 2, 3, 4], list[0, 1, 2, 3, 4]]")
        let first = try #require(object.sequence(object.root)?.first { _ in true })
        #expect(object.nodes.elementCount(first.index) == 5)
    }

    /// Writers number their memo upwards; any number is taken.
    @Test func memoNumbersMayBeFarApart() throws {
        let far: [UInt8] = [0xff, 0xff, 0xff, 0xff]
        let object = try read(
            Pickle.start + Pickle.code("(K\u{1}r") + far + Pickle.code("K\u{2}q\u{9}K\u{3}")
                + [0x94] + Pickle.code("j") + far + Pickle.code("h\u{9}h\u{2}t."))
        #expect(text(object.root, in: object) == "tuple[1, 2, 3, 1, 2, 3]")
        var memo = PickleMemo()
        for index in [5000, 3, 400, 5000] { memo[index] = .bool(true) }
        #expect(memo.count == 3)
        for index in 0..<6000 where index != 5000 { memo[index] = PickleValue(small: index) }
        #expect(memo[5000] == .bool(true))
        #expect(memo[4999]?.smallNumber == 4999)
        #expect(memo[7000] == nil)
    }

    @Test func theStackIsBounded() {
        let limit = RestrictedUnpickler.maximumStack
        let values = [UInt8](repeating: UInt8(ascii: "("), count: limit + 1)
        #expect(
            problem(Pickle.start + values + Pickle.stop)
                == .limitExceeded(what: "the pickle's stack", limit: limit, found: limit + 1))
    }

    @Test(arguments: [
        ".", "0.", "1.", "a.", "]a.", "e.", "(e.", "N(e.", "s.", "}Ns.", "}NNNNu.", "}(Nu.", "t.",
        "R.",
        "NR.", "b.", "Nb.", "Q.", "NQ.", "h\u{5}.", "q\0.", "(q\0.", "2.", "NN.", "(N.", "N(.",
        "N(a.",
        "\u{1}",
    ])
    func brokenProgramsAreRefused(code: String) {
        #expect(problem(Pickle.start + Pickle.code(code)) != nil)
    }

    @Test func numbersAndTextAreChecked() {
        func isTruncated(_ body: [UInt8]) -> Bool {
            if case .truncated? = problem(Pickle.start + body) { true } else { false }
        }
        #expect(isTruncated([UInt8(ascii: "X"), 0xff, 0xff, 0xff, 0xff]))
        #expect(isTruncated([UInt8(ascii: "T"), 0xff, 0xff, 0xff, 0xff]))
        #expect(isTruncated([0x8b, 0xff, 0xff, 0xff, 0xff]))
        #expect(isTruncated([0x8a, 200, 1]))
        #expect(isTruncated([0x8d, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f]))
        #expect(isTruncated(Pickle.code("ctorch")))
        #expect(
            problem(Pickle.start + [0x8e] + [UInt8](repeating: 0xff, count: 8))
                == .limitExceeded(what: "a size in pickle", limit: .max, found: .max))
        #expect(
            problem([0x80, 6, UInt8(ascii: "N"), UInt8(ascii: ".")])
                == .unsupportedFeature("pickle protocol 6"))
    }
}
