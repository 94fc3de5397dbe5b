import CProteanKernels

/// The directory of a zip file whose members are stored without compression.
///
/// Reads the features that writers of weight files use (PKWARE's APPNOTE 6.3, including zip64 and
/// data descriptors); for others the error names the feature. Every member is checked to lie before
/// the directory and to share no byte with another.
struct ZipArchive {
    /// One stored file.
    struct Member {
        let name: String
        /// The range of the content in the file.
        let content: Range<Int>
        let checksum: UInt32
        /// Offset of the member's local header.
        fileprivate let start: Int
    }

    /// The members in the directory's order.
    let members: [Member]
    private let byName: [ExactName: Int]
    private let storage: CheckpointBytes
    /// False if all checksums are zero: some writers have an option to omit them.
    private let hasChecksums: Bool

    init(_ storage: CheckpointBytes) throws(WeightFileProblem) {
        self.storage = storage
        let directory = try ZipDirectory(storage)
        let part = try storage.contents(of: directory.range)
        var reader = ByteReader(part.bytes, what: "zip directory")
        var members: [Member] = []
        var byName: [ExactName: Int] = [:]
        for index in 0..<directory.count {
            let entry = try ZipEntry(&reader)
            let member = try Self.member(entry, storage, limit: directory.range.lowerBound)
            guard byName.updateValue(index, forKey: ExactName(member.name)) == nil else {
                throw .duplicateName(member.name)
            }
            members.append(member)
        }
        withExtendedLifetime(part) {}
        guard reader.remaining == 0 else {
            throw .malformed(
                what: "zip directory", reason: "\(reader.remaining) bytes after its last entry")
        }
        try Self.checkOverlap(members)
        self.members = members
        self.byName = byName
        hasChecksums = members.contains { $0.checksum != 0 }
    }

    subscript(name: String) -> Member? { byName[ExactName(name)].map { members[$0] } }

    /// The content of a member.
    func contents(of member: Member) throws(WeightFileProblem) -> CheckpointBytes {
        try storage.contents(of: member.content)
    }

    /// Compares a member's content with its CRC-32.
    func verify(_ member: Member) throws(WeightFileProblem) {
        guard hasChecksums else { return }
        var found: UInt32 = 0
        try storage.forEachPiece(of: member.content) { piece in
            found = ptn_crc32(found, piece.baseAddress, piece.count)
        }
        guard found == member.checksum else { throw .checksumMismatch(member: member.name) }
    }

    /// Follows a directory entry to the member's local header, which gives the start of the
    /// content.
    private static func member(
        _ entry: ZipEntry, _ storage: CheckpointBytes, limit: Int
    ) throws(WeightFileProblem) -> Member {
        func outside(_ begin: Int, _ end: Int) -> WeightFileProblem {
            .invalidRange(tensor: entry.name, begin: begin, end: end, available: limit)
        }
        guard entry.headerOffset < limit else {
            throw outside(entry.headerOffset, entry.headerOffset)
        }
        let start = entry.headerOffset
        let length = min(limit - start, 30 + entry.name.utf8.count)
        let part = try storage.contents(of: start..<(start + length))
        let extraLength = try withExtendedLifetime(part) { () throws(WeightFileProblem) in
            try Self.extraLength(of: entry, part.bytes)
        }
        guard extraLength <= limit - start - length else {
            throw .truncated(
                what: "zip member '\(entry.name)'", expected: extraLength,
                found: limit - start - length)
        }
        let begin = start + length + extraLength
        guard entry.size <= limit - begin else {
            throw outside(begin, entry.size > Int.max - begin ? Int.max : begin + entry.size)
        }
        return Member(
            name: entry.name, content: begin..<(begin + entry.size), checksum: entry.checksum,
            start: entry.headerOffset)
    }

