import ProteanImage
import ProteanModels
import Testing

@testable import Protean

/// How often ordinary activations of published networks are too uneven for Winograd's forms.
@Suite struct WinogradGuardTests {
    @Test(
        .enabled(
            if: TestFiles.exist(CIFARResNetTests.images),
            "published images are not beside the repository"),
        arguments: [
            ("resnet20_cifar", "weights/resnet20-12fca82f.th"),
            ("resnet32_cifar", "weights/cifar_best_resnet.pth"),
            ("se_resnet32_cifar", "weights/cifar_best_senet.pth"),
        ])
    func ordinaryImagesLeaveFewTilesOut(name: String, weights: String) throws {
        let pixels = try TestFiles.npz(try TestFiles.read(CIFARResNetTests.images), member: "x")
        let model = try ModelLoader.standard.load(TestFiles.shared(weights), as: name)
        let preprocessing = try #require(model.plugin.preprocessing)
        let record = WinogradGuardRecord()
        try record.recording {
            for index in 0..<50 {
                let image = try Image(
                    width: 32, height: 32, channels: 3,
                    pixels: Array(pixels[index * 3072..<(index + 1) * 3072]))
                _ = try model(preprocessing.tensor(from: image))
            }
        }
        print("\(name): \(record.leftOut) of \(record.tiles) tiles left out")
        #expect(record.leftOut * 100 <= record.tiles)
    }

    @Test(.enabled(if: TestFiles.exist(SMSRTests.weights), "skipped: no published weights"))
    func superResolutionLeavesFewTilesOut() throws {
        let model = try ModelLoader.standard.load(SMSRTests.weights, as: "smsr_x2")
        let record = WinogradGuardRecord()
        for name in ["baby", "bird", "butterfly", "head", "woman"] {
            let path = TestFiles.shared("data/set5/LR_bicubic/X2/\(name)x2.png")
            let x = try Image.decode(path).rgb.tensor()
            try record.recording { _ = try model(x) }
        }
        print("smsr_x2: \(record.leftOut) of \(record.tiles) tiles left out")
        #expect(record.leftOut * 100 <= record.tiles)
    }
}
