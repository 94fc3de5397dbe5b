import Foundation
import Protean
import ProteanImage
import Testing

/// `protean draw offsets`, as a process.
@Suite struct DrawOffsetsTests {
    private let folder: TemporaryFolder
    private let config =
        #"{"in_channels": 3, "out_channels": 2, "kernel_size": 3, "padding": 1}"#

    /// An image of 20 × 16 pixels, and a layer that moves every sample by (2, −3) pixels.
    init() throws {
        folder = try TemporaryFolder()
        let pixels = (0..<20 * 16 * 3).map { UInt8(truncatingIfNeeded: $0 % 96) }
        try Image(width: 20, height: 16, channels: 3, pixels: pixels)
            .writePNG(to: folder.path("in.png"))
        let offsets: [Float] = (0..<18).map { $0 % 2 == 0 ? 2 : -3 }
        let bias = offsets + [Float](repeating: 50, count: 9)
        try Checkpoint.writeSafetensors(
            to: folder.path("w"),
            tensors: [
                (name: "weight", tensor: try Tensor(repeating: 1, shape: [2, 3, 3, 3])),
                (name: "bias", tensor: try Tensor(zeros: [2])),
                (name: "conv_offset.weight", tensor: try Tensor(zeros: [27, 3, 3, 3])),
                (name: "conv_offset.bias", tensor: try Tensor(bias, shape: [27])),
            ])
    }

    private func draw(_ more: String...) throws -> CommandResult {
        try protean(
            [
                "draw", "offsets", "ModulatedDeformableConv2d", "--weights", folder.path("w"),
                "--image", folder.path("in.png"),
            ] + more)
    }

    private func isRed(_ image: Image, _ x: Int, _ y: Int) -> Bool {
        let at = (y * image.width + x) * 3
        return image.pixels[at] > 200 && image.pixels[at + 1] < 120
    }

    @Test func dotsLieOnTheSamples() throws {
        let result = try draw(
            "--config", config, "--at", "5,9", "--output", folder.path("out.png"), "--scale", "20")
        try #require(result.status == 0, "\(result.errors)")
        #expect(result.output.contains("input [1, 16, 20, 3], output [1, 16, 20, 2]"))
        #expect(result.output.contains("3.61"))
        let picture = try Image.decode(folder.path("out.png"))
        #expect(picture.width == 400 && picture.height == 320)
        // Taps of (5, 9) read rows 4 to 6 and columns 8 to 10; moved, rows 6 to 8, columns 5 to 7.
        for row in 6...8 {
            for column in 5...7 { #expect(isRed(picture, column * 20 + 10, row * 20 + 10)) }
        }
        #expect(!isRed(picture, 15 * 20, 12 * 20))
    }

    @Test func layersAreListed() throws {
        let result = try draw("--config", config, "--list")
        #expect(result.status == 0)
        #expect(result.output.contains("ModulatedDeformableConv2d  3x3"))
    }

    @Test func activeConvolutionsAreDrawn() throws {
        let positions = (0..<9).map { Float($0) / 2 }
        try Checkpoint.writeSafetensors(
            to: folder.path("active"),
            tensors: [
                (name: "weight", tensor: try Tensor(repeating: 1, shape: [2, 3, 3, 3])),
                (name: "bias", tensor: try Tensor(zeros: [2])),
                (name: "xpos", tensor: try Tensor(positions, shape: [1, 1, 3, 3])),
                (name: "ypos", tensor: try Tensor(zeros: [1, 1, 3, 3])),
            ])
        let result = try protean(
            "draw", "offsets", "ActiveConv2d", "--weights", folder.path("active"), "--config",
            #"{"in_channels": 3, "num_output": 2, "kernel_size": 3, "pad": 1}"#, "--image",
            folder.path("in.png"), "--at", "5,9", "--scale", "20", "--output",
            folder.path("out.png"))
        try #require(result.status == 0, "\(result.errors)")
        let picture = try Image.decode(folder.path("out.png"))
        // Columns 9 to 13, half a pixel apart, in the output's own row.
        for half in 0..<9 { #expect(isRed(picture, 190 + 10 * half, 110)) }
    }

    @Test func modelsAreDrawnWithTheirPreprocessing() throws {
        let result = try protean(
            "draw", "offsets", "resnet50_dcn", "--image", folder.path("in.png"), "--layer",
            "layer4.2.conv2", "--at", "3,3", "--at", "0,6", "--output", folder.path("out.png"))
        try #require(result.status == 0, "\(result.errors)")
        #expect(result.output.contains("layer4.2.conv2: input [1, 7, 7, 512]"))
        let picture = try Image.decode(folder.path("out.png"))
        #expect(picture.width == 448 && picture.height == 448)
    }

    /// One line on standard error that names what is wrong, status 1, nothing written.
    private func expectFailure(_ result: CommandResult, _ parts: String...) {
        #expect(result.status == 1)
        #expect(result.errorLines.count == 1 && result.output.isEmpty)
        for part in parts {
            #expect(result.errors.contains(part), "\(result.errors) lacks \(part)")
        }
        #expect(!folder.exists("out.png"))
    }

    @Test func whatDoesNotFitIsNamed() throws {
        let out = folder.path("out.png")
        expectFailure(
            try draw("--config", config, "--output", out, "--at", "16,0"), "option 'row' is 16",
            "0..<16")
        expectFailure(
            try draw("--config", config, "--output", out, "--group", "1"), "option 'group' is 1")
        expectFailure(
            try draw("--config", config, "--output", out, "--layer", "conv9"),
            "unknown deformable layer 'conv9'")
        expectFailure(try draw("--output", out), "option 'in_channels' is missing")
        expectFailure(
            try protean(
                "draw", "offsets", "protean_tiny", "--image", folder.path("in.png"), "--output",
                out), "'protean_tiny' has no layer with displacements")
        expectFailure(
            try protean(
                "draw", "offsets", "GridSample", "--image", folder.path("in.png"), "--output", out),
            "layer 'GridSample' takes more than an image")
        expectFailure(
            try protean("draw", "offsets", "resnet50_dcn", "--image", "none.png", "--output", out),
            "none.png")
    }

    @Test func wrongArgumentsKeepTheParsersStatus() throws {
        for arguments in [[], ["--output", "x.png", "--at", "5"], ["--group", "-1", "--list"]] {
            let result = try protean(
                ["draw", "offsets", "resnet50_dcn", "--image", "x.png"] + arguments)
            #expect(result.status == 64, "\(arguments)")
        }
    }

    @Test func helpHasExamples() throws {
        for arguments in [["draw", "--help"], ["draw", "offsets", "--help"]] {
            let result = try protean(arguments)
            #expect(result.status == 0)
            #expect(result.output.contains("protean draw offsets resnet50_dcn"))
        }
    }
}
