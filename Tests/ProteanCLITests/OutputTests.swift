import Foundation
import Protean
import ProteanImage
import Testing

/// What commands do with the place that their result is written to.
@Suite struct OutputTests {
    private let folder: TemporaryFolder
    private static let apply =
        #""$P" apply MaxPool2d --config '{"kernel_size": 2}' --input in.safetensors --output "#

    init() throws {
        folder = try TemporaryFolder()
        let x = try Tensor((0..<1024).map(Float.init), shape: [1, 4, 16, 16])
        try Checkpoint.writeSafetensors(to: folder.path("in.safetensors"), tensors: [("x", x)])
        try folder.expectedOutput()
    }

    /// The bytes of what `apply` writes.
    private func expected() throws -> Data { try Data(contentsOf: folder.url("expected")) }

    private func expectFailure(_ script: String, _ parts: String...) throws {
        let result = try shell(script, in: folder)
        #expect(result.status == 1, "\(script): \(result.status) \(result.errors)")
        #expect(result.errorLines.count == 1, "\(result.errors)")
        for part in ["protean: "] + parts {
            #expect(result.errors.contains(part), "\(result.errors) lacks \(part)")
        }
        #expect(try folder.unfinished().isEmpty)
    }

    private func expectSuccess(_ script: String) throws {
        let result = try shell(script, in: folder)
        #expect(result.status == 0 && result.errors.isEmpty, "\(script): \(result.errors)")
        #expect(try folder.unfinished().isEmpty)
    }

