/// Pickles that ask for much with few operations: each shares one thing many times.
enum PickleAmplifier {
    private typealias Maker = (inout PickleWriter, inout FuzzRandom, Int) -> Void

    private static var makers: [(String, Maker)] {
        [
            ("long prefixes", longPrefixes), ("diamonds", diamonds), ("shared shape", sharedShape),
            ("shared list", sharedList), ("shared storage", sharedStorage),
            ("keys that are no text", otherKeys), ("copied dictionaries", copies),
            ("nested tuples", nestedTuples), ("marks", marks), ("memo", memo),
            ("many tensors", manyTensors), ("shared key", sharedKey),
            ("combining names", combining),
            ("state", state), ("repeated elements", repeatedElements), ("shared set", sharedSet),
            ("tuples of tuples", tupleDiamonds), ("Python 2 text", pythonTwoText),
            ("containers", containers), ("duplicated value", duplicated), ("prefixes", prefixes),
        ]
    }

    /// The kinds by name, for tests.
    static var labels: [String] { makers.map(\.0) }

    /// A pickle of a kind chosen by `random`, with two storages of 16 floats.
    static func make(
        _ random: inout FuzzRandom, budget: Int
    ) -> (pickle: PickleFile, label: String) {
        let (label, maker) = random.pick(makers)
        var writer = PickleWriter(version: random.pick([2, 4]))
        // Place 0 of the memo is a storage; the kinds use places from 1 on.
        writer.storage("0", count: 16)
        writer.put(0)
        writer.code("0")
        maker(&writer, &random, max(200, budget))
        return (PickleFile(bytes: writer.bytes, storages: PickleProgram.storages), label)
    }

    /// Dictionaries in dictionaries, each under a long name; many tensors in the innermost.
    private static func longPrefixes(
        _ writer: inout PickleWriter, _ random: inout FuzzRandom, _ budget: Int
    ) {
        let depth = random.within(1...28)
        let length = random.size(upTo: budget / 2 / depth)
        for _ in 0..<depth {
            writer.code("}(")
            writer.text(
                String(repeating: random.pick(["a", "\u{301}", "."]), count: max(1, length / 2)))
        }
        tensors(&writer, until: budget - depth * 2, isShort: true)
        writer.code(String(repeating: "u", count: depth) + ".")
    }

    /// A dictionary of tensors that share one, with short names.
    private static func tensors(_ writer: inout PickleWriter, until end: Int, isShort: Bool) {
        writer.code("}(")
        writer.text("t")
        writer.scalarTensor(storageAt: 0)
        writer.put(1)
        var index = 0
        while writer.bytes.count < end - 20 {
            writer.text(isShort ? String(index, radix: 36) : "layer.\(index).weight")
            writer.get(1)
            index += 1
        }
        writer.code("u")
    }

    /// Each dictionary holds the one before it twice.
    private static func diamonds(
        _ writer: inout PickleWriter, _ random: inout FuzzRandom, _ budget: Int
    ) {
        let depth = random.within(5...110)
        let length = random.size(upTo: max(1, (budget - 400) / (2 * depth) - 16))
        let names = ["a", "b"].map { $0 + String(repeating: "x", count: length) }
        tensors(&writer, until: writer.bytes.count + random.below(200), isShort: true)
        for level in 0..<depth where writer.bytes.count < budget - 2 * length - 40 {
            writer.put(level + 2)
            writer.code("0}(")
            for name in names {
                writer.text(name)
                writer.get(level + 2)
            }
            writer.code("u")
        }
        writer.code(".")
    }

    /// One long tuple is the shape and the strides of many tensors.
    private static func sharedShape(
        _ writer: inout PickleWriter, _ random: inout FuzzRandom, _ budget: Int
    ) {
        let count = random.size(upTo: budget / 4)
        writer.code("(")
        for _ in 0..<count { writer.bytes += [UInt8(ascii: "K"), 1] }
        writer.code("t")
        writer.put(2)
        writer.code("0")
        writer.code("}(")
        var index = 0
        while writer.bytes.count < budget - 200 {
            writer.text(String(index, radix: 36))
            writer.tensor(storage: { $0.get(0) }, shape: { $0.get(2) }, strides: { $0.get(2) })
            index += 1
        }
        writer.code("u.")
    }

