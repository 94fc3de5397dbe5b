import Foundation
import Testing

@testable import Protean

/// Files that others trained, beside the package. They are not part of it: without the folder the
/// test is skipped and says so.
@Suite struct SharedWeightsTests {
    /// Tensors, stored numbers and the sum of their magnitudes, as PyTorch counts them.
    static let files: [(name: String, tensors: Int, numbers: Int, sum: Double)] = [
        ("cifar_best_senet.pth", 230, 472_763, 1_195_004.696482),
        ("cifar_best_resnet.pth", 200, 469_403, 1_444_094.797870),
        ("resnet20-12fca82f.th", 97, 271_098, 21349.562591),
        ("SMSR_X2_model_1000.pt", 99, 987_330, 79755.717825),
        ("IMDN_x4.pth", 92, 715_176, 64408.898755),
        ("ntire2022_team04_rlfn.pth", 78, 317_218, 46139.103617),
    ]

    static let folder = GoldenFiles.sharedPath("weights")
    static let isPresent = FileManager.default.fileExists(atPath: folder)

    @Test(
        .enabled(if: isPresent, "skipped: no folder ../shared/weights beside the package"),
        arguments: files)
    func publishedFilesAreRead(
        file: (name: String, tensors: Int, numbers: Int, sum: Double)
    ) throws {
        for mapping in [FileMapping.automatic, .never, .always] {
            let checkpoint = try Checkpoint.open("\(Self.folder)/\(file.name)", mapping: mapping)
            #expect(checkpoint.names.count == file.tensors)
            #expect(!checkpoint.names.contains { $0.hasPrefix("module.") })
            var numbers = 0
            var sum = 0.0
            for name in checkpoint.names {
                let tensor = try checkpoint.tensor(name)
                numbers += tensor.count
                for value in tensor.elements { sum += Double(abs(value)) }
            }
            #expect(numbers == file.numbers)
            #expect(abs(sum - file.sum) < 1e-3 * file.sum / 1000)
        }
        print("read \(file.name): \(file.tensors) tensors")
    }
}