    /// Checks a member's local header and returns the length of the extra data after its name.
    private static func extraLength(
        of entry: ZipEntry, _ header: UnsafeRawBufferPointer
    ) throws(WeightFileProblem) -> Int {
        let what = "zip member '\(entry.name)'"
        var reader = ByteReader(header, what: what)
        guard try reader.unsigned32() == 0x0403_4b50 else {
            throw .malformed(what: what, reason: "no header at byte \(entry.headerOffset)")
        }
        _ = try reader.take(4)
        guard try reader.unsigned16() == 0 else {
            throw .malformed(what: what, reason: "its header and the directory differ")
        }
        _ = try reader.take(16)
        let nameLength = try reader.unsigned16()
        let extraLength = try reader.unsigned16()
        guard nameLength == entry.name.utf8.count,
            header[try reader.take(nameLength)].elementsEqual(entry.name.utf8)
        else { throw .malformed(what: what, reason: "its header and the directory differ") }
        return extraLength
    }

    private static func checkOverlap(_ members: [Member]) throws(WeightFileProblem) {
        let sorted = members.sorted { $0.start < $1.start }
        for (first, second) in zip(sorted, sorted.dropFirst())
        where second.start < first.content.upperBound {
            throw .overlap(first: first.name, second: second.name)
        }
    }
}

/// The central directory's position and number of entries.
private struct ZipDirectory {
    let range: Range<Int>
    let count: Int

    /// Maximum length of the end of the file: the end record with a comment, preceded by the zip64
    /// record and its locator.
    private static let tailLength = 22 + 0xffff + 20 + 56

    init(_ storage: CheckpointBytes) throws(WeightFileProblem) {
        let start = max(0, storage.count - Self.tailLength)
        let tail = try storage.contents(of: start..<storage.count)
        self = try withExtendedLifetime(tail) { () throws(WeightFileProblem) in
            try ZipDirectory(tail.bytes, at: start)
        }
    }

    /// Reads the file's tail, which begins at byte `start` of it.
    private init(_ bytes: UnsafeRawBufferPointer, at start: Int) throws(WeightFileProblem) {
        let end = try Self.endRecord(bytes)
        var reader = ByteReader(bytes, at: end + 4, what: "zip end record")
        let disks = (try reader.unsigned16(), try reader.unsigned16())
        guard disks == (0, 0) else { throw .unsupportedFeature("a zip file in several parts") }
        let entriesHere = try reader.unsigned16()
        var entries = try reader.unsigned16()
        var size = try reader.unsigned32()
        var offset = try reader.unsigned32()
        var limit = start + end
        if let record = try Self.zip64Record(bytes, before: end, at: start) {
            (entries, size, offset, limit) = record
        } else if entriesHere != entries {
            throw .unsupportedFeature("a zip file in several parts")
        }
        // The directory must be immediately followed by the record that points to it, so that the
        // file cannot be read in two ways.
        guard offset <= limit, size == limit - offset else {
            throw .invalidRange(
                tensor: "zip directory", begin: offset,
                end: size > Int.max - offset ? Int.max : offset + size, available: limit)
        }
        // An entry takes at least 46 bytes, so the file's size bounds the count.
        guard entries <= size / 46 else {
            throw .truncated(what: "zip directory", expected: entries, found: size / 46)
        }
        range = offset..<limit
        count = entries
    }

    /// Offset of the end record: 22 bytes and a comment that reaches to the file's end.
    private static func endRecord(
        _ bytes: UnsafeRawBufferPointer
    ) throws(WeightFileProblem) -> Int {
        var start = bytes.count - 22
        let lowest = max(0, start - 0xffff)
        while start >= lowest {
            let signature = bytes.loadUnaligned(fromByteOffset: start, as: UInt32.self)
            let comment = bytes.loadUnaligned(fromByteOffset: start + 20, as: UInt16.self)
            if UInt32(littleEndian: signature) == 0x0605_4b50,
                Int(UInt16(littleEndian: comment)) == bytes.count - start - 22
            {
                return start
            }
            start -= 1
        }
        throw .truncated(what: "zip end record", expected: 22, found: 0)
    }

