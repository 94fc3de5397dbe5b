import Protean
import Testing

@testable import ProteanImage

@Suite struct ImagePreprocessingTests {
    @Test func theGoldenTableIsThere() {
        #expect(GoldenLine.table("preprocess.txt").count == 8)
    }

    @Test(arguments: GoldenLine.table("preprocess.txt"))
    func equalsTorchvision(line: GoldenLine) throws {
        let image = try noiseImage(
            line.number(0), line.number(1), line.number(2), seed: line.number(3))
        let channels = line.number(4)
        let preprocessing = ImagePreprocessing(
            resizeShorterSide: line.number(5) == 0 ? nil : line.number(5),
            interpolation: try #require(.init(rawValue: line.fields[6])),
            cropHeight: line.number(7), cropWidth: line.number(8),
            mean: Array(ImagePreprocessing.imageNetMean[..<channels]),
            deviation: Array(ImagePreprocessing.imageNetDeviation[..<channels]))
        let tensor = try preprocessing.tensor(from: image)
        #expect(tensor.shape == [1, line.number(7), line.number(8), channels])
        #expect(checksum(tensor.elements) == line.number(9))
    }

    @Test func unusableStatisticsAreRefused() throws {
        let image = try noiseImage(4, 4, 3, seed: 1)
        for (mean, deviation) in [([0, 0], [1, 1]), ([0], [1, 1, 1]), ([0], [0])]
            as [([Float], [Float])]
        {
            let preprocessing = ImagePreprocessing(
                resizeShorterSide: nil, interpolation: .bilinear, cropHeight: 4, cropWidth: 4,
                mean: mean, deviation: deviation)
            #expect(throws: ProteanError.self) { try preprocessing.tensor(from: image) }
        }
    }
}
