import Foundation
import Protean
import ProteanImage
import Testing

/// `protean draw attention`, as a process.
@Suite struct DrawAttentionTests {
    private let folder: TemporaryFolder
    private static let squeeze =
        #"{"variant": "torchvision", "input_channels": 4, "squeeze_channels": 1}"#

    init() throws { folder = try TemporaryFolder() }

    private func write(_ name: String, _ tensors: [(name: String, tensor: Tensor)]) throws -> String
    {
        let path = folder.path(name)
        try Checkpoint.writeSafetensors(to: path, tensors: tensors)
        return path
    }

    /// Gates 0, ½, ½ and 1 whatever the map.
    private func squeezeWeights() throws -> String {
        try write(
            "w.safetensors",
            [
                (name: "fc1.weight", tensor: try Tensor(zeros: [1, 4, 1, 1])),
                (name: "fc1.bias", tensor: try Tensor(zeros: [1])),
                (name: "fc2.weight", tensor: try Tensor(zeros: [4, 1, 1, 1])),
                (name: "fc2.bias", tensor: try Tensor([-100, 0, 0, 100], shape: [4])),
            ])
    }

    private func map(_ shape: [Int]) throws -> String {
        try write("in.safetensors", [(name: "x", tensor: try Tensor(repeating: 1, shape: shape))])
    }

    private func color(_ image: Image, _ x: Int, _ y: Int) -> [UInt8] {
        let at = (y * image.width + x) * 3
        return Array(image.pixels[at..<at + 3])
    }

    @Test func channelsHaveABarEach() throws {
        let result = try protean(
            "draw", "attention", "SqueezeExcitation", "--config", Self.squeeze, "--weights",
            squeezeWeights(), "--input", map([2, 4, 5, 6]), "--sample", "1", "--output",
            folder.path("out.png"))
        try #require(result.status == 0, "\(result.errors)")
        #expect(result.output.contains("SqueezeExcitation: map [2, 5, 6, 4], gates [2, 1, 1, 4]"))
        #expect(result.output.contains("gates     0.000  0.500    1.000"), "\(result.output)")
        // One panel of 6 · 50 × 5 · 50 pixels; a bar is 75 wide with a gap of one.
        let picture = try Image.decode(folder.path("out.png"))
        #expect(picture.width == 300 && picture.height == 250)
        let bar: [UInt8] = [40, 90, 200], white: [UInt8] = [255, 255, 255]
        for (x, top) in [(30, 249), (110, 125), (180, 125), (270, 0)] {
            for y in [0, 60, 120, 130, 200, 248] {
                #expect(color(picture, x, y) == (y >= top ? bar : white), "\(x), \(y)")
            }
            #expect(color(picture, x, 249) == [0, 0, 0])
        }
        #expect(color(picture, 149, 200) == white)
    }

    /// Gates per pixel follow the map: low on the left, high on the right.
    @Test func pixelsHaveAHeatMap() throws {
        let weights = try write(
            "w.safetensors",
            [
                (name: "conv.weight", tensor: try Tensor([1, 0, 0, 1], shape: [2, 2, 1, 1])),
                (name: "conv.bias", tensor: try Tensor(zeros: [2])),
            ])
        let values = (0..<2 * 3 * 4).map { Float($0 % 4 < 2 ? -9 : 9) }
        let input = try write(
            "in.safetensors", [(name: "x", tensor: try Tensor(values, shape: [1, 2, 3, 4]))])
        let result = try protean(
            "draw", "attention", "PixelAttention", "--config", #"{"nf": 2}"#, "--weights", weights,
            "--input", input, "--output", folder.path("out.png"))
        try #require(result.status == 0, "\(result.errors)")
        #expect(
            result.output.contains("mean of a pixel       0.000  0.500    1.000"),
            "\(result.output)"
        )
        #expect(result.output.contains("mean of a channel     0.500  0.500    0.500"))
        // The heat map and the bars, 4 · 75 × 3 · 75 pixels each.
        let picture = try Image.decode(folder.path("out.png"))
        #expect(picture.width == 608 && picture.height == 225)
        #expect(color(picture, 10, 100) == [0, 0, 255])
        #expect(color(picture, 290, 100) == [255, 0, 0])
        #expect(color(picture, 400, 50) == [255, 255, 255])
        #expect(color(picture, 400, 150) == [40, 90, 200])
    }

    /// A model on an image: the first panel is the image, the last has the gates.
    @Test func aModelRunsOnAnImage() throws {
        let pixels = (0..<20 * 16 * 3).map { UInt8(truncatingIfNeeded: $0 &* 37) }
        let image = try Image(width: 20, height: 16, channels: 3, pixels: pixels)
        try image.writePNG(to: folder.path("a.png"))
        let run = [
            "draw", "attention", "imdn_x2", "--config", #"{"nf": 16, "num_modules": 2}"#, "--image",
            folder.path("a.png"),
        ]
        let list = try protean(run + ["--list"])
        try #require(list.status == 0, "\(list.errors)")
        #expect(list.output.contains("IMDB1.cca  per channel  [1, 16, 20, 16]"), "\(list.output)")
        #expect(list.output.contains("IMDB2.cca"))
        let drawn = try protean(run + ["--layer", "IMDB1.cca", "--output", folder.path("out.png")])
        try #require(drawn.status == 0, "\(drawn.errors)")
        let picture = try Image.decode(folder.path("out.png"))
        #expect(picture.width == 2 * 300 + 8 && picture.height == 240)
        for (x, y) in [(0, 0), (7, 3), (19, 15)] {
            let at = (y * 20 + x) * 3
            #expect(color(picture, x * 15 + 7, y * 15 + 7) == Array(pixels[at..<at + 3]))
        }
        let piped = try protean(run + ["--output", folder.path("same.png")])
        #expect(piped.output.contains("IMDB2.cca: map"))
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
        let input = try map([1, 4, 3, 3]), weights = try squeezeWeights()
        func draw(_ more: String...) throws -> CommandResult {
            try protean(
                [
                    "draw", "attention", "SqueezeExcitation", "--config", Self.squeeze, "--weights",
                    weights, "--output", folder.path("out.png"),
                ] + more)
        }
        expectFailure(try draw("--input", input, "--sample", "1"), "option 'sample' is 1")
        expectFailure(try draw("--input", input, "--layer", "a"), "unknown layer with gates 'a'")
        expectFailure(try draw("--input", "none.safetensors"), "none.safetensors")
        expectFailure(
            try protean(
                "draw", "attention", "MaxPool2d", "--config", #"{"kernel_size": 2}"#, "--input",
                input, "--output", folder.path("out.png")), "has no layer with gates")
        #expect(try draw().status == 64)
        #expect(try draw("--input", input, "--image", "a.png").status == 64)
    }

    @Test func helpHasExamples() throws {
        let result = try protean("draw", "attention", "--help")
        #expect(result.status == 0 && result.output.contains("protean draw attention rlfn_x4"))
    }
}
