/// A zip file with every field open to lies.
struct ZipWriter {
    struct Member {
        var name: [UInt8]
        var content: [UInt8]
        var method: UInt16 = 0
        var flags: UInt16 = 0
        var extra: [UInt8] = []
        var comment: [UInt8] = []
        /// What the directory says instead of the truth.
        var checksum: UInt32?
        var size: UInt32?
        var offset: UInt32?
        /// Whether sizes and the checksum follow the content, as writers of streams do.
        var hasDescriptor = false

        init(_ name: String, _ content: [UInt8] = []) {
            self.name = Array(name.utf8)
            self.content = content
        }
    }

    var members: [Member] = []
    var comment: [UInt8] = []
    var hasWideEnd = false
    /// Differences from the truth in the end record: entries, the directory's size and place.
    var lies: (entries: Int, size: Int, offset: Int) = (0, 0, 0)

    var bytes: [UInt8] {
        var file: [UInt8] = []
        var directory: [UInt8] = []
        for member in members {
            append(member, file: &file, directory: &directory)
        }
        let start = file.count
        file += directory
        appendEnd(&file, start: start)
        return file
    }

    private func append(_ member: Member, file: inout [UInt8], directory: inout [UInt8]) {
        let offset = member.offset ?? UInt32(truncatingIfNeeded: file.count)
        let checksum = member.checksum ?? Checksum.crc32(member.content)
        let size = member.size ?? UInt32(member.content.count)
        let flags = member.flags | (member.hasDescriptor ? 8 : 0)
        directory.append(little: UInt32(0x0201_4b50))
        directory.append(little: UInt16(20))
        directory += Self.common(member, flags, checksum, size, member.extra.count)
        directory.append(little: UInt16(truncatingIfNeeded: member.comment.count))
        directory += [UInt8](repeating: 0, count: 8)
        directory.append(little: offset)
        directory += member.name + member.extra + member.comment

        let known = !member.hasDescriptor
        file.append(little: UInt32(0x0403_4b50))
        file += Self.common(member, flags, known ? checksum : 0, known ? size : 0, 0)
        file += member.name + member.content
        if member.hasDescriptor {
            for value in [0x0807_4b50, checksum, size, size] { file.append(little: value) }
        }
    }

    /// From the version to the lengths, which both headers have in common.
    private static func common(
        _ member: Member, _ flags: UInt16, _ checksum: UInt32, _ size: UInt32, _ extra: Int
    ) -> [UInt8] {
        var bytes: [UInt8] = []
        for value in [20, flags, member.method, 0, 0] { bytes.append(little: value) }
        for value in [checksum, size, size] { bytes.append(little: value) }
        bytes.append(little: UInt16(truncatingIfNeeded: member.name.count))
        bytes.append(little: UInt16(truncatingIfNeeded: extra))
        return bytes
    }

    private func appendEnd(_ file: inout [UInt8], start: Int) {
        let size = UInt64(truncatingIfNeeded: file.count - start + lies.size)
        let entries = UInt64(truncatingIfNeeded: members.count + lies.entries)
        let offset = UInt64(truncatingIfNeeded: start + lies.offset)
        if hasWideEnd {
            let record = UInt64(file.count)
            file.append(little: UInt32(0x0606_4b50))
            file.append(little: UInt64(44))
            file.append(little: UInt32(0x002d_002d))
            file.append(little: UInt64(0))
            for value in [entries, entries, size, offset] { file.append(little: value) }
            file.append(little: UInt32(0x0706_4b50))
            file.append(little: UInt32(0))
            file.append(little: record)
            file.append(little: UInt32(1))
        }
        file.append(little: UInt32(0x0605_4b50))
        file.append(little: UInt32(0))
        for _ in 0..<2 { file.append(little: UInt16(truncatingIfNeeded: entries)) }
        file.append(little: UInt32(truncatingIfNeeded: size))
        file.append(little: UInt32(truncatingIfNeeded: offset))
        file.append(little: UInt16(truncatingIfNeeded: comment.count))
        file += comment
    }
}
