/// What `torch.save` wrote before PyTorch 1.6: five pickles and the storages' elements.
enum LegacyGenerator: FileGenerator {
    private static let magic: [UInt8] = [
        0x8a, 10, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19,
    ]

    static func valid(_ random: inout FuzzRandom) -> FileSample {
        let (pickle, names) = PickleGenerator.valid(&random)
        return FileSample(bytes: file(pickle), expectation: .tensors(names), label: "valid")
    }

    static func hostile(_ random: inout FuzzRandom, budget: Int) -> FileSample {
        let (pickle, label) = PickleGenerator.hostile(&random, budget: budget - 800)
        switch random.below(6) {
        case 0: return FileSample(bytes: keys(&random, budget), label: "keys")
        case 1: return FileSample(bytes: bare(pickle, &random), label: "no magic: \(label)")
        case 2:
            return FileSample(
                bytes: file(pickle, machine: pickle.bytes), label: "machine: \(label)")
        default: return FileSample(bytes: file(pickle), label: label)
        }
    }

    /// Damage inside the object's pickle only.
    static func altered(_ random: inout FuzzRandom, budget: Int) -> [UInt8] {
        var pickle = PickleGenerator.valid(&random).pickle
        if random.oneIn(3) {
            return ByteMutator.mutated(file(pickle), &random, limit: budget)
        }
        pickle.bytes = ByteMutator.mutated(pickle.bytes, &random, limit: budget)
        return file(pickle)
    }

    private static func file(_ pickle: PickleFile, machine: [UInt8]? = nil) -> [UInt8] {
        let start: [UInt8] = [0x80, 2]
        var bytes =
            start + magic + Array(text: ".") + start + [0x4d, 0xe9, 0x03] + Array(text: ".")
        if let machine {
            bytes += machine
        } else {
            var description = PickleWriter()
            description.code("}")
            description.text("little_endian")
            bytes += description.bytes + [0x88] + Array(text: "s.")
        }
        bytes += pickle.bytes
        var keys = PickleWriter()
        keys.code("](")
        for storage in pickle.storages { keys.text(storage.key) }
        bytes += keys.bytes + Array(text: "e.")
        for storage in pickle.storages {
            bytes.append(little: UInt64(storage.count))
            bytes += storage.content
        }
        return bytes
    }

    /// A pickle without PyTorch's frame, of any protocol.
    private static func bare(_ pickle: PickleFile, _ random: inout FuzzRandom) -> [UInt8] {
        var bytes = pickle.bytes
        if bytes.count > 1, bytes[0] == 0x80 { bytes[1] = UInt8(random.below(8)) }
        return bytes
    }

    /// A list of storages that is long, repeats itself, or holds other things than keys.
    private static func keys(_ random: inout FuzzRandom, _ budget: Int) -> [UInt8] {
        let (pickle, _) = PickleGenerator.valid(&random)
        let whole = file(PickleFile(bytes: pickle.bytes, storages: []))
        var list = PickleWriter()
        list.code("](")
        list.text(random.pick(["0", "1", HostileText.name(&random)]))
        list.code("q\u{1}")
        let unit = random.pick([[0x68, 1], [0x4e], [0x5d], [0x4b, 0], [0x32]] as [[UInt8]])
        list.bytes += [UInt8](
            repeating: unit, upTo: random.size(upTo: max(1, budget - whole.count - 100)))
        return Array(whole.dropLast(6)) + list.bytes + Array(text: "e.")
            + random.bytes(random.below(64))
    }
}
