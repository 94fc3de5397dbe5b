import Foundation
import Protean
import ProteanImage
import ProteanModels
import Testing

/// `protean upscale` and `protean draw mask` on a small network with seeded weights in a file.
@Suite struct SparseCommandTests {
    private let folder: TemporaryFolder
    private let arguments: [String]
    private let image: String

    init() throws {
        folder = try TemporaryFolder()
        let weights = folder.path("w.safetensors")
        image = folder.path("a.png")
        try SMSR(scale: 2, features: 16).save(to: weights)
        let pixels = (0..<12 * 10 * 3).map { UInt8(truncatingIfNeeded: $0 &* 37) }
        try Image(width: 12, height: 10, channels: 3, pixels: pixels).writePNG(to: image)
        arguments = [
            "smsr_x2", "--weights", weights, "--config", "{\"n_feats\": 16}", "--image", image,
        ]
    }

    @Test func upscaleWritesTheNetworksPicture() throws {
        let output = folder.path("large.png")
        let result = try protean(["upscale"] + arguments + ["--output", output, "--json"])
        try #require(result.status == 0, "\(result.errors)")
        let model = try ModelLoader.standard.load(
            arguments[2], as: "smsr_x2",
            configuration: ModelConfiguration(json: arguments[4], source: "test"))
        let expected = try Image(model(try Image.decode(image).tensor()))
        #expect(try Image.decode(output) == expected)

        let compared = try protean(["upscale"] + arguments + ["--reference", output, "--json"])
        let found = try JSONSerialization.jsonObject(with: Data(compared.output.utf8))
        #expect((found as? [String: Any])?["psnr"] as? String == "Infinity")
    }

    @Test func upscaleComparesWithEverythingComputed() throws {
        let output = folder.path("compared.png")
        let result = try protean(
            ["upscale"] + arguments + ["--output", output, "--against-dense", "--json"])
        try #require(result.status == 0, "\(result.errors)")
        let found = try #require(
            try JSONSerialization.jsonObject(with: Data(result.output.utf8)) as? [String: Any])
        let masked = try #require(found["milliseconds"] as? Double)
        let dense = try #require(found["dense_milliseconds"] as? Double)
        let ratio = try #require(found["time_ratio"] as? Double)
        #expect(abs(masked / dense - ratio) < 1e-6 * ratio)

        let both = try protean(
            ["upscale"] + arguments + ["--output", output, "--against-dense", "--dense"])
        #expect(both.status != 0)
        #expect(both.errors.contains("not both"))
    }

    @Test func drawMaskListsAndDrawsWhatWasComputed() throws {
        let list = try protean(["draw", "mask"] + arguments + ["--list"])
        try #require(list.status == 0, "\(list.errors)")
        #expect(list.output.contains("body.0.body.body.0"))
        #expect(list.output.contains("10 x 12"))

        let output = folder.path("mask.png")
        let drawn = try protean(["draw", "mask"] + arguments + ["--output", output])
        try #require(drawn.status == 0, "\(drawn.errors)")
        let mask = try Image.decode(output)
        #expect((mask.width, mask.height, mask.channels) == (12, 10, 1))
        #expect(mask.pixels.allSatisfy { $0 == 0 || $0 == 255 })
    }

    @Test func whatCannotBeDoneIsRefused() throws {
        let output = folder.path("none.png")
        for (command, text) in [
            (["upscale", "protean_tiny", "--image", image], "does not enlarge images"),
            (["draw", "mask", "protean_deformable", "--image", image], "no layer with a mask"),
            (["draw", "mask"] + arguments + ["--layer", "nowhere"], "'nowhere'"),
        ] {
            let result = try protean(command + ["--output", output])
            #expect(result.status == 1)
            #expect(result.errors.contains(text), "\(result.errors)")
        }
        #expect(!folder.exists("none.png"))
    }
}
