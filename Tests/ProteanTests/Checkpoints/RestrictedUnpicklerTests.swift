import Testing

@testable import Protean

@Suite struct RestrictedUnpicklerTests {
    private func read(_ pickle: [UInt8]) throws -> PickledObject {
        let outcome = pickle.withUnsafeBytes { bytes in
            Result { () throws(WeightFileProblem) in try RestrictedUnpickler.read(bytes) }
        }
        return try outcome.get()
    }

    private func problem(_ pickle: [UInt8]) -> WeightFileProblem? {
        do {
            _ = try read(pickle)
            return nil
        } catch { return error as? WeightFileProblem }
    }

    /// A value as text, with the same notation for all containers.
    private func text(_ value: PickleValue, in object: PickledObject) -> String {
        switch value {
        case .none: return "None"
        case .bool(let flag): return "\(flag)"
        case .integer(let number): return "\(number)"
        case .long(let bytes): return "long(\(bytes.count))"
        case .number(let number): return "\(number)"
        case .string(let text): return "'\(text.count > 9 ? "\(text.count)" : text)'"
        case .node(let index):
            let node = object.nodes[index]
            let elements = node.elements.map { text($0, in: object) }
            return "\(node.kind)[\(elements.joined(separator: ", "))]"
        case .opaque: return "opaque"
        default: return "?"
        }
    }

    @Test(arguments: 2...5)
    func whatPythonWrites(protocolVersion: Int) throws {
        let object = try read(WeightFiles.golden("plain.protocol\(protocolVersion).pkl"))
        let members = Dictionary(
            uniqueKeysWithValues: try #require(object.members(of: object.root)))
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
            let bytes = Array(repeating: "opaque", count: protocolVersion - 1)
            #expect(try member("bytes") == "list[\(bytes.joined(separator: ", "))]")
        }
    }

    @Test(arguments: [
        ("posix", "system"), ("os", "system"), ("__builtin__", "eval"), ("builtins", "eval"),
        ("builtins", "getattr"), ("torch", "load"), ("torch", "Tensor"),
        ("torch._utils", "_rebuild"),
        ("torch.storage", "_load_from_bytes"), ("collections", "defaultdict"), ("numpy", "ndarray"),
        ("torch.nn.modules.conv", "Conv2d"), ("torch.jit", "FloatStorage"), ("", ""),
        ("torch.cuda", "float32"),
    ])
    func codeIsRefusedHoweverItIsNamed(module: String, name: String) {
        let expected = WeightFileProblem.forbiddenGlobal("\(module).\(name)")
        let call = Pickle.tuple([Pickle.text("echo hacked")]) + Pickle.code("R.")
        #expect(problem(Pickle.start + Pickle.global(module, name) + call) == expected)
        let stacked = Pickle.text(module) + Pickle.text(name) + [0x93]
        #expect(problem([0x80, 4] + stacked + call) == expected)
        // Named and never called, or thrown away again.
        #expect(
            problem(Pickle.start + Pickle.global(module, name) + Pickle.code("0N.")) == expected)
    }

    @Test func otherWaysToRunCodeAreUnknownOperations() {
        let instance = Pickle.code("(") + Pickle.text("id") + Pickle.code("iposix\nsystem\n.")
        #expect(
            problem(Pickle.start + instance)
                == .unsupportedOpcode(UInt8(ascii: "i"), offset: 10))
        for code in [UInt8(ascii: "o"), UInt8(ascii: "P"), 0x82, 0x83, 0x84, 0x92, 0xff, 0] {
            #expect(problem(Pickle.start + [code]) == .unsupportedOpcode(code, offset: 2))
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
        #expect(
            isMalformed(
                Pickle.global("torch._utils", "_rebuild_parameter") + empty + Pickle.code("R")))
        #expect(isMalformed(Pickle.global("torch", "Size") + Pickle.code("}b")))
        #expect(isMalformed(Pickle.text("storage") + Pickle.code("Q")))
        #expect(isMalformed(Pickle.tuple([Pickle.text("module")]) + Pickle.code("Q")))
    }

    @Test func containersThatContainThemselvesAreRefused() {
        let limit = RestrictedUnpickler.maximumNesting
        let selfish = Pickle.start + Pickle.code("]q\0h\0a.")
        #expect(problem(selfish) == .nesting(limit: limit))
        let dictionary =
            Pickle.start + Pickle.code("}q\0") + Pickle.text("k") + Pickle.code("h\0s.")
        #expect(problem(dictionary) == .nesting(limit: limit))
        // a holds b, b holds a, and neither is part of the result.
        let pair = Pickle.start + Pickle.code("]q\0]q\u{1}h\0ah\0h\u{1}a000N.")
        #expect(problem(pair) == .nesting(limit: limit))
    }

    @Test func deepNestingIsRefusedWithoutRecursion() {
        let limit = RestrictedUnpickler.maximumNesting
        let count = 100_000
        let lists = [UInt8](repeating: UInt8(ascii: "]"), count: count)
        let appends = [UInt8](repeating: UInt8(ascii: "a"), count: count - 1)
        #expect(problem(Pickle.start + lists + appends + Pickle.stop) == .nesting(limit: limit))
        let tuples = [UInt8](repeating: 0x85, count: count)
        #expect(
            problem(Pickle.start + Pickle.code("N") + tuples + Pickle.stop)
                == .nesting(limit: limit))
        let few = [UInt8](repeating: 0x85, count: limit)
        #expect(problem(Pickle.start + Pickle.code("N") + few + Pickle.stop) == nil)
        #expect(
            problem(Pickle.start + Pickle.code("N") + few + [0x85] + Pickle.stop)
                == .nesting(limit: limit))
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
            problem(Pickle.start + [0x8c, 1, 0xff])
                == .malformed(what: "pickle", reason: "text at byte 4 is not UTF-8"))
        #expect(
            problem([0x80, 6, UInt8(ascii: "N"), UInt8(ascii: ".")])
                == .unsupportedFeature("pickle protocol 6"))
    }
}
