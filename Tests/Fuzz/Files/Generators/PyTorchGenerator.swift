/// What `torch.save` writes since PyTorch 1.6, and what it never would.
enum PyTorchGenerator: FileGenerator {
    static func valid(_ random: inout FuzzRandom) -> FileSample {
        let (pickle, names) = PickleGenerator.valid(&random)
        return FileSample(
            bytes: archive(pickle, &random).bytes, expectation: .tensors(names), label: "valid")
    }

    static func hostile(_ random: inout FuzzRandom, budget: Int) -> FileSample {
        let (pickle, label) = PickleGenerator.hostile(&random, budget: budget - 1500)
        return FileSample(bytes: archive(pickle, &random).bytes, label: label)
    }

    /// Damage inside the pickle, with checksums that fit.
    static func altered(_ random: inout FuzzRandom, budget: Int) -> [UInt8] {
        var pickle = PickleGenerator.valid(&random).pickle
        pickle.bytes = ByteMutator.mutated(pickle.bytes, &random, limit: budget)
        return archive(pickle, &random).bytes
    }

    static func archive(_ pickle: PickleFile, _ random: inout FuzzRandom) -> ZipWriter {
        let folder = random.pick(["archive/", "model/", "a b/"])
        var archive = ZipWriter()
        archive.members.append(.init(folder + "data.pkl", pickle.bytes))
        if random.oneIn(2) {
            archive.members.append(.init(folder + "byteorder", Array(text: "little")))
        }
        archive.members += pickle.storages.map { .init(folder + "data/\($0.key)", $0.content) }
        archive.members.append(.init(folder + "version", Array(text: "3\n")))
        return archive
    }
}
