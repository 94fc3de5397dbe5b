import Protean
import Testing

@testable import KernelbenchSupport

@Suite("Case grammar")
struct CaseParserTests {
    /// A grammar over a kernel that takes every key, so that tests do not depend on real ones.
    enum Anything: BenchmarkKernel {
        static let name = "anything"
        static let requiredKeys: Set<CaseKey> = []
        static let optionalKeys = Set(CaseKey.allCases)
        static func prepare(_ benchmark: BenchmarkCase) throws(CaseError) -> PreparedCase {
            _ = try benchmark.outputSize(try benchmark.windows())
            return PreparedCase(flops: 0, bytes: 0) { { 0 } }
        }
    }

    let registry = KernelRegistry([Anything.self, CopyBenchmark.self])
    var parser: CaseParser { CaseParser(registry: registry) }

    @Test func readsEveryKindOfValue() throws {
        let line = "a.b-c  anything\th=5 w=9 c=3 sigma=1.5 density=0.25 pattern=disc mask=1 # note"
        let one = try #require(try parser.parse(line: line, place: "f:1"))
        #expect(one.name == "a.b-c")
        #expect(one.kernel == "anything")
        #expect(
            one.values == [
                .h: .integer(5), .w: .integer(9), .c: .integer(3), .sigma: .real(1.5),
                .density: .real(0.25), .pattern: .word("disc"), .mask: .integer(1),
            ])
        #expect(one.line == "a.b-c anything h=5 w=9 c=3 sigma=1.5 mask=1 density=0.25 pattern=disc")
        #expect(try parser.parse(line: one.line, place: "f:1") == one)
    }

    @Test(arguments: ["", "   ", "# only a comment", "\t# x=1"])
    func blankLinesMeanNothing(line: String) throws {
        #expect(try parser.parse(line: line, place: "f:1") == nil)
    }

    @Test func countsLinesOfEveryEnding() throws {
        let text = "# one\r\n\r\na copy h=1 w=1 c=1\r\nb copy h=1 w=1 c=x\n"
        let failure = try #require(throws: CaseError.self) {
            try parser.parse(text: text, file: "shapes.txt")
        }
        #expect(failure.place == "shapes.txt:4")
        #expect(
            failure.description == """
                shapes.txt:4: case 'b': key 'c': expected a whole number from 1 to 16777216, found 'x'
                """)
    }

    @Test(
        arguments: [
            ("lonely", nil, "'lonely'"),
            ("h=1 copy", nil, "'h=1 copy'"),
            ("a h=1", nil, "'a h=1'"),
            ("a nothing h=1", "KERNEL", "'nothing'"),
            ("a copy h", nil, "'h'"),
            ("a copy h=", "h", "''"),
            ("a copy h=0", "h", "'0'"),
            ("a copy h=-3", "h", "'-3'"),
            ("a copy h=2.5", "h", "'2.5'"),
            ("a copy h=1=2", "h", "'1=2'"),
            ("a copy h=99999999999999999999", "h", "'99999999999999999999'"),
            ("a copy h=1 h=2", "h", "a second: '2'"),
            ("a copy colour=red", "colour", "'colour=red'"),
            ("a copy stride=2", "stride", "'stride=2'"),
            ("a copy =2", "", "'=2'"),
            ("a anything r=3 rh=1", "rh", "also 'r'"),
            ("a anything rw=3 r=1", "r", "also 'rw'"),
            ("a anything mask=2", "mask", "'2'"),
            ("a anything pad=-1", "pad", "'-1'"),
            ("a anything density=1.5", "density", "'1.5'"),
            ("a anything density=nan", "density", "'nan'"),
            ("a anything sigma=inf", "sigma", "'inf'"),
            ("a anything pattern=", "pattern", "nothing"),
        ] as [(String, String?, String)])
    func refuses(line: String, key: String?, found: String) throws {
        let failure = try #require(throws: CaseError.self) {
            try parser.parse(line: line, place: "f:7")
        }
        #expect(failure.place == "f:7")
        #expect(failure.key == key)
        #expect(failure.found == found)
    }

    @Test func refusesTwoCasesOfOneName() throws {
        let cases = try parser.parse(
            text: "a copy h=1 w=1 c=1\nb copy h=1 w=1 c=1\na copy h=2 w=1 c=1", file: "f")
        let failure = try #require(throws: CaseError.self) { try CaseParser.checkUnique(cases) }
        #expect(failure.place == "f:3")
        #expect(failure.found == "the name of f:1")
    }

    @Test func requiredKeysAreAskedFor() throws {
        let one = try #require(try parser.parse(line: "a copy h=1 w=1", place: "f:1"))
        let failure = try #require(throws: CaseError.self) { _ = try registry.prepare(one) }
        #expect(failure.key == "c")
    }

    @Test func hugeTensorsAreRefused() throws {
        let line = "a copy n=16777216 h=16777216 w=16777216 c=16777216"
        let one = try #require(try parser.parse(line: line, place: "f:1"))
        #expect(throws: CaseError.self) { _ = try registry.prepare(one) }
    }

    @Test(arguments: [
        ("r=3", 5, 9), ("r=3 stride=2", 3, 5), ("r=3 pad=0", 3, 7), ("r=3 dilation=2", 5, 9),
        ("rh=1 rw=5", 5, 9), ("r=5 pad=0", 1, 5), ("r=2", 4, 8), ("r=1 stride=3 pad=1", 3, 4),
    ])
    func outputSizes(options: String, height: Int, width: Int) throws {
        let line = "a anything h=5 w=9 \(options)"
        let one = try #require(try parser.parse(line: line, place: "f:1"))
        let size = try one.outputSize(try one.windows())
        #expect(size == (height, width))
    }

    @Test(arguments: ["r=6 pad=0", "r=4 pad=0 dilation=2", "rh=7 rw=1 pad=0"])
    func impossibleWindowsAreRefused(options: String) throws {
        let line = "a anything h=5 w=9 \(options)"
        let one = try #require(try parser.parse(line: line, place: "f:3"))
        let failure = try #require(throws: CaseError.self) { _ = try registry.prepare(one) }
        #expect(failure.key == "r")
        #expect(failure.place == "f:3")
    }
}
