import Foundation
import Protean
import ProteanImage
import ProteanModels
import Testing

/// `protean draw glimpses` on a network of glimpses with seeded weights in a file.
@Suite struct DrawGlimpsesTests {
    private let folder: TemporaryFolder
    private let arguments: [String]

    init() throws {
        folder = try TemporaryFolder()
        let weights = folder.path("ram.safetensors")
        try ModelLoader.standard.makeModel("ram_mnist").save(to: weights)
        let image = try #require(ProteanTiny.demoImages.first)
        let path = try folder.write(image.png, to: "a.png")
        arguments = ["draw", "glimpses", "ram_mnist", "--weights", weights, "--image", path]
    }

    @Test func regionsAreListedInTheirOrder() throws {
        let result = try protean(arguments + ["--list"])
        try #require(result.status == 0, "\(result.errors)")
        let lines = result.output.split(separator: "\n")
        // Six glimpses of 8 x 8 pixels, under a line of titles.
        #expect(lines.count == 7)
        #expect(lines.dropFirst().allSatisfy { $0.hasSuffix("8.0    8.0") }, "\(result.output)")
        let steps = lines.dropFirst().compactMap { Int($0.split(separator: " ")[0]) }
        #expect(steps == steps.sorted() && Set(steps).count == 6)
    }

    @Test func thePictureHasTheInputsSize() throws {
        let output = folder.path("seen.png")
        let result = try protean(arguments + ["--output", output, "--scale", "5"])
        try #require(result.status == 0, "\(result.errors)")
        let picture = try Image.decode(output)
        #expect((picture.width, picture.height, picture.channels) == (140, 140, 3))
        // Coloured frames over a grey image.
        let coloured = stride(from: 0, to: picture.pixels.count, by: 3).count { at in
            let part = picture.pixels[at..<at + 3]
            return (part.max() ?? 0) - (part.min() ?? 0) > 100
        }
        #expect(coloured > 100)
        #expect(try protean(arguments).status == 64)
        #expect(try protean(arguments + ["--list", "--output", output]).status == 64)
    }
}
