import Foundation
import ProteanImage
import Testing

/// What stands in an image's place among files.
@Suite final class ImageFileTests {
    private let folder: URL

    init() throws {
        folder = FileManager.default.temporaryDirectory
            .appendingPathComponent("protean-images-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(at: folder) }

    private func path(_ name: String) -> String { folder.appendingPathComponent(name).path }

    private func error(_ path: String) -> ImageError? {
        #expect(throws: ImageError.self) { try Image.decode(path) }
    }

    @Test func onlyRegularFilesAreRead() throws {
        let pipe = path("pipe")
        try #require(mkfifo(pipe, 0o600) == 0)
        for (path, kind) in [
            (pipe, "a pipe"), (folder.path, "a directory"), ("/dev/zero", "a device"),
            ("/dev/null", "a device"),
        ] {
            #expect(
                error(path)
                    == .fileAccess(file: path, reason: "expected a regular file, found \(kind)"))
        }
    }

    @Test func pathsThatNameNothingAreToldApart() {
        #expect(
            error("")
                == .fileAccess(file: "", reason: "expected a path, found an empty one"))
        #expect(
            error("a\0b")
                == .fileAccess(
                    file: "a\0b", reason: "expected a path, found a NUL character in it"))
        #expect(
            error(path("none"))
                == .fileAccess(
                    file: path("none"), reason: "No such file or directory"))
    }

    @Test func sizesAreCheckedBeforeAnythingIsRead() throws {
        try Data().write(to: URL(fileURLWithPath: path("empty")))
        #expect(
            error(path("empty"))
                == .truncated(
                    file: path("empty"), reason: "the file is empty"))
        // Holes: the file takes no space.
        for (size, isImage) in [(Image.maximumFileSize + 1, true), (Image.maximumFileSize, false)] {
            let name = path("\(size)")
            try Data(repeating: 0, count: 8).write(to: URL(fileURLWithPath: name))
            try #require(truncate(name, off_t(size)) == 0)
            if isImage {
                #expect(
                    error(name)
                        == .limitExceeded(
                            file: name,
                            reason: "expected at most \(Image.maximumFileSize) bytes, found \(size)"
                        ))
            } else {
                #expect(error(name) == .unknownFormat(file: name))
            }
        }
    }

    @Test func linksAreFollowed() throws {
        let image = try noiseImage(5, 4, 3, seed: 1)
        try image.writePNG(to: path("a.png"))
        try FileManager.default.createSymbolicLink(
            atPath: path("link"), withDestinationPath: path("a.png"))
        #expect(try Image.decode(path("link")) == image)
    }

    @Test func errorsAreOneLineWithoutControlCharacters() {
        let file = "a\u{1B}[31m\n\u{202E}"
        let errors: [ImageError] = [
            .fileAccess(file: file, reason: "r"), .unknownFormat(file: file),
            .invalidSize(file: file, width: 1, height: 2), .unsupported(file: file, feature: "f"),
            .limitExceeded(file: file, reason: "r"), .truncated(file: file, reason: "r"),
            .corrupt(file: file, reason: "r"), .outOfMemory(file: file),
        ]
        for error in errors {
            #expect(error.description.hasPrefix("a\\u{1B}[31m\\u{A}\\u{202E}: "))
        }
        #expect(ImageError.unknownFormat(file: "ä b.png").description.hasPrefix("ä b.png: "))
        #expect(ImageError.fileAccess(file: "", reason: "r").description == "'': r")
    }
}