    @Test func aLinkIsFollowedAndItsFileKeepsItsMode() throws {
        try expectSuccess(
            "mkdir d && echo old > d/real && chmod 604 d/real && ln -s d/real l1 && ln -s l1 l2; "
                + Self.apply + "l2")
        #expect(try Data(contentsOf: folder.url("d/real")) == expected())
        for link in ["l1", "l2"] { #expect(try folder.type(link) == .typeSymbolicLink) }
        let attributes = try FileManager.default.attributesOfItem(atPath: folder.path("d/real"))
        #expect(attributes[.posixPermissions] as? Int == 0o604)
    }

    @Test func aDanglingLinkLeadsToANewFile() throws {
        try expectSuccess("umask 027; ln -s fresh link; " + Self.apply + "link")
        #expect(try Data(contentsOf: folder.url("fresh")) == expected())
        #expect(try folder.type("link") == .typeSymbolicLink)
        let attributes = try FileManager.default.attributesOfItem(atPath: folder.path("fresh"))
        #expect(attributes[.posixPermissions] as? Int == 0o640)
    }

    @Test func aPipeIsWrittenThrough() throws {
        try expectSuccess("mkfifo p; cat p > got & " + Self.apply + "p && wait")
        #expect(try Data(contentsOf: folder.url("got")) == expected())
        #expect(try folder.type("p") != .typeRegular)
    }

    @Test(arguments: ["-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1", "link"])
    func standardOutputIsWrittenThrough(_ place: String) throws {
        #if !os(Linux)
            if place.hasPrefix("/proc") { return }
        #endif
        // Appended: the place is not opened anew.
        try expectSuccess(
            "ln -s /dev/stdout link; printf abc > got; \(Self.apply)\(place) >> got")
        #expect(try Data(contentsOf: folder.url("got")) == Data("abc".utf8) + expected())
    }

    @Test func theDeviceThatTakesEverythingDoes() throws {
        try expectSuccess("ln -s /dev/null link; " + Self.apply + "link")
        #expect(try folder.type("link") == .typeSymbolicLink)
    }

    /// Copies of device nodes, where the process may make them: never the real ones.
    @Test(arguments: ["c 1 5", "c 1 7", "b 240 0"]) func otherDevicesAreRefused(_ node: String)
        throws
    {
        guard try shell("mknod node \(node)", in: folder).status == 0 else { return }
        let type = try folder.type("node")
        try expectFailure(Self.apply + "node", "node: is a", "device")
        #expect(try folder.type("node") == type)
    }

    @Test func whatIsNoFileIsRefused() throws {
        try expectFailure("mkdir d; " + Self.apply + "d", "d: is a directory")
        try expectFailure("ln -s b a; ln -s a b; " + Self.apply + "a", "a: ")
        try expectFailure(Self.apply + "new/", "new/: ends in '/'")
        try expectFailure(Self.apply + "missing/y", "missing/y: cannot be made: No such file")
    }

    @Test func aFullDiskLeavesTheOldFile() throws {
        try expectFailure("printf old > y; ulimit -f 1; " + Self.apply + "y", "y: write: ")
        #expect(try Data(contentsOf: folder.url("y")) == Data("old".utf8))
        try expectFailure(Self.apply + "- > /dev/full", "/dev/stdout: write: No space left")
    }

    @Test func aReadOnlyFileStays() throws {
        // Permissions do not bind the superuser.
        guard geteuid() != 0 else { return }
        try expectFailure("printf old > y; chmod 444 y; " + Self.apply + "y", "Permission denied")
        try expectFailure(
            "mkdir d; printf old > d/y; chmod 555 d; \(Self.apply) d/y; s=$?; chmod 755 d; exit $s",
            "its folder cannot be written")
    }

    @Test func aNameAsLongAsNamesCanBe() throws {
        let name = String(repeating: "n", count: 255)
        try expectSuccess(Self.apply + name)
        #expect(try Data(contentsOf: folder.url(name)) == expected())
    }

    /// The place of the result is looked at before anything else is.
    @Test(arguments: [
        #""$P" apply MaxPool2d --input missing --output /nowhere/y"#,
        #""$P" upscale smsr_x2 --weights missing --image missing --output /nowhere/y"#,
        #""$P" draw mask smsr_x2 --weights missing --image missing --output /nowhere/y"#,
        #""$P" draw offsets protean_deformable --image missing --output /nowhere/y"#,
        #""$P" bench resnet20_cifar --weights missing --save /nowhere/y"#,
    ])
    func aPlaceThatCannotBeWrittenIsFoundFirst(_ script: String) throws {
        try expectFailure(script, "/nowhere/y: cannot be made: No such file or directory")
    }

    @Test func aReportsPlaceIsFoundBeforeMeasuring() throws {
        for option in ["--json", "--report"] {
            let result = try shell(
                #""$K" --case 'a copy h=1 w=1 c=1' --min-time 3600 \#(option) /nowhere/y"#,
                in: folder)
            #expect(result.status == 1 && result.output.isEmpty)
            #expect(result.errors.contains("/nowhere/y: cannot be made"), "\(result.errors)")
        }
    }

    @Test func picturesAndReportsFollowLinks() throws {
        let image = try Image(
            width: 16, height: 12, channels: 3, pixels: .init(repeating: 9, count: 576))
        try image.writePNG(to: folder.path("a.png"))
        try expectSuccess(
            "touch real; ln -s real l; "
                + #""$P" draw offsets protean_deformable --image a.png --output l > /dev/null"#)
        #expect(try folder.type("l") == .typeSymbolicLink)
        #expect(try Image.decode(folder.path("real")).width > 0)
        let result = try shell(
            #""$P" draw offsets protean_deformable --image a.png --output - > b.png"#, in: folder)
        #expect(result.status == 0, "\(result.errors)")
        #expect(
            try Data(contentsOf: folder.url("b.png")) == Data(contentsOf: folder.url("real")))
        let report = try shell(
            #"touch j h; ln -s j j1; ln -s h h1; "$K" --case 'a copy h=9 w=9 c=9' --threads 1 "#
                + "--min-time 0.002 --json j1 --report h1", in: folder)
        #expect(report.status == 0, "\(report.errors)")
        for (link, file) in [("j1", "j"), ("h1", "h")] {
            #expect(try folder.type(link) == .typeSymbolicLink)
            #expect(try !Data(contentsOf: folder.url(file)).isEmpty)
        }
        #expect(try folder.unfinished().isEmpty)
    }
}

extension TemporaryFolder {
    func url(_ name: String) -> URL { url.appendingPathComponent(name) }

    /// The type of a name itself, links not followed.
    func type(_ name: String) throws -> FileAttributeType? {
        try FileManager.default.attributesOfItem(atPath: path(name))[.type] as? FileAttributeType
    }

    /// Names of files that were begun and not finished.
    func unfinished() throws -> [String] {
        let found = FileManager.default.enumerator(atPath: url.path)?.compactMap { $0 as? String }
        return (found ?? []).filter { $0.hasSuffix(".partial") }
    }

    /// What the suite's `apply` makes, as a plain file.
    fileprivate func expectedOutput() throws {
        let result = try shell(
            #""$P" apply MaxPool2d --config '{"kernel_size": 2}' --input in.safetensors "#
                + "--output expected", in: self)
        guard result.status == 0 else { throw CocoaError(.fileWriteUnknown) }
    }
}
