/// Paths that are no plain files, and files that change while they are read. The first byte says
/// which; the rest is a file's content.
enum NodeGenerator: FileGenerator {
    static func valid(_ random: inout FuzzRandom) -> FileSample {
        let kind = random.pick(NodeKind.allCases)
        let content = random.pick(FileFormat.generated).generator.valid(&random).bytes
        return FileSample(bytes: [kind.rawValue] + content, label: kind.label)
    }

    static func hostile(_ random: inout FuzzRandom, budget: Int) -> FileSample { valid(&random) }

    static func altered(_ random: inout FuzzRandom, budget: Int) -> [UInt8] { valid(&random).bytes }
}

/// What stands at a path instead of a file that holds still.
enum NodeKind: UInt8, CaseIterable {
    case pipe, directory, zeros, null, danglingLink, linkToItself, empty, shortened, grown, removed
    case replaced

    var label: String { "\(self)" }
}
