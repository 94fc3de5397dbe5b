import Testing

@testable import Protean

@Suite struct JSONParserTests {
    private func parse(_ text: String) throws -> JSONValue { try parse(Array(text.utf8)) }

    private func parse(_ text: [UInt8]) throws -> JSONValue {
        let outcome = text.withUnsafeBytes { bytes in
            Result { () throws(WeightFileProblem) in try JSONParser.parse(bytes) }
        }
        return try outcome.get()
    }

    @Test(
        arguments: [
            ("null", .null), (" true ", .bool(true)), ("false\n", .bool(false)), ("0", .integer(0)),
            ("-0", .integer(0)), ("-12", .integer(-12)), ("9223372036854775807", .integer(.max)),
            ("9223372036854775808", .number(0x1p63)), ("1.5", .number(1.5)), ("1e3", .number(1000)),
            ("-2.5E-1", .number(-0.25)), ("\"\"", .string("")), ("\"é\"", .string("é")),
            (#""\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00""#, .string("\"\\/\u{8}\u{c}\n\r\té😀")),
            ("[]", .array([])), ("[1,[2]]", .array([.integer(1), .array([.integer(2)])])),
            ("{}", .object([])),
            (
                "{\"b\":1, \"a\" : null}",
                .object([.init(name: "b", value: .integer(1)), .init(name: "a", value: .null)])
            ),
        ] as [(String, JSONValue)])
    func validText(text: String, value: JSONValue) throws {
        #expect(try parse(text) == value)
    }

    @Test(arguments: [
        "", " ", "nul", "nulll", "tru", "01", "-", "1.", ".5", "1e", "1e+", "+1", "1e999", "NaN",
        "Infinity", "\"", "\"\\\"", "\"\\x\"", "\"\\u12\"", "\"\\u12g4\"", "\"\\ud800\"",
        "\"\\udc00\"",
        "\"\\ud800\\u0041\"", "\"\n\"", "[", "[1", "[1,]", "[,1]", "[1 2]", "{", "{1:2}", "{\"a\"}",
        "{\"a\":}", "{\"a\":1,}", "{a:1}", "{\"a\":1 \"b\":2}", "1 2", "[]]", "// c\n1", "'a'",
        "\"\\u00e9", "\u{feff}1",
    ])
    func invalidText(text: String) {
        #expect(throws: WeightFileProblem.self) { try parse(text) }
    }

    @Test func invalidUTF8IsRefused() {
        #expect(throws: WeightFileProblem.self) { try parse([0x22, 0xff, 0x22]) }
        #expect(throws: WeightFileProblem.self) { try parse([0x22, 0xc0, 0x80, 0x22]) }
        #expect(throws: WeightFileProblem.self) {
            try parse([0x22, 0x5c, 0x6e, 0xed, 0xa0, 0x80, 0x22])
        }
    }

    @Test func repeatedNamesAreRefused() {
        #expect(throws: WeightFileProblem.duplicateName("a")) {
            try parse(#"{"a":1,"b":2,"\u0061":3}"#)
        }
    }

    @Test func nestingIsBounded() throws {
        let limit = JSONParser.maximumDepth
        func nested(_ depth: Int) -> String {
            String(repeating: "[", count: depth) + String(repeating: "]", count: depth)
        }
        _ = try parse(nested(limit + 1))
        #expect(throws: WeightFileProblem.nesting(limit: limit)) { try parse(nested(limit + 2)) }
        #expect(throws: WeightFileProblem.nesting(limit: limit)) { try parse(nested(100_000)) }
    }

    @Test func quotingIsUndoneByParsing() throws {
        let text = "\u{0}\u{1f}\"\\/é😀\n"
        #expect(try parse(JSONValue.quoted(text)) == .string(text))
    }
}
