/// JSON values as text, within the rules and outside of them.
enum JSONText {
    /// A text between quotes, with the escapes that JSON demands and some that it allows.
    static func quoted(_ text: String, _ random: inout FuzzRandom) -> String {
        var result = "\""
        let escapesAll = random.oneIn(8)
        for unit in text.unicodeScalars {
            if escapesAll || unit.value < 0x20 || unit == "\"" || unit == "\\" {
                for half in String(unit).utf16 { result += escape(half) }
            } else {
                result.unicodeScalars.append(unit)
            }
        }
        return result + "\""
    }

    private static func escape(_ unit: UInt16) -> String {
        let digits = String(unit, radix: 16)
        return "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
    }

    /// A value, nested at most `depth` deep.
    static func value(_ random: inout FuzzRandom, depth: Int) -> String {
        switch random.below(depth > 0 ? 9 : 6) {
        case 0: return random.pick(["null", "true", "false"])
        case 1, 2: return number(&random)
        case 3...5: return quoted(HostileText.name(&random), &random)
        case 6, 7:
            let values = (0..<random.below(5)).map { _ in value(&random, depth: depth - 1) }
            return "[" + values.joined(separator: ", ") + "]"
        default:
            let members = (0..<random.below(5)).map { index in
                quoted(HostileText.name(&random) + "\(index)", &random) + ": "
                    + value(&random, depth: depth - 1)
            }
            return "{" + members.joined(separator: ",") + "}"
        }
    }

    static func number(_ random: inout FuzzRandom) -> String {
        random.pick([
            "0", "-0", "1", "-1", "0.5", "1e3", "1e-400", "1e308", "123456789",
            "9223372036854775807", "-9223372036854775808", "18446744073709551615", "1E+2",
            "9007199254740993", "0.1000000000000000055511151231257827",
        ])
    }

    /// What the grammar does not allow, or what is allowed and larger than anybody needs.
    static func hostile(_ random: inout FuzzRandom, budget: Int) -> (text: [UInt8], label: String) {
        let kinds: [(String, (inout FuzzRandom, Int) -> [UInt8])] = [
            ("nested arrays", nestedArrays), ("nested objects", nestedObjects),
            ("many values", manyValues), ("many members", manyMembers),
            ("long number", longNumber), ("long text", longText), ("equal names", equalNames),
            ("white space", whiteSpace), ("not JSON", notJSON), ("combining names", combiningNames),
            ("many objects", manyObjects),
        ]
        let (label, make) = random.pick(kinds)
        return (make(&random, budget), label)
    }

    private static func nestedArrays(_ random: inout FuzzRandom, _ budget: Int) -> [UInt8] {
        let depth = random.oneIn(3) ? random.within(60...70) : budget / 2
        let open = [UInt8](repeating: UInt8(ascii: "["), count: depth)
        let close = [UInt8](repeating: UInt8(ascii: "]"), count: random.oneIn(4) ? 0 : depth)
        return open + close
    }

    private static func nestedObjects(_ random: inout FuzzRandom, _ budget: Int) -> [UInt8] {
        let depth = random.oneIn(3) ? random.within(60...70) : budget / 6
        return [UInt8](repeating: Array(text: "{\"a\":"), upTo: 5 * depth) + Array(text: "0")
            + [UInt8](repeating: UInt8(ascii: "}"), count: depth)
    }

    private static func manyValues(_ random: inout FuzzRandom, _ budget: Int) -> [UInt8] {
        let unit = random.pick(["0,", "[],", "{},", "\"\",", "null,", "1e9,", "[[]],"])
        return Array(text: "[") + [UInt8](repeating: Array(text: unit), upTo: budget - 4)
            + Array(text: "0]")
    }

    private static func manyObjects(_ random: inout FuzzRandom, _ budget: Int) -> [UInt8] {
        let unit = random.pick(["{\"a\":{}},", "{\"\":0},", "{\"a\":[{\"b\":[]}]},"])
        return Array(text: "[") + [UInt8](repeating: Array(text: unit), upTo: budget - 4)
            + Array(text: "{}]")
    }

    private static func manyMembers(_ random: inout FuzzRandom, _ budget: Int) -> [UInt8] {
        var text = Array(text: "{")
        var index = random.below(1 << 30)
        while text.count < budget - 20 {
            text.append(text: "\"\(String(index, radix: 36))\":0,")
            index += 1
        }
        return text + Array(text: random.oneIn(4) ? "}" : "\"\":0}")
    }

    private static func longNumber(_ random: inout FuzzRandom, _ budget: Int) -> [UInt8] {
        let digits = [UInt8](
            repeating: UInt8(ascii: random.oneIn(2) ? "1" : "0"), count: max(1, budget - 12))
        let (head, tail) = random.pick([
            ("1", ""), ("0.", ""), ("1e", ""), ("-1", "e-9"), ("", ""), ("0.", "e9999"),
        ])
        return Array(text: "{\"a\":" + head) + digits + Array(text: tail + "}")
    }

    private static func longText(_ random: inout FuzzRandom, _ budget: Int) -> [UInt8] {
        let text = HostileText.long(&random, length: budget / (random.oneIn(2) ? 7 : 2))
        let quoted = quoted(text, &random)
        return Array(text: random.oneIn(2) ? "{\(quoted):0}" : "{\"a\":\(quoted)}")
    }

    private static func equalNames(_ random: inout FuzzRandom, _ budget: Int) -> [UInt8] {
        let pairs = [
            ("\u{e9}", "e\u{301}"), ("\u{212b}", "a\u{30a}"), ("a", "a"), ("a", "\\u0061"),
        ]
        let (first, second) = random.pick(pairs)
        return Array(text: "{\"\(first)\":0,\"\(second)\":1}")
    }

    private static func combiningNames(_ random: inout FuzzRandom, _ budget: Int) -> [UInt8] {
        let stem = HostileText.long(&random, length: random.size(upTo: max(budget / 8, 1)))
        var text = Array(text: "{")
        var index = 0
        while text.count + stem.utf8.count < budget - 20 {
            text.append(text: quoted(stem + "\(index)", &random) + ":0,")
            index += 1
        }
        return text + Array(text: "\"\":0}")
    }

    private static func whiteSpace(_ random: inout FuzzRandom, _ budget: Int) -> [UInt8] {
        let space = [UInt8](repeating: random.pick([0x20, 0x0a, 0x09, 0x0d]), count: budget / 2)
        return Array(text: "{\"a\":") + space + Array(text: "0}") + space
    }

    private static func notJSON(_ random: inout FuzzRandom, _ budget: Int) -> [UInt8] {
        let texts: [[UInt8]] = [
            Array(text: "{\"a\":0,}"), Array(text: "{'a':0}"), Array(text: "{\"a\":NaN}"),
            Array(text: "{\"a\":01}"), Array(text: "\u{feff}{}"), Array(text: "{}{}"),
            [0x7b, 0x22, 0xff, 0x22, 0x3a, 0x30, 0x7d], Array(text: "{\"\\ud800\":0}"),
            Array(text: "{\"a\":\"\\x\"}"), Array(text: "{\"a"), Array(text: "{\"a\":\"\u{0}\"}"),
            [0x7b, 0x22, 0xed, 0xa0, 0x80, 0x22, 0x3a, 0x30, 0x7d], Array(text: "// c\n{}"),
        ]
        return random.pick(texts)
    }
}
