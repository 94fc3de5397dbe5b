/// A random pickle program that keeps track of what lies on the stack, so that most of its
/// operations find what they need.
struct PickleProgram {
    private enum Kind {
        case text, integer, other, list, tuple, dictionary, set, global, storage, mark
    }

    /// What the programs' storages hold.
    static let storages = ["0", "1"].map {
        PickleStorage(key: $0, content: [UInt8](repeating: 0, count: 64), count: 16)
    }

    private var writer: PickleWriter
    private var stack: [Kind] = []
    private var memo: [Int: Kind] = [:]
    private var depth = 0

    var bytes: [UInt8] { writer.bytes }

    init(version: Int) { writer = PickleWriter(version: version) }

    /// Writes about `budget` bytes of operations and ends with a dictionary on the stack.
    mutating func run(_ random: inout FuzzRandom, budget: Int) {
        writer.code("}(")
        while writer.bytes.count < budget - 40 {
            if random.oneIn(400) { writer.bytes.append(UInt8(random.below(256))) }
            step(&random, room: budget - writer.bytes.count)
        }
        while stack.contains(.mark) { closeMark("t", .tuple) }
        if stack.count % 2 == 1 { writer.code("N") }
        writer.code("u.")
    }

    private mutating func push(_ kind: Kind, _ count: Int = 0) {
        stack.removeLast(count)
        stack.append(kind)
    }

    private mutating func step(_ random: inout FuzzRandom, room: Int) {
        switch random.below(16) {
        case 0...2: pushScalar(&random, room: room)
        case 3, 4: pushText(&random, room: room)
        case 5: pushEmpty(&random)
        case 6 where depth < 200:
            writer.code("(")
            stack.append(.mark)
            depth += 1
        case 7, 8: close(&random)
        case 9: combine(&random)
        case 10: pushGlobal(&random)
        case 11: call(&random)
        case 12, 13: remember(&random)
        case 14: pushTensor(&random)
        default: pair(&random)
        }
    }

    private mutating func pushScalar(_ random: inout FuzzRandom, room: Int) {
        stack.append(.other)
        switch random.below(9) {
        case 0: writer.code("N")
        case 1: writer.bytes.append(random.pick([0x88, 0x89]))
        case 2:
            let length = random.oneIn(20) ? min(255, max(room, 0)) : random.below(12)
            writer.bytes += [0x8a, UInt8(length)] + random.bytes(length)
        case 3:
            let length = random.size(upTo: max(1, min(room, random.oneIn(30) ? 50000 : 20)))
            writer.bytes.append(0x8b)
            writer.bytes.append(little: UInt32(length))
            writer.bytes += [UInt8](repeating: 0xff, count: length)
        case 4: writer.bytes += [UInt8(ascii: "G")] + random.bytes(8)
        case 5: writer.code(random.pick(["I1\n", "I01\n", "L12345678901234567890L\n", "F1e400\n"]))
        case 6:
            writer.code("B")
            writer.bytes.append(little: UInt32(3))
            writer.bytes += [1, 2, 3]
        default:
            stack[stack.count - 1] = .integer
            writer.integer(random.pick([0, 1, 4, 255, 65535, -1, 1 << 31, .max, .min]))
        }
    }

    private mutating func pushText(_ random: inout FuzzRandom, room: Int) {
        stack.append(.text)
        if random.oneIn(40), room > 64 {
            writer.text(HostileText.long(&random, length: random.size(upTo: room / 2)))
        } else {
            writer.text(HostileText.name(&random))
        }
    }

    private mutating func pushEmpty(_ random: inout FuzzRandom) {
        let (code, kind) = random.pick([
            (UInt8(ascii: "]"), Kind.list), (UInt8(ascii: ")"), .tuple),
            (UInt8(ascii: "}"), .dictionary),
            (UInt8(ascii: "}"), .dictionary), (0x8f, .set),
        ])
        writer.bytes.append(code)
        stack.append(kind)
    }

    private mutating func closeMark(_ code: String, _ kind: Kind?) {
        guard let mark = stack.lastIndex(of: .mark) else { return }
        writer.code(code)
        stack.removeSubrange(mark...)
        depth -= 1
        if let kind { stack.append(kind) }
    }

