import Testing

@testable import Protean

/// Boxes far larger than their map: points beyond it count, and cost nothing.
struct LargeBoxTests {
    /// The share of each pixel in a bin of `count` points along one axis.
    private func weights(start: Double, bin: Double, count: Int, size: Int) -> [Double] {
        var weights = [Double](repeating: 0, count: size)
        for i in 0..<count {
            let p = start + (Double(i) + 0.5) * bin / Double(count)
            guard p >= -1, p <= Double(size) else { continue }
            let inside = min(max(p, 0), Double(size - 1))
            let first = Int(inside), share = inside - Double(first)
            weights[first] += 1 - share
            if share > 0 { weights[first + 1] += share }
        }
        return weights.map { $0 / Double(count) }
    }

    @Test(arguments: KernelISA.supported, [1, 3])
    func binsAreTheMeanOfAllTheirPoints(isa: KernelISA, threads: Int) throws {
        let (height, width) = (5, 3)
        let x = try Initializer.uniform([1, height, width, 2], in: -1...1, seed: 4)
        let box: [Float] = [0, -300, -20_000, 41_000, 30_000]
        let boxes = try Tensor(box, shape: [1, 5])
        let y = try Runtime.with(isa: isa, threads: threads) {
            try Operations.roiAlign(x, boxes: boxes, size: Size2d(height: 1, width: 2))
        }
        for bin in 0..<2 {
            let rows = weights(start: -20_000, bin: 50_000, count: 50_000, size: height)
            let columns = weights(
                start: -300 + 20_650 * Double(bin), bin: 20_650, count: 20_650, size: width)
            for channel in 0..<2 {
                var sum = 0.0
                for row in 0..<height {
                    for column in 0..<width {
                        let value = x.elements[(row * width + column) * 2 + channel]
                        sum += Double(value) * rows[row] * columns[column]
                    }
                }
                // Points are placed in single precision, thousandths of a pixel apart out here.
                #expect(abs(Double(y.elements[bin * 2 + channel]) - sum) <= 1e-10)
            }
        }
    }

    @Test func anOffsetThatIsNoNumberGivesNaNForALargeBox() throws {
        let x = try Tensor(repeating: 1, shape: [1, 3, 3, 1])
        let boxes = try Tensor([0, 0, 0, 60_000, 60_000], shape: [1, 5])
        let offset = try Tensor([.nan, 0], shape: [1, 1, 1, 2])
        let y = try Operations.deformRoIPool(x, boxes: boxes, offset: offset, size: 1)
        #expect(y.elements[0].isNaN)
    }
}
