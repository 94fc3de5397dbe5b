import Foundation
import Protean
import ProteanImage
import ProteanModels
import Testing

/// Images as people have them, in the commands that read them.
@Suite struct ImageCommandTests {
    private let folder: TemporaryFolder
    private let upscale: [String]
    private let golden = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().appendingPathComponent("Golden/images")

    init() throws {
        folder = try TemporaryFolder()
        let weights = folder.path("w.safetensors")
        try SMSR(scale: 2, features: 16).save(to: weights)
        upscale = ["smsr_x2", "--weights", weights, "--config", "{\"n_feats\": 16}", "--image"]
    }

    private func write(_ width: Int, _ height: Int, to name: String) throws -> String {
        let pixels = (0..<width * height * 3).map { UInt8(truncatingIfNeeded: $0 &* 37) }
        let path = folder.path(name)
        try Image(width: width, height: height, channels: 3, pixels: pixels).writePNG(to: path)
        return path
    }

    @Test(arguments: [(2, 3), (1, 1), (5, 4), (7, 9)])
    func oddImagesAreEnlargedAndDrawn(width: Int, height: Int) throws {
        let image = try write(width, height, to: "odd.png")
        let output = folder.path("out.png")
        let result = try protean(["upscale"] + upscale + [image, "--output", output])
        try #require(result.status == 0, "\(result.errors)")
        let large = try Image.decode(output)
        #expect((large.width, large.height) == (2 * width, 2 * height))
        for option in [[], ["--overlay"]] {
            let drawn = try protean(
                ["draw", "mask"] + upscale + [image, "--output", output] + option)
            try #require(drawn.status == 0, "\(drawn.errors)")
            let mask = try Image.decode(output)
            #expect((mask.width, mask.height) == (width, height))
        }
    }

    @Test func aFileWithoutItsEndIsReadWithANote() throws {
        let image = try write(6, 4, to: "a.png")
        let bytes = try Data(contentsOf: URL(fileURLWithPath: image))
        let cut = try folder.write(bytes.dropLast(12), to: "cut.png")
        var outputs: [Image] = []
        for (path, notes) in [(image, 0), (cut, 1)] {
            let output = folder.path("out.png")
            let result = try protean(["upscale"] + upscale + [path, "--output", output])
            try #require(result.status == 0, "\(result.errors)")
            #expect(result.errorLines.count == notes)
            #expect(notes == 0 || result.errors.contains("note: \(cut): the file is cut off"))
            outputs.append(try Image.decode(output))
        }
        #expect(outputs[0] == outputs[1])
    }

    @Test func imagesOfFourColoursAreEnlarged() throws {
        for name in ["cmyk.jpg", "ycck.jpg"] {
            let output = folder.path("out.png")
            let result = try protean(
                ["upscale"] + upscale
                    + [golden.appendingPathComponent(name).path, "--output", output])
            #expect(result.status == 0 && result.errors.isEmpty, "\(result.errors)")
            #expect(try Image.decode(output).width == 74)
        }
    }

    /// Every command that reads images has the option; each says once what it ignores.
    @Test func theOrientationIsAppliedWhenAsked() throws {
        let image = golden.appendingPathComponent("rotated.jpg").path
        let output = folder.path("out.png")
        let layer = folder.path("layer.safetensors")
        try Checkpoint.writeSafetensors(
            to: layer,
            tensors: [
                ("weight", try Tensor(zeros: [2, 3, 1, 1])),
                ("conv_offset.weight", try Tensor(zeros: [2, 3, 1, 1])),
                ("conv_offset.bias", try Tensor(zeros: [2])),
            ])
        let commands = [
            ["upscale"] + upscale + [image, "--output", output],
            ["draw", "mask"] + upscale + [image, "--output", output],
            ["bench", "smsr_x2", "--whole", "--repeat", "1", "--warm-up", "1", "--image", image],
            ["run", "protean_tiny", "--image", image],
            [
                "draw", "offsets", "DeformableConv2dPack", "--weights", layer, "--config",
                #"{"in_channels": 3, "out_channels": 2, "kernel_size": 1, "bias": false}"#,
                "--image", image, "--output", output, "--scale", "1",
            ],
        ]
        for command in commands {
            var sizes: [[Int]] = []
            for orientation in ["ignore", "apply"] {
                try? FileManager.default.removeItem(atPath: output)
                let result = try protean(command + ["--orientation", orientation])
                try #require(result.status == 0, "\(command): \(result.errors)")
                let notes = result.errorLines.filter { $0.contains("EXIF orientation 6") }
                #expect(notes.count == (orientation == "ignore" ? 1 : 0), "\(command)")
                if folder.exists("out.png") {
                    let picture = try Image.decode(output)
                    sizes.append([picture.width, picture.height])
                }
            }
            if sizes.count == 2 { #expect(sizes[0] == sizes[1].reversed(), "\(command)") }
        }
        let wrong = try protean(commands[0] + ["--orientation", "left"])
        #expect(wrong.status == 64 && wrong.errors.contains("'ignore' and 'apply'"))
    }

    @Test func whatIsNoImageFileIsRefusedByName() throws {
        let pipe = folder.path("pipe")
        try #require(mkfifo(pipe, 0o600) == 0)
        let odd = try folder.write(Array("no image".utf8), to: "a\u{1B}[31m.png")
        for (path, text) in [
            (pipe, "\(pipe): expected a regular file, found a pipe"),
            (folder.url.path, "expected a regular file, found a directory"),
            ("/dev/zero", "/dev/zero: expected a regular file, found a device"),
            ("/dev/stdin", "expected a regular file, found a device"),
            (odd, "a\\u{1B}[31m.png: not an image"),
        ] {
            let result = try protean(["run", "protean_tiny", "--image", path])
            #expect(result.status == 1 && result.output.isEmpty && result.errorLines.count == 1)
            #expect(result.errors.contains(text), "\(result.errors)")
            #expect(!result.errors.contains("\u{1B}"))
        }
        let empty = try protean(["run", "protean_tiny", "--image", ""])
        #expect(empty.status == 64)
        #expect(empty.errors.contains("expected a path, found an empty text"))
    }

    /// What could not be compared afterwards is refused before the network runs.
    @Test func aReferenceMustFit() throws {
        let image = try write(5, 3, to: "a.png")
        for (width, height, text) in [
            (10, 8, "expected the result's size, 10 x 6 pixels, found 10 x 8"), (10, 6, nil),
        ] as [(Int, Int, String?)] {
            let reference = try write(width, height, to: "reference.png")
            let result = try protean(["upscale"] + upscale + [image, "--reference", reference])
            #expect(result.status == (text == nil ? 0 : 1), "\(result.errors)")
            if let text { #expect(result.errors.contains("\(reference): \(text)")) }
        }
        let small = try write(2, 2, to: "small.png")
        let reference = try write(4, 4, to: "reference.png")
        let result = try protean(["upscale"] + upscale + [small, "--reference", reference])
        #expect(result.status == 1 && result.errors.contains("borders"), "\(result.errors)")
    }
}
