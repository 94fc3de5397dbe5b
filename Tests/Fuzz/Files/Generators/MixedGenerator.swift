/// Files that begin as one format and are another, and noise.
enum MixedGenerator: FileGenerator {
    /// A valid file of any format, so that this one has seeds for splices too.
    static func valid(_ random: inout FuzzRandom) -> FileSample {
        random.pick(FileFormat.generated).generator.valid(&random)
    }

    static func hostile(_ random: inout FuzzRandom, budget: Int) -> FileSample {
        let heads: [[UInt8]] = [
            [0x50, 0x4b, 3, 4], [0x80, 2], [0x80, 5], PNGGenerator.signature, [0xff, 0xd8, 0xff],
            [8, 0, 0, 0, 0, 0, 0, 0, 0x7b], [0x93] + Array(text: "NUMPY"), Array(text: "{"),
            Array(text: "version https://git-lfs.github.com/spec/v1\n"),
            Array(text: "<!DOCTYPE html>"),
            [8, 9, 0x12, 7] + Array(text: "pytorch"), Array(text: "GGUF"),
            [0x89, 0x48, 0x44, 0x46],
            [],
        ]
        let head = random.pick(heads)
        switch random.below(3) {
        case 0:
            let tail = random.bytes(random.size(upTo: budget))
            return FileSample(bytes: head + tail, label: "noise")
        case 1:
            let unit = random.bytes(random.within(1...4))
            let tail = [UInt8](repeating: unit, upTo: random.size(upTo: budget))
            return FileSample(bytes: head + tail, label: "repetition")
        default:
            let other = random.pick(FileFormat.generated).generator
            return FileSample(
                bytes: head + other.hostile(&random, budget: budget).bytes, label: "other head")
        }
    }
}
