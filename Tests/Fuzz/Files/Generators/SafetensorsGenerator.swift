/// safetensors files.
enum SafetensorsGenerator: FileGenerator {
    private static let types = [
        ("F32", 4), ("F16", 2), ("BF16", 2), ("F64", 8), ("I64", 8), ("U8", 1), ("BOOL", 1),
    ]

    static func valid(_ random: inout FuzzRandom) -> FileSample {
        var names: [String] = []
        var members: [String] = []
        var end = 0
        for index in 0..<random.within(1...6) {
            let name = HostileText.plain(&random) + "#\(index)"
            let (type, size) = random.pick(types)
            let shape = (0..<random.below(5)).map { _ in random.within(1...4) }
            let begin = end
            end += shape.reduce(size, *)
            names.append(name)
            members.append(
                JSONText.quoted(name, &random) + ":"
                    + entry(type: type, shape: "\(shape)", begin: begin, end: end))
        }
        if random.oneIn(3) { members.append("\"__metadata__\":{\"format\":\"pt\"}") }
        let header = "{" + members.joined(separator: ",") + "}"
        let data = (0..<end).map { _ in UInt8(random.below(2)) }
        return FileSample(
            bytes: file(header: Array(text: header), data: data), expectation: .tensors(names),
            label: "valid")
    }

    private static func entry(type: String, shape: String, begin: Int, end: Int) -> String {
        "{\"dtype\":\"\(type)\",\"shape\":\(shape),\"data_offsets\":[\(begin),\(end)]}"
    }