    /// The zip64 record before the end record in zip64 files.
    private static func zip64Record(
        _ bytes: UnsafeRawBufferPointer, before end: Int, at fileStart: Int
    ) throws(WeightFileProblem) -> (entries: Int, size: Int, offset: Int, limit: Int)? {
        guard end >= 20 else { return nil }
        var locator = ByteReader(bytes, at: end - 20, what: "zip64 locator")
        guard try locator.unsigned32() == 0x0706_4b50 else { return nil }
        guard try locator.unsigned32() == 0 else {
            throw .unsupportedFeature("a zip file in several parts")
        }
        let start = try locator.size64()
        let locatorStart = fileStart + end - 20
        guard start <= locatorStart - 56 else {
            throw .invalidRange(
                tensor: "zip64 end record", begin: start,
                end: start > Int.max - 56 ? Int.max : start + 56, available: locatorStart)
        }
        // Its length is checked below, and nothing longer is written.
        guard start >= fileStart else {
            throw .malformed(what: "zip64 end record", reason: "wrong length")
        }
        var record = ByteReader(bytes, at: start - fileStart, what: "zip64 end record")
        guard try record.unsigned32() == 0x0606_4b50 else {
            throw .malformed(what: "zip64 end record", reason: "not at byte \(start)")
        }
        guard try record.size64() == locatorStart - start - 12 else {
            throw .malformed(what: "zip64 end record", reason: "wrong length")
        }
        _ = try record.take(4)
        let disks = (try record.unsigned32(), try record.unsigned32())
        let entriesHere = try record.size64()
        let entries = try record.size64()
        guard disks == (0, 0), entriesHere == entries else {
            throw .unsupportedFeature("a zip file in several parts")
        }
        return (entries, try record.size64(), try record.size64(), start)
    }
}

/// One entry of the central directory.
private struct ZipEntry {
    let name: String
    let checksum: UInt32
    let size: Int
    let headerOffset: Int

    init(_ reader: inout ByteReader) throws(WeightFileProblem) {
        guard try reader.unsigned32() == 0x0201_4b50 else {
            throw .malformed(what: "zip directory", reason: "no entry at byte \(reader.position)")
        }
        _ = try reader.take(4)
        let flags = try reader.unsigned16()
        let method = try reader.unsigned16()
        _ = try reader.take(4)
        checksum = try reader.load(UInt32.self)
        var stored = try reader.unsigned32()
        var size = try reader.unsigned32()
        let lengths = (try reader.unsigned16(), try reader.unsigned16(), try reader.unsigned16())
        let disk = try reader.unsigned16()
        _ = try reader.take(6)
        var offset = try reader.unsigned32()
        name = try reader.utf8(reader.take(lengths.0))
        let extra = try reader.take(lengths.1)
        _ = try reader.take(lengths.2)
        // Three fields that are stored in the extra data if they do not fit, in this order.
        var wide = try Self.zip64Extra(reader.bytes, extra)
        if size == 0xffff_ffff { size = try wide.size64() }
        if stored == 0xffff_ffff { stored = try wide.size64() }
        if offset == 0xffff_ffff { offset = try wide.size64() }

        guard flags & 0x2041 == 0 else {
            throw .unsupportedFeature("the encrypted zip member '\(name)'")
        }
        guard method == 0 else {
            throw .unsupportedFeature("the compressed zip member '\(name)' (method \(method))")
        }
        guard disk == 0 else { throw .unsupportedFeature("a zip file in several parts") }
        guard stored == size else {
            throw .sizeMismatch(tensor: name, expected: size, found: stored)
        }
        self.size = size
        headerOffset = offset
    }

    /// The payload of the zip64 field among `extra`, empty when there is none.
    private static func zip64Extra(
        _ bytes: UnsafeRawBufferPointer, _ extra: Range<Int>
    ) throws(WeightFileProblem) -> ByteReader {
        let what = "zip64 field"
        var reader = ByteReader(
            UnsafeRawBufferPointer(rebasing: bytes[extra]), what: "zip extra data")
        while reader.remaining >= 4 {
            let tag = try reader.unsigned16()
            let payload = try reader.take(try reader.unsigned16())
            if tag == 1 {
                return ByteReader(
                    UnsafeRawBufferPointer(rebasing: reader.bytes[payload]), what: what)
            }
        }
        return ByteReader(UnsafeRawBufferPointer(start: nil, count: 0), what: what)
    }
}
