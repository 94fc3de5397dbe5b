import Foundation
import Testing

@testable import Protean

/// The writer of all result files.
@Suite(.serialized) struct OutputFileTests {
    private let folder: URL

    init() throws {
        folder = FileManager.default.temporaryDirectory
            .appendingPathComponent("output-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    }

    private func path(_ name: String) -> String { folder.appendingPathComponent(name).path }

    private func names() throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted()
    }

    private func content(_ name: String) throws -> String {
        try String(contentsOfFile: path(name), encoding: .utf8)
    }

    private func begin(_ name: String, _ text: String) throws -> OutputFile {
        let file = try OutputFile(path(name))
        try Array(text.utf8).withUnsafeBytes { try file.write($0) }
        return file
    }

    private func finish() { try? FileManager.default.removeItem(at: folder) }

    @Test func onlyACommitReplaces() throws {
        defer { finish() }
        try Data("old".utf8).write(to: folder.appendingPathComponent("y"))
        var file: OutputFile? = try begin("y", "new")
        #expect(try names().count == 2)
        #expect(try content("y") == "old")
        file = nil
        #expect(try names() == ["y"])
        #expect(try content("y") == "old")
        file = try begin("y", "new")
        try file?.commit()
        file = nil
        #expect(try names() == ["y"])
        #expect(try content("y") == "new")
    }

    @Test func lookingLeavesNothing() throws {
        defer { finish() }
        try OutputFile.check(path("y"))
        #expect(try names().isEmpty)
        #expect(throws: ProteanError.self) { try OutputFile.check(path("missing/y")) }
        #expect(throws: ProteanError.self) { try OutputFile.check(folder.path) }
        #expect(throws: ProteanError.self) { try OutputFile.check("") }
        #expect(throws: ProteanError.self) { try OutputFile.check(folder.path + "/a\0b") }
        #expect(throws: ProteanError.self) { try OutputFile.check("/dev/fd/987") }
    }

    @Test func permissionBitsStay() throws {
        defer { finish() }
        for mode in [0o600, 0o640, 0o666, 0o755] {
            try Data("old".utf8).write(to: folder.appendingPathComponent("y"))
            try FileManager.default.setAttributes(
                [.posixPermissions: mode], ofItemAtPath: path("y"))
            try OutputFile.write(Array("new".utf8), to: path("y"))
            let found = try FileManager.default.attributesOfItem(atPath: path("y"))
            #expect(found[.posixPermissions] as? Int == mode)
        }
    }

    /// Only the superuser can hand files on to others.
    @Test(.enabled(if: geteuid() == 0, "only root may give files away"))
    func theOwnerStays() throws {
        defer { finish() }
        try Data("old".utf8).write(to: folder.appendingPathComponent("y"))
        #expect(chown(path("y"), 12_345, 23_456) == 0)
        try OutputFile.write(Array("new".utf8), to: path("y"))
        var status = stat()
        #expect(stat(path("y"), &status) == 0)
        #expect(status.st_uid == 12_345 && status.st_gid == 23_456)
    }

    @Test func anInterruptionRemovesWhatIsNotFinished() throws {
        defer { finish() }
        try Data("old".utf8).write(to: folder.appendingPathComponent("y"))
        let file = try begin("y", "new")
        OutputFile.removingTemporaries {}
        #expect(try names() == ["y"])
        #expect(throws: ProteanError.self) { try file.commit() }
        #expect(try content("y") == "old")
    }

    @Test func aPipeWithoutAReaderIsLeft() throws {
        defer { finish() }
        #expect(mkfifo(path("p"), 0o600) == 0)
        // The pipe is not opened here.
        try OutputFile.check(path("p"))
        #expect {
            _ = try OutputFile(path("p"), patience: .milliseconds(50))
        } throws: { "\($0)".hasSuffix("nobody reads from this pipe") }
        let reader = open(path("p"), O_RDONLY | O_NONBLOCK)
        defer { close(reader) }
        try OutputFile.write(Array("through".utf8), to: path("p"))
        var buffer = [UInt8](repeating: 0, count: 16)
        #expect(read(reader, &buffer, 16) == 7)
        #expect(buffer.prefix(7).elementsEqual("through".utf8))
    }

    @Test func whatIsOpenForReadingIsNoPlace() throws {
        defer { finish() }
        try Data("old".utf8).write(to: folder.appendingPathComponent("y"))
        let reader = open(path("y"), O_RDONLY)
        defer { close(reader) }
        #expect {
            try OutputFile.check("/dev/fd/\(reader)")
        } throws: { "\($0)".hasSuffix("is open for reading only") }
    }

    #if os(Linux)
        @Test func terminalsAreWrittenThrough() throws {
            defer { finish() }
            let controller = open("/dev/ptmx", O_RDWR | O_NOCTTY)
            guard controller >= 0 else { return }
            defer { close(controller) }
            // Linux's numbers for unlocking a pseudo-terminal and for asking which it is.
            var lock: Int32 = 0, number: Int32 = 0
            guard ioctl(controller, 0x4004_5431, &lock) == 0,
                ioctl(controller, 0x8004_5430, &number) == 0
            else { return }
            try OutputFile.check("/dev/pts/\(number)")
            try OutputFile.write(Array("through".utf8), to: "/dev/pts/\(number)")
            var buffer = [UInt8](repeating: 0, count: 16)
            #expect(read(controller, &buffer, 16) == 7)
            #expect(buffer.prefix(7).elementsEqual("through".utf8))
        }
    #endif

    @Test func everyFileNameHasASpelling() {
        var generator = SystemRandomNumberGenerator()
        let likely: [UInt8] = [0xF4, 0x8F, 0x9E, 0x9F, 0xC3, 0xA9, 0xFF, 0x41]
        for _ in 0..<10_000 {
            let bytes = (0..<Int.random(in: 0...9, using: &generator)).map { _ in
                Bool.random(using: &generator)
                    ? likely[Int.random(in: 0..<likely.count, using: &generator)]
                    : UInt8.random(in: 1...255, using: &generator)
            }
            #expect(PathBytes.bytes(of: PathBytes.spelling(of: bytes)) == bytes)
        }
        #expect(PathBytes.spelling(of: Array("é 名".utf8)) == "é 名")
        #expect(PathBytes.spelling(of: [0x61, 0xFF]).escaped == #"a\xFF"#)
    }
}