    private static func file(header: [UInt8], data: [UInt8]) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.append(little: UInt64(header.count))
        return bytes + header + data
    }

    /// A valid file whose header is damaged while its length still fits.
    static func altered(_ random: inout FuzzRandom, budget: Int) -> [UInt8] {
        let bytes = valid(&random).bytes
        let length = bytes[..<8].enumerated().reduce(0) { $0 | Int($1.element) << (8 * $1.offset) }
        let header = Array(bytes[8..<(8 + length)])
        let damaged = ByteMutator.mutated(header, &random, limit: budget)
        return file(header: damaged, data: Array(bytes[(8 + length)...]))
    }

    static func hostile(_ random: inout FuzzRandom, budget: Int) -> FileSample {
        let kinds: [(String, (inout FuzzRandom, Int) -> [UInt8])] = [
            ("many tensors", manyTensors), ("one name", oneName), ("many long names", longNames),
            ("shapes", shapes), ("long shapes", longShapes), ("overlap", overlap),
            ("metadata", metadata), ("header length", headerLength), ("members", members),
            ("canonical names", canonicalNames),
        ]
        if random.oneIn(3) {
            let (text, label) = JSONText.hostile(&random, budget: budget - 32)
            let wraps = random.oneIn(2)
            let header = wraps ? Array(text: "{\"a\":") + text + Array(text: "}") : text
            return FileSample(bytes: file(header: header, data: []), label: "header: \(label)")
        }
        let (label, make) = random.pick(kinds)
        return FileSample(bytes: make(&random, budget), label: label)
    }

    private static func manyTensors(_ random: inout FuzzRandom, _ budget: Int) -> [UInt8] {
        var header = Array(text: "{")
        var index = 0
        let isEmpty = random.oneIn(2)
        while header.count < budget - 120 - index {
            let name = random.oneIn(50) ? HostileText.name(&random) : ""
            let places = isEmpty ? (0, 0) : (index, index + 1)
            header.append(
                text: JSONText.quoted(name + "\(index)", &random) + ":"
                    + entry(
                        type: "U8", shape: isEmpty ? "[0]" : "[]", begin: places.0, end: places.1)
                    + ",")
            index += 1
        }
        header[header.count - 1] = UInt8(ascii: "}")
        return file(header: header, data: [UInt8](repeating: 1, count: isEmpty ? 0 : index))
    }

    private static func oneName(_ random: inout FuzzRandom, _ budget: Int) -> [UInt8] {
        let name = HostileText.long(&random, length: budget / random.pick([2, 7]))
        let header =
            "{\(JSONText.quoted(name, &random)):"
            + entry(type: "U8", shape: "[1]", begin: 0, end: random.pick([0, 1, 1])) + "}"
        return file(header: Array(text: header), data: [1])
    }

    private static func longNames(_ random: inout FuzzRandom, _ budget: Int) -> [UInt8] {
        let stem = HostileText.long(&random, length: random.size(upTo: max(budget / 16, 1)))
        var header = Array(text: "{")
        var index = 0
        while header.count < budget - 8 * stem.utf8.count - 200 {
            header.append(
                text: JSONText.quoted(stem + "\(index)", &random) + ":"
                    + entry(type: "U8", shape: "[0]", begin: 0, end: 0) + ",")
            index += 1
        }
        header[header.count - 1] = UInt8(ascii: index == 0 ? "{" : "}")
        return file(header: header, data: [])
    }

    private static func shapes(_ random: inout FuzzRandom, _ budget: Int) -> [UInt8] {
        let shape = random.pick([
            "[9223372036854775807]", "[4294967296,4294967296]", "[0,9223372036854775807,4]",
            "[-1]", "[1.0]", "[1e3]", "[\"1\"]", "[[1]]", "null", "{}", "[9223372036854775808]",
            "[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1]", "[67108864]",
        ])
        let end = random.pick(["1", "9223372036854775807", "-1", "0", "1.0", "67108864", "\"1\""])
        let type = random.pick([
            "F32", "F8_E4M3", "F8_E5M2", "C64", "f32", "", "F4", "U16", "\\u0000",
        ])
        let header =
            "{\"a\":{\"dtype\":\"\(type)\",\"shape\":\(shape),\"data_offsets\":[0,\(end)]}}"
        return file(header: Array(text: header), data: [0, 0, 0, 0])
    }

    private static func longShapes(_ random: inout FuzzRandom, _ budget: Int) -> [UInt8] {
        let unit = random.pick(["1,", "0,", "9223372036854775807,", "2,"])
        let count = random.size(upTo: max(budget - 120, 1))
        let sizes = [UInt8](repeating: Array(text: unit), upTo: count)
        let header =
            Array(text: "{\"a\":{\"dtype\":\"F32\",\"shape\":[") + sizes
            + Array(text: "1],\"data_offsets\":[0,4]}}")
        return file(header: header, data: [0, 0, 0, 0])
    }

    private static func overlap(_ random: inout FuzzRandom, _ budget: Int) -> [UInt8] {
        var header = Array(text: "{")
        var index = 0
        while header.count < budget / 2 - 120 {
            let end = random.pick([16, 16, 8, 12])
            header.append(
                text: "\"\(index)\":"
                    + entry(type: "U8", shape: "[\(end)]", begin: 0, end: end) + ",")
            index += 1
        }
        header[header.count - 1] = UInt8(ascii: "}")
        return file(header: header, data: [UInt8](repeating: 0, count: 16))
    }

    private static func metadata(_ random: inout FuzzRandom, _ budget: Int) -> [UInt8] {
        let (text, _) = JSONText.hostile(&random, budget: budget - 120)
        let tensor = entry(type: "U8", shape: "[1]", begin: 0, end: 1)
        return file(
            header: Array(text: "{\"__metadata__\":") + text + Array(text: ",\"a\":\(tensor)}"),
            data: [1])
    }

    private static func headerLength(_ random: inout FuzzRandom, _ budget: Int) -> [UInt8] {
        var bytes = valid(&random).bytes
        let lengths: [UInt64] = [
            0, 1, 2, UInt64(bytes.count), UInt64(bytes.count - 8), UInt64(bytes.count - 9),
            100_000_000, 100_000_001, .max, .max / 2, .max / 2 + 1, 1 << 32,
        ]
        var head: [UInt8] = []
        head.append(little: random.pick(lengths))
        bytes.replaceSubrange(0..<8, with: head)
        return bytes
    }

    private static func members(_ random: inout FuzzRandom, _ budget: Int) -> [UInt8] {
        let value = JSONText.value(&random, depth: 6)
        let member = random.pick([
            "\"shape\":[1],\"shape\":[1]", "\"dtype\":\(value)", "\"shape\":\(value)",
            "\"data_offsets\":\(value)", "\"x\":\(value)", "\"\\u0064type\":\"U8\"",
        ])
        let header = "{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\(member),\"data_offsets\":[0,1]}}"
        return file(header: Array(text: header), data: [1])
    }

    private static func canonicalNames(_ random: inout FuzzRandom, _ budget: Int) -> [UInt8] {
        let names = random.pick([
            ["\u{e9}", "e\u{301}"], ["\u{212b}", "\u{c5}", "A\u{30a}"],
            ["\u{ac00}", "\u{1100}\u{1161}"],
        ])
        let members = names.enumerated().map { index, name in
            "\"\(name)\":" + entry(type: "U8", shape: "[1]", begin: index, end: index + 1)
        }
        return file(
            header: Array(text: "{" + members.joined(separator: ",") + "}"),
            data: [UInt8](repeating: 1, count: names.count))
    }
}
