// Kinds that are about the machine's own structures: stack, marks, memo, nesting.
extension PickleAmplifier {
    static func nestedTuples(
        _ writer: inout PickleWriter, _ random: inout FuzzRandom, _ budget: Int
    ) {
        writer.code("}")
        writer.text("deep")
        let count = random.oneIn(3) ? random.within(90...110) : budget - 40
        switch random.below(3) {
        case 0:
            writer.code(")")
            writer.bytes += [UInt8](repeating: 0x85, count: count)
        case 1:
            writer.code(String(repeating: "(", count: count / 2))
            writer.code(String(repeating: "t", count: count / 2))
        default:
            writer.code("]")
            for _ in 0..<(count / 2) { writer.code("]") }
            for _ in 0..<(count / 2) { writer.code("a") }
        }
        writer.code("s.")
    }

    /// Each tuple holds the one before it twice: 2ⁿ leaves for a reader that follows them.
    static func tupleDiamonds(
        _ writer: inout PickleWriter, _ random: inout FuzzRandom, _ budget: Int
    ) {
        writer.code("}")
        writer.text(random.pick(["state_dict", "args", "optimizer"]))
        writer.code(random.pick([")", "]", "}"]))
        for _ in 0..<min(random.within(5...110), budget / 3) {
            writer.code("2")
            writer.bytes.append(0x86)
        }
        writer.code("s.")
    }

    static func marks(_ writer: inout PickleWriter, _ random: inout FuzzRandom, _ budget: Int) {
        let unit = random.pick([
            "(", "((t0", "(1", "(l0", "(d0", "]0", ")0", "}0", "N0", "N", "N2000",
        ])
        writer.bytes += [UInt8](repeating: Array(text: unit), upTo: budget - 10)
        writer.code("}.")
    }

    static func memo(_ writer: inout PickleWriter, _ random: inout FuzzRandom, _ budget: Int) {
        writer.code("}")
        var place = random.pick([0, 1 << 20, 0x7fff_0000, 0xffff_0000])
        let step = random.pick([1, 97, 65536])
        while writer.bytes.count < budget - 10 {
            if random.oneIn(2), writer.version >= 4 { writer.bytes.append(0x94) }
            writer.put(place)
            place = (place + step) & 0xffff_ffff
        }
        writer.code(".")
    }

    /// One value pushed many times and gathered many times.
    static func duplicated(_ writer: inout PickleWriter, _ random: inout FuzzRandom, _ budget: Int)
    {
        writer.code("}(")
        writer.text("values")
        writer.code("(")
        writer.bytes += [UInt8](repeating: [UInt8(ascii: "N")], upTo: budget / 3)
        writer.code("t")
        writer.bytes += [UInt8](repeating: [UInt8(ascii: "2")], upTo: budget / 6 * 2)
        writer.code("u.")
    }

    static func manyTensors(_ writer: inout PickleWriter, _ random: inout FuzzRandom, _ budget: Int)
    {
        writer.code("}(")
        var index = 0
        let isShared = random.oneIn(2)
        writer.text("t")
        writer.scalarTensor(storageAt: 0)
        writer.put(1)
        while writer.bytes.count < budget - 200 {
            writer.text(String(index, radix: 36))
            if isShared { writer.get(1) } else { writer.scalarTensor(storageAt: 0) }
            index += 1
        }
        writer.code("u.")
    }

    /// One long name, recalled from the memo in many dictionaries.
    static func sharedKey(_ writer: inout PickleWriter, _ random: inout FuzzRandom, _ budget: Int) {
        writer.text(HostileText.long(&random, length: budget / 2))
        writer.put(2)
        writer.code("0}(")
        writer.text("t")
        writer.scalarTensor(storageAt: 0)
        writer.put(1)
        var index = 0
        while writer.bytes.count < budget - 40 {
            writer.text(String(index, radix: 36))
            writer.code("}")
            writer.get(2)
            writer.get(1)
            writer.code("s")
            index += 1
        }
        writer.code("u.")
    }

    static func combining(_ writer: inout PickleWriter, _ random: inout FuzzRandom, _ budget: Int) {
        writer.code("}(")
        let stem = HostileText.long(&random, length: random.size(upTo: budget / 2))
        var index = 0
        repeat {
            writer.text(stem + "\(index)")
            writer.scalarTensor(storageAt: 0)
            index += 1
        } while writer.bytes.count < budget - stem.utf8.count - 200
        writer.code("u.")
    }

    /// Names in the pickle's oldest form: bytes read as Latin-1 grow, and lines have no length.
    static func pythonTwoText(
        _ writer: inout PickleWriter, _ random: inout FuzzRandom, _ budget: Int
    ) {
        writer.code("}(")
        while writer.bytes.count < budget - 400 {
            let length = random.size(upTo: max(1, budget - writer.bytes.count - 300))
            writer.code("T")
            writer.bytes.append(little: UInt32(length))
            writer.bytes += [UInt8](repeating: random.pick([0xe9, 0x61, 0xff]), count: length)
            writer.scalarTensor(storageAt: 0)
        }
        writer.code("u.")
    }

    /// Attributes given to one object many times.
    static func state(_ writer: inout PickleWriter, _ random: inout FuzzRandom, _ budget: Int) {
        writer.code("}(")
        writer.text("k")
        writer.code("Nu")
        writer.put(2)
        let receiver = random.below(3)
        switch receiver {
        case 0: writer.code("}")
        case 1:
            writer.global("collections", "OrderedDict")
            writer.code(")R")
        default:
            writer.global("argparse", "Namespace")
            writer.bytes += [UInt8(ascii: ")"), 0x81]
        }
        while writer.bytes.count < budget - 10 {
            writer.get(2)
            writer.code("b")
        }
        writer.code("0.")
    }

    /// Tensors that repeat stored elements: much more to convert than there is in the file.
    static func repeatedElements(
        _ writer: inout PickleWriter, _ random: inout FuzzRandom, _ budget: Int
    ) {
        writer.code("}(")
        let count = random.pick([1 << 16, 1 << 20, 1 << 26, 1 << 27, 1 << 40])
        for index in 0..<random.within(1...min(100, budget / 150)) {
            writer.text("t\(index)")
            writer.tensor(
                storage: { $0.get(0) }, shape: { $0.integers([count, 1]) },
                strides: { $0.integers([0, 1]) })
        }
        writer.code("u.")
    }

    /// A dictionary under every name that weights are kept under.
    static func containers(_ writer: inout PickleWriter, _ random: inout FuzzRandom, _ budget: Int)
    {
        writer.code("}(")
        writer.scalarTensor(storageAt: 0)
        writer.put(1)
        writer.code("0")
        while writer.bytes.count < budget - 100 {
            writer.text(random.pick(HostileText.containers))
            writer.code("}")
            for index in 0..<random.below(4) {
                writer.text(random.pick(HostileText.prefixes) + "w\(index)")
                writer.get(1)
                writer.code("s")
            }
        }
        writer.code("u.")
    }

    /// Names that begin with long runs of the prefixes that readers take off.
    static func prefixes(_ writer: inout PickleWriter, _ random: inout FuzzRandom, _ budget: Int) {
        let prefix = String(
            repeating: random.pick(HostileText.prefixes), count: random.size(upTo: budget / 40))
        writer.code("}(")
        writer.scalarTensor(storageAt: 0)
        writer.put(1)
        writer.code("0")
        var index = 0
        while writer.bytes.count < budget - prefix.utf8.count - 40 {
            writer.text(prefix + "w\(index)")
            writer.get(1)
            index += 1
        }
        writer.code("u.")
    }
}