    /// Ends the values above a mark in one of the ways that fit.
    private mutating func close(_ random: inout FuzzRandom) {
        guard let mark = stack.lastIndex(of: .mark) else { return }
        let below = mark > 0 ? stack[mark - 1] : .mark
        let isEven = (stack.count - mark - 1) % 2 == 0
        switch (below, random.below(3)) {
        case (.list, 0): closeMark("e", nil)
        case (.dictionary, 0...1) where isEven: closeMark("u", nil)
        case (_, 1): closeMark("l", .list)
        case (_, 2) where isEven: closeMark("d", .dictionary)
        default: closeMark(random.oneIn(8) ? "1" : "t", .tuple)
        }
    }

    /// The values above the last mark.
    private var open: ArraySlice<Kind> {
        stack[(stack.lastIndex(of: .mark).map { $0 + 1 } ?? 0)...]
    }

    private mutating func combine(_ random: inout FuzzRandom) {
        let open = open
        if open.count >= 3, open.suffix(3).first == .dictionary {
            writer.code("s")
            stack.removeLast(2)
        } else if open.count >= 2, open.suffix(2).first == .list {
            writer.code("a")
            stack.removeLast()
        } else if open.count >= 3 {
            let count = random.within(1...3)
            writer.bytes.append(UInt8(0x84 + count))
            push(.tuple, count)
        } else if let top = open.last {
            writer.code("2")
            stack.append(top)
        }
    }

    private static let globals = [
        ("collections", "OrderedDict"), ("collections", "Counter"), ("torch", "Size"),
        ("torch._utils", "_rebuild_tensor_v2"), ("torch._utils", "_rebuild_parameter"),
        ("torch._utils", "_rebuild_parameter_with_state"), ("torch", "FloatStorage"),
        ("torch", "float32"), ("torch", "device"), ("builtins", "set"), ("argparse", "Namespace"),
        ("numpy.core.multiarray", "scalar"), ("numpy", "dtype"), ("_codecs", "encode"),
        ("copyreg", "_reconstructor"), ("builtins", "object"), ("builtins", "complex"),
        ("torch._utils", "_rebuild_meta_tensor_no_storage"), ("torch", "ComplexFloatStorage"),
        ("torch.nn.modules.conv", "Conv2d"), ("pathlib", "PosixPath"), ("datetime", "datetime"),
        ("torch._tensor", "_rebuild_from_type_v2"), ("torch.nn.parameter", "Parameter"),
    ]

    private mutating func pushGlobal(_ random: inout FuzzRandom) {
        let (module, name) = random.oneIn(30) ? ("os", "system") : random.pick(Self.globals)
        writer.global(module, name)
        stack.append(.global)
    }

    private mutating func call(_ random: inout FuzzRandom) {
        let open = open
        if open.count >= 2, open.last == .tuple, open.suffix(2).first == .global || random.oneIn(20)
        {
            writer.bytes.append(random.pick([UInt8(ascii: "R"), 0x81]))
            push(random.oneIn(2) ? .dictionary : .other, 2)
        } else if open.count >= 2, open.suffix(2).first == .dictionary || random.oneIn(6) {
            writer.code("b")
            stack.removeLast()
        } else {
            pushGlobal(&random)
            writer.code(")R")
            push(random.oneIn(2) ? .dictionary : .other, 1)
        }
    }

    private mutating func remember(_ random: inout FuzzRandom) {
        if random.oneIn(2), let top = open.last {
            let place =
                random.oneIn(50) ? random.pick([65535, 1 << 31, 0xffff_ffff]) : random.below(64)
            writer.put(place)
            memo[place] = top
        } else if let place = memo.keys.min(), let kind = memo[place] {
            let other = random.below(64)
            writer.get(memo[other] == nil ? place : other)
            stack.append(memo[other] ?? kind)
        }
    }

    private mutating func pushTensor(_ random: inout FuzzRandom) {
        let count = random.pick([1, 4, 16, 17])
        let strides = random.pick([[1], [0], [-1], [1 << 40], [4, 1], []])
        let shapes = [[count], [1 << 20], [4, 4], [], [0], [-4], [.max]]
        let shape = random.oneIn(2) ? [count] : random.pick(shapes)
        let key = random.pick(["0", "0", "1", "absent"])
        writer.tensor(
            offset: random.pick([0, 0, 0, 1, 16, .max, -1]),
            storage: { $0.storage(key, count: 16) }, shape: { $0.integers(shape) },
            strides: { $0.integers(strides) })
        stack.append(.other)
    }

    /// A named value, as dictionaries need it.
    private mutating func pair(_ random: inout FuzzRandom) {
        guard open.count % 2 == 0 else { return }
        writer.text(HostileText.name(&random))
        stack.append(.text)
        random.oneIn(2) ? pushTensor(&random) : pushEmpty(&random)
    }
}
