/// What reading a valid file must find.
enum FileExpectation: Equatable, Sendable {
    /// Names of tensors in order.
    case tensors([String])
    case image(width: Int, height: Int, channels: Int)
    /// Names of a configuration's members, sorted.
    case members([String])
}

/// A generated file.
struct FileSample {
    var bytes: [UInt8]
    /// What a reader must find; nil where a refusal is right too.
    var expectation: FileExpectation?
    /// How it was made, for reports.
    var label: String
}

/// Makes files of one format.
protocol FileGenerator {
    /// A small file that must be read.
    static func valid(_ random: inout FuzzRandom) -> FileSample
    /// A file of at most about `budget` bytes that costs a careless reader much.
    static func hostile(_ random: inout FuzzRandom, budget: Int) -> FileSample
    /// A valid file with a lie in it that the format's checksums do not give away.
    static func altered(_ random: inout FuzzRandom, budget: Int) -> [UInt8]
}

extension FileGenerator {
    static func altered(_ random: inout FuzzRandom, budget: Int) -> [UInt8] {
        ByteMutator.mutated(valid(&random).bytes, &random, limit: budget)
    }
}
