/// One file of a run: the same for the same seed, index, formats and size.
struct FileCase {
    let index: Int
    let format: FileFormat
    /// How it was made.
    let label: String
    let bytes: [UInt8]
    let expectation: FileExpectation?

    init(index: Int, seed: UInt64, formats: [FileFormat], maximumSize: Int) {
        var random = FuzzRandom(seed: seed, index: index)
        let format = formats[index % formats.count]
        let sample = Self.sample(format.generator, &random, maximumSize)
        self.index = index
        self.format = format
        label = sample.label
        bytes =
            sample.bytes.count <= maximumSize
            ? sample.bytes : Array(sample.bytes[..<maximumSize])
        expectation = sample.bytes.count <= maximumSize ? sample.expectation : nil
    }

    /// A file that is there already.
    init(format: FileFormat, bytes: [UInt8]) {
        index = 0
        self.format = format
        label = "given"
        self.bytes = bytes
        expectation = nil
    }

    private static func sample(
        _ generator: any FileGenerator.Type, _ random: inout FuzzRandom, _ limit: Int
    ) -> FileSample {
        // Half of the large ones use all that there is.
        let budget = random.oneIn(2) ? limit : random.size(upTo: limit)
        switch random.below(8) {
        case 0: return generator.valid(&random)
        case 1...3: return generator.hostile(&random, budget: max(2500, budget))
        case 4, 5:
            return FileSample(
                bytes: generator.altered(&random, budget: budget), label: "altered")
        case 6:
            let sample = generator.hostile(&random, budget: max(2500, budget))
            return FileSample(
                bytes: ByteMutator.mutated(sample.bytes, &random, limit: limit),
                label: "\(sample.label), damaged")
        default:
            let (first, second) = (generator.valid(&random), generator.valid(&random))
            return FileSample(
                bytes: ByteMutator.spliced(first.bytes, second.bytes, &random, limit: limit),
                label: "spliced")
        }
    }
}
