/// Pickles of state dictionaries.
enum PickleGenerator {
    private static let types = [
        ("FloatStorage", 4), ("HalfStorage", 2), ("BFloat16Storage", 2), ("DoubleStorage", 8),
        ("LongStorage", 8), ("ByteStorage", 1), ("BoolStorage", 1), ("IntStorage", 4),
    ]

    /// A dictionary of tensors as PyTorch writes it, perhaps in a training state.
    static func valid(_ random: inout FuzzRandom) -> (pickle: PickleFile, names: [String]) {
        var writer = PickleWriter(version: random.pick([2, 2, 3, 4, 5]))
        let isWrapped = random.oneIn(3)
        writer.code("}(")
        if isWrapped {
            writer.text("epoch")
            writer.integer(random.below(1000))
            writer.text("state_dict")
        }
        if isWrapped {
            writer.global("collections", "OrderedDict")
            writer.code(")R(")
        }
        var storages: [PickleStorage] = []
        var names: [String] = []
        for index in 0..<random.within(1...6) {
            names.append(HostileText.plain(&random) + "#\(index)")
            writer.text(names[index])
            storages.append(tensor(&writer, key: "\(index)", &random))
        }
        writer.code(isWrapped ? "uu." : "u.")
        return (PickleFile(bytes: writer.bytes, storages: storages), names)
    }

    /// A tensor with a storage of its own, at times transposed or a parameter.
    private static func tensor(
        _ writer: inout PickleWriter, key: String, _ random: inout FuzzRandom
    ) -> PickleStorage {
        let (type, size) = random.pick(types)
        var shape = (0..<random.below(5)).map { _ in random.within(1...4) }
        var strides = shape
        var count = 1
        for axis in shape.indices.reversed() {
            strides[axis] = count
            count *= shape[axis]
        }
        if random.oneIn(4) {
            shape.reverse()
            strides.reverse()
        }
        let isParameter = random.oneIn(4)
        if isParameter {
            writer.global("torch._utils", "_rebuild_parameter")
            writer.code("(")
        }
        writer.tensor(
            storage: { $0.storage(key, type: type, count: count) },
            shape: { $0.integers(shape) }, strides: { $0.integers(strides) })
        if isParameter {
            writer.bytes.append(0x88)
            writer.global("collections", "OrderedDict")
            writer.code(")RtR")
        }
        let content = (0..<(count * size)).map { _ in UInt8(random.below(2)) }
        return PickleStorage(key: key, content: content, count: count)
    }

    /// A random program, or one that asks for much with few operations.
    static func hostile(
        _ random: inout FuzzRandom, budget: Int
    ) -> (pickle: PickleFile, label: String) {
        if random.oneIn(2) {
            var program = PickleProgram(version: random.pick([2, 2, 3, 4, 5]))
            program.run(&random, budget: random.size(upTo: budget))
            return (PickleFile(bytes: program.bytes, storages: PickleProgram.storages), "program")
        }
        return PickleAmplifier.make(&random, budget: budget)
    }
}
