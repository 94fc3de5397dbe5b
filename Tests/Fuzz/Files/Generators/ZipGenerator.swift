/// Zip archives that lie, around pickles that do not.
enum ZipGenerator: FileGenerator {
    static func valid(_ random: inout FuzzRandom) -> FileSample {
        let (pickle, names) = PickleGenerator.valid(&random)
        var archive = PyTorchGenerator.archive(pickle, &random)
        archive.hasWideEnd = random.oneIn(2)
        for index in archive.members.indices {
            archive.members[index].hasDescriptor = random.oneIn(3)
        }
        if random.oneIn(3) { archive.comment = random.bytes(random.size(upTo: 100)) }
        return FileSample(bytes: archive.bytes, expectation: .tensors(names), label: "valid")
    }

    static func hostile(_ random: inout FuzzRandom, budget: Int) -> FileSample {
        let (pickle, _) = PickleGenerator.valid(&random)
        var archive = PyTorchGenerator.archive(pickle, &random)
        let kinds: [(String, (inout ZipWriter, inout FuzzRandom, Int) -> Void)] = [
            ("many members", manyMembers), ("one content", oneContent), ("long names", longNames),
            ("extra data", extraData), ("comment", comment), ("end record", endRecord),
            ("fields", fields), ("duplicates", duplicates), ("folders", folders),
            ("archive kinds", archiveKinds),
        ]
        let (label, make) = random.pick(kinds)
        make(&archive, &random, budget)
        return FileSample(bytes: archive.bytes, label: label)
    }

    private static func manyMembers(
        _ archive: inout ZipWriter, _ random: inout FuzzRandom, _ budget: Int
    ) {
        let count = max(0, budget - 2000) / (76 + 2 * 16)
        let folder = random.oneIn(4) ? "" : "archive/data/"
        archive.members += (0..<count).map { .init(folder + "\($0)x") }
    }

    /// Every entry of the directory names the same large content.
    private static func oneContent(
        _ archive: inout ZipWriter, _ random: inout FuzzRandom, _ budget: Int
    ) {
        let content = [UInt8](repeating: 7, count: budget / 2)
        let place = UInt32(archive.bytes.count)
        archive.members.append(.init("archive/data/big", content))
        for _ in 0..<(budget / 2 / 120) {
            var member = ZipWriter.Member("archive/data/big")
            member.offset = place
            member.size = UInt32(content.count)
            member.checksum = Checksum.crc32(content)
            archive.members.append(member)
        }
    }

    private static func longNames(
        _ archive: inout ZipWriter, _ random: inout FuzzRandom, _ budget: Int
    ) {
        let length = random.size(upTo: min(budget / 6, 60000))
        let stem = HostileText.long(&random, length: length)
        for index in 0..<max(1, min(200, budget / (2 * stem.utf8.count + 120) - 1)) {
            archive.members.append(.init("archive/" + stem + "\(index)"))
        }
    }

    private static func extraData(
        _ archive: inout ZipWriter, _ random: inout FuzzRandom, _ budget: Int
    ) {
        let field: [UInt8] = random.pick([
            [1, 0, 0, 0], [0x42, 0x46, 0, 0], [1, 0, 0xff, 0xff], [1, 0, 4, 0, 1, 2, 3, 4], [9],
        ])
        let length = min(60000, random.size(upTo: budget / 2))
        let place = random.below(archive.members.count)
        archive.members[place].extra = [UInt8](repeating: field, upTo: length)
        if random.oneIn(2) { archive.members[place].size = .max }
        if random.oneIn(2) { archive.members[place].offset = .max }
    }

    /// A comment full of end records.
    private static func comment(
        _ archive: inout ZipWriter, _ random: inout FuzzRandom, _ budget: Int
    ) {
        let pattern = random.pick([
            [0x50, 0x4b, 5, 6], [0x50, 0x4b, 5, 6] + [UInt8](repeating: 0, count: 18),
            [0x50, 0x4b, 6, 7] + [UInt8](repeating: 0, count: 16), [0x50],
        ])
        archive.comment = [UInt8](repeating: pattern, upTo: min(65535, budget / 2))
    }

    private static func endRecord(
        _ archive: inout ZipWriter, _ random: inout FuzzRandom, _ budget: Int
    ) {
        archive.hasWideEnd = random.oneIn(2)
        let extremes = [0, 0, 1, -1, 46, 65535, 1 << 31, 1 << 40, Int.max / 2, -(1 << 40)]
        archive.lies = (random.pick(extremes), random.pick(extremes), random.pick(extremes))
    }

    private static func fields(
        _ archive: inout ZipWriter, _ random: inout FuzzRandom, _ budget: Int
    ) {
        let place = random.below(archive.members.count)
        switch random.below(7) {
        case 0: archive.members[place].method = random.pick([8, 9, 12, 14, 93, 99, 0xffff])
        case 1: archive.members[place].flags = random.pick([1, 8, 0x40, 0x800, 0x2000, 0xffff])
        case 2: archive.members[place].checksum = UInt32(truncatingIfNeeded: random.next())
        case 3: archive.members[place].size = UInt32(truncatingIfNeeded: random.next())
        case 4: archive.members[place].offset = UInt32(truncatingIfNeeded: random.next())
        case 5: archive.members[place].offset = 0
        default: archive.members[place].name = random.bytes(random.size(upTo: 300))
        }
    }

    private static func duplicates(
        _ archive: inout ZipWriter, _ random: inout FuzzRandom, _ budget: Int
    ) {
        let copy = random.pick(archive.members)
        archive.members.insert(copy, at: random.below(archive.members.count + 1))
    }

    private static func folders(
        _ archive: inout ZipWriter, _ random: inout FuzzRandom, _ budget: Int
    ) {
        let folder = random.pick(["", "/", "a/b/", "../", "\u{e9}/", "e\u{301}/", "\u{1b}[2J/"])
        for index in archive.members.indices where !random.oneIn(5) {
            archive.members[index].name = Array(
                (folder + "data.pkl" + (index == 0 ? "" : "\(index)")).utf8)
        }
    }

    /// Members that belong to other kinds of archives.
    private static func archiveKinds(
        _ archive: inout ZipWriter, _ random: inout FuzzRandom, _ budget: Int
    ) {
        let names = [
            "archive/constants.pkl", "archive/code/__torch__.py", "weights.npy", "w/0.npy",
            "archive/.format_version", "META-INF/MANIFEST.MF", "word/document.xml",
        ]
        archive.members.insert(
            .init(random.pick(names), random.bytes(random.below(64))),
            at: random.below(archive.members.count + 1))
    }
}
