import Foundation
import Protean
import ProteanImage
import Testing

/// `protean draw filters`, as a process.
@Suite struct DrawFiltersTests {
    private let folder: TemporaryFolder
    private static let carafe = #"{"kernel_size": 3, "group_size": 1, "scale_factor": 2}"#

    init() throws { folder = try TemporaryFolder() }

    /// A map of 5 × 7 pixels and a mask whose filters are one tap: the right neighbour in the left
    /// half of the output, the middle in the right half.
    private func writeCARAFE() throws -> String {
        let (height, width) = (10, 14)
        var mask = [Float](repeating: 0, count: 9 * height * width)
        for y in 0..<height {
            for x in 0..<width { mask[((x < 7 ? 5 : 4) * height + y) * width + x] = 1 }
        }
        let path = folder.path("in.safetensors")
        try Checkpoint.writeSafetensors(
            to: path,
            tensors: [
                (name: "x", tensor: try Tensor(repeating: 1, shape: [1, 3, 5, 7])),
                (name: "mask", tensor: try Tensor(mask, shape: [1, 9, height, width])),
            ])
        return path
    }

    private func color(_ image: Image, _ x: Int, _ y: Int) -> [UInt8] {
        let at = (y * image.width + x) * 3
        return Array(image.pixels[at..<at + 3])
    }

    @Test func centresAreDrawnByDirection() throws {
        let result = try protean(
            "draw", "filters", "CARAFE", "--config", Self.carafe, "--input", writeCARAFE(),
            "--output", folder.path("out.png"))
        try #require(result.status == 0, "\(result.errors)")
        #expect(result.output.contains("input [1, 5, 7, 3], output [1, 10, 14, 3]"))
        // Half of the filters lie one pixel to the right; single taps have no spread.
        #expect(result.output.contains("centre's distance  0.50     1.00"))
        #expect(result.output.contains("spread             0.00     0.00"))
        let picture = try Image.decode(folder.path("out.png"))
        // Two panels of 14 · 21 × 10 · 21 pixels, 8 pixels apart.
        #expect(picture.width == 2 * 14 * 21 + 8 && picture.height == 10 * 21)
        #expect(color(picture, 10, 10) == [255, 0, 0])
        #expect(color(picture, 13 * 21, 10) == [255, 255, 255])
        #expect(color(picture, 14 * 21 + 8 + 10, 10) == [0, 0, 0])
    }

    @Test func layersAreListed() throws {
        let result = try protean(
            "draw", "filters", "CARAFE", "--config", Self.carafe, "--input", writeCARAFE(), "--list"
        )
        #expect(result.status == 0)
        #expect(result.output.contains("CARAFE  3x3 filters, 1 group  [1, 5, 7, 3]"))
    }

    @Test func regionsHaveAColourEach() throws {
        let pixels = 6 * 4
        let map = (0..<pixels).map { Float($0 % 4 < 1 ? 0 : 2) }
        try Checkpoint.writeSafetensors(
            to: folder.path("in"),
            tensors: [
                (name: "x", tensor: try Tensor(repeating: 1, shape: [1, 2, 6, 4])),
                (name: "guide", tensor: try Tensor(map, shape: [1, 1, 6, 4])),
            ])
        try Checkpoint.writeSafetensors(
            to: folder.path("w"),
            tensors: [
                (name: "weight", tensor: try Tensor(repeating: 1, shape: [3 * 2 * 9, 2])),
                (name: "bias", tensor: try Tensor(zeros: [3])),
                (name: "routing_fc.weight", tensor: try Tensor(zeros: [6, 2])),
                (name: "routing_fc.bias", tensor: try Tensor(zeros: [6])),
            ])
        let result = try protean(
            "draw", "filters", "RegionAwareConv2d", "--config",
            #"{"in_channels": 2, "out_channels": 3, "kernel_size": 3, "padding": 1, "#
                + #""groups_num": 3, "num_W": 2}"#,
            "--weights", folder.path("w"), "--input", folder.path("in"), "--output",
            folder.path("out.png"))
        try #require(result.status == 0, "\(result.errors)")
        for line in ["0           25.0 %", "1            0.0 %", "2           75.0 %"] {
            #expect(result.output.contains(line), "\(result.output)")
        }
        let picture = try Image.decode(folder.path("out.png"))
        #expect(picture.width == 200 && picture.height == 300)
        #expect(color(picture, 10, 10) != color(picture, 190, 10))
        #expect(color(picture, 60, 10) == color(picture, 190, 290))
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
        let input = try writeCARAFE(), out = folder.path("out.png")
        func draw(_ more: String...) throws -> CommandResult {
            try protean(
                ["draw", "filters", "CARAFE", "--config", Self.carafe, "--output", out] + more)
        }
        expectFailure(try draw("--input", input, "--group", "1"), "option 'group' is 1")
        expectFailure(try draw("--input", input, "--sample", "1"), "option 'sample' is 1")
        expectFailure(
            try draw("--input", input, "--layer", "a"), "unknown layer with filters 'a'")
        expectFailure(try draw("--input", "none.safetensors"), "none.safetensors")
        expectFailure(
            try protean(
                "draw", "filters", "MaxPool2d", "--config", #"{"kernel_size": 2}"#, "--input",
                folder.path("x"), "--output", out), "x")
        let neither = try draw()
        #expect(neither.status == 64)
    }

    @Test func helpHasExamples() throws {
        let result = try protean("draw", "filters", "--help")
        #expect(result.status == 0 && result.output.contains("protean draw filters rednet26"))
    }
}