    /// A list with much in it, recalled many times.
    private static func sharedList(
        _ writer: inout PickleWriter, _ random: inout FuzzRandom, _ budget: Int
    ) {
        writer.code("}(")
        writer.text("list")
        writer.code("](")
        writer.bytes += [UInt8](
            repeating: [random.pick([0x4e, 0x29, 0x5d])], upTo: budget / 3)
        writer.code("e")
        writer.put(2)
        let calls = random.oneIn(2)
        var index = 0
        while writer.bytes.count < budget - 100 {
            writer.text(String(index, radix: 36))
            if calls { writer.global("torch", "Size") }
            writer.get(2)
            if calls { writer.bytes += [0x85, UInt8(ascii: "R")] }
            index += 1
        }
        writer.code("u.")
    }

    private static func sharedSet(
        _ writer: inout PickleWriter, _ random: inout FuzzRandom, _ budget: Int
    ) {
        writer.code("}(")
        writer.text("set")
        writer.bytes.append(0x8f)
        writer.put(2)
        while writer.bytes.count < budget - 60 {
            writer.code("(")
            for _ in 0..<10 { writer.integer(random.below(1 << 20)) }
            writer.bytes.append(0x90)
        }
        writer.code("u.")
    }

    /// The same reference to a storage, resolved again and again.
    private static func sharedStorage(
        _ writer: inout PickleWriter, _ random: inout FuzzRandom, _ budget: Int
    ) {
        writer.code("(")
        writer.text("storage")
        writer.global("torch", "FloatStorage")
        writer.text(random.oneIn(2) ? "0" : HostileText.long(&random, length: budget / 3))
        writer.text("cpu")
        writer.integer(16)
        writer.code("t")
        writer.put(2)
        writer.code("0}(")
        writer.text("list")
        writer.code("](")
        while writer.bytes.count < budget - 10 {
            writer.get(2)
            writer.code("Q")
        }
        writer.code("eu.")
    }

    private static func otherKeys(
        _ writer: inout PickleWriter, _ random: inout FuzzRandom, _ budget: Int
    ) {
        writer.code("}")
        writer.put(2)
        writer.code("(")
        let key: [UInt8] = random.pick([
            [0x4e], [0x88], [0x29], [UInt8(ascii: "K"), 1], [0x5d], [0x8a, 0],
        ])
        let value: [UInt8] = random.pick([[0x4e], [0x68, 2], [0x7d], [0x29]])
        writer.bytes += [UInt8](repeating: key + value, upTo: budget / 2)
        writer.code("u")
        let holders = random.oneIn(2) ? random.below(60) : 0
        for level in 0..<holders {
            writer.put(level + 3)
            writer.code("0}(")
            for key in ["N", "K\u{1}", "]"] {
                writer.code(key)
                writer.get(level + 3)
            }
            writer.code("u")
        }
        writer.code(".")
    }

    /// `OrderedDict(pairs)`, called many times with the same pairs.
    private static func copies(
        _ writer: inout PickleWriter, _ random: inout FuzzRandom, _ budget: Int
    ) {
        writer.code("](")
        while writer.bytes.count < budget / 2 {
            writer.text("k")
            writer.code("N")
            writer.bytes.append(0x86)
        }
        writer.code("e")
        writer.put(2)
        writer.code("0}(")
        while writer.bytes.count < budget - 60 {
            writer.text("d")
            writer.global("collections", random.oneIn(2) ? "OrderedDict" : "Counter")
            writer.get(2)
            writer.bytes += [0x85, UInt8(ascii: "R")]
        }
        writer.code("u.")
    }
}
