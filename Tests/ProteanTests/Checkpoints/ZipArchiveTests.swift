import Testing

@testable import Protean

@Suite struct ZipArchiveTests {
    private static let valid = ZipBuilder(
        pickle: Pickle.dictionary([
            ("w", Pickle.tensor("0", count: 1, shape: [1], strides: [1]))
        ]), storages: [("0", [0, 0, 0x80, 0x3f])])

    private func problem(_ change: (inout ZipBuilder) -> Void) -> WeightFileProblem? {
        var builder = Self.valid
        change(&builder)
        return WeightFiles.problem(builder.bytes)
    }

    @Test func theUnchangedArchiveIsRead() throws {
        #expect(try Checkpoint(contentsOf: Self.valid.bytes).tensor("w").elements == [1])
        #expect(problem { $0.comment = Array("a comment".utf8) } == nil)
    }

    @Test func checksumsAreCompared() {
        #expect(
            problem { $0.members[0].checksum = 1 }
                == .checksumMismatch(member: "archive/data.pkl"))
        #expect(
            problem { $0.members[1].checksum = 1 } == .checksumMismatch(member: "archive/data/0"))
        #expect(
            problem { for index in 0..<2 { $0.members[index].checksum = 0 } } == nil,
            "PyTorch writes zeros when told to leave checksums out")
    }

    @Test func compressedAndEncryptedMembersAreRefused() {
        #expect(
            problem { $0.members[1].method = 8 }
                == .unsupportedFeature("the compressed zip member 'archive/data/0' (method 8)"))
        #expect(
            problem { $0.members[1].flags = 1 }
                == .unsupportedFeature("the encrypted zip member 'archive/data/0'"))
    }

    @Test func membersOutsideTheFileAreRefused() {
        guard
            case .invalidRange("archive/data/0", _, _, _)? = problem({
                $0.members[1].size = 1 << 30
            })
        else {
            Issue.record("size")
            return
        }
        guard
            case .invalidRange("archive/data/0", 0x7fff_0000, _, _)? = problem({
                $0.members[1].offset = 0x7fff_0000
            })
        else {
            Issue.record("offset")
            return
        }
    }

    /// Many members that share their bytes are how small files become large ("zip bomb").
    @Test func overlappingMembersAreRefused() {
        #expect(
            problem {
                $0.members[1].offset = 0
                $0.members[1].name = "archive/data.pkl"
            } == .duplicateName("archive/data.pkl"))
        // The second member's header and content inside of the first one's content.
        var inner = Self.valid
        inner.members.removeFirst()
        let hidden = inner.bytes.prefix(34 + "archive/data/0".utf8.count)
        #expect(
            problem {
                $0.members[0].content += hidden
                let end = 30 + "archive/data.pkl".utf8.count + $0.members[0].content.count
                $0.members[1].offset = UInt32(end - hidden.count)
            } == .overlap(first: "archive/data.pkl", second: "archive/data/0"))
    }

    @Test func theDirectoryMustAgreeWithTheHeaders() {
        #expect(
            problem { $0.members[1].offset = 0 }
                == .malformed(
                    what: "zip member 'archive/data/0'",
                    reason: "its header and the directory differ"))
        #expect(
            problem { $0.members[1].offset = 1 }
                == .malformed(
                    what: "zip member 'archive/data/0'", reason: "no header at byte 1"))
    }

    @Test func theDirectoryMustBeWhole() {
        var bytes = Self.valid.bytes
        bytes.insert(0, at: bytes.count - 22)
        guard case .invalidRange("zip directory", _, _, _)? = WeightFiles.problem(bytes) else {
            Issue.record("a byte between the directory and its end record")
            return
        }
        var many = Self.valid.bytes
        many.replaceSubrange((many.count - 14)..<(many.count - 10), with: [0xff, 0xff, 0xff, 0xff])
        #expect(
            WeightFiles.problem(many)
                == .truncated(what: "zip directory", expected: 65535, found: 2))
        var few = Self.valid.bytes
        few.replaceSubrange((few.count - 14)..<(few.count - 10), with: [1, 0, 1, 0])
        guard case .malformed("zip directory", _)? = WeightFiles.problem(few) else {
            Issue.record("an entry that is not counted")
            return
        }
        var parts = Self.valid.bytes
        parts[parts.count - 18] = 1
        #expect(
            WeightFiles.problem(parts) == .unsupportedFeature("a zip file in several parts"))
    }

    @Test func theLayoutOfTheFolderIsChecked() {
        for name in ["archive/other.pkl", "file"] {
            guard case .foreignFormat? = problem({ $0.members[0].name = name }) else {
                Issue.record("an archive without data.pkl")
                continue
            }
        }
        #expect(
            problem {
                $0.members.append(.init(name: "archive/byteorder", content: Array("big".utf8)))
            } == .unsupportedFeature("a file in another byte order than little-endian"))
        #expect(
            problem { $0.members[0].content += [0] }
                == .malformed(what: "data.pkl", reason: "bytes after its end"))
    }
}
