import Foundation
import Testing

@testable import Protean

/// Statistics of channels against plain loops in double precision.
@Suite struct ChannelStatisticsKernelTests {
    /// All statistics, in their order.
    private static let each: [ChannelStatistics] = [.mean, .deviation, .maximum, .l1, .l2]

    private static func reference(
        _ x: Tensor, _ statistics: ChannelStatistics, correction: Int, eps: Double
    ) -> [Double] {
        let values = x.elements.map(Double.init)
        let (n, pixels, c) = (x.shape[0], x.shape[1] * x.shape[2], x.shape[3])
        var result: [Double] = []
        for sample in 0..<n {
            for one in each where statistics.contains(one) {
                for channel in 0..<c {
                    let column = (0..<pixels).map { values[(sample * pixels + $0) * c + channel] }
                    result.append(number(one, column, correction, eps))
                }
            }
        }
        return result
    }

    private static func number(
        _ one: ChannelStatistics, _ column: [Double], _ correction: Int, _ eps: Double
    ) -> Double {
        let mean = column.reduce(0, +) / Double(column.count)
        switch one {
        case .mean: return mean
        case .deviation:
            let squares = column.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
            let divisor = column.count - correction
            return ((divisor > 0 ? squares / Double(divisor) : 0) + eps).squareRoot()
        case .maximum: return column.max()!
        case .l1: return column.reduce(0) { $0 + abs($1) }
        default: return (column.reduce(0) { $0 + $1 * $1 } + eps).squareRoot()
        }
    }

    private static let subsets: [ChannelStatistics] =
        each + [
            [.mean, .deviation], [.mean, .maximum], [.deviation, .maximum, .l2], [.l1, .l2], .all,
        ]

    /// The last two are cut into several blocks and split among threads.
    @Test(
        arguments: [
            [3, 5, 7, 17], [1, 4, 3, 1], [2, 3, 5, 3], [1, 6, 5, 130], [0, 2, 2, 4], [2, 1, 1, 33],
            [1, 1, 2, 8], [2, 43, 50, 33], [1, 61, 57, 131],
        ])
    func agreesWithLoops(_ shape: [Int]) throws {
        let x = try MapTest.tensor(shape, seed: 21)
        for statistics in Self.subsets {
            for unbiased in [true, false] {
                let expected = Self.reference(
                    x, statistics, correction: unbiased ? 1 : 0, eps: 1e-5)
                try MapTest.everywhere {
                    try Operations.channelStatistics(
                        x, statistics, unbiased: unbiased, eps: 1e-5)
                } check: { isa, y in
                    MapTest.expect(
                        y, shape: [shape[0], statistics.count, shape[3]], expected,
                        tolerance: 2e-6, "\(isa) \(statistics.rawValue) \(unbiased)")
                }
            }
        }
    }

    @Test func meanAndMaximumAreThoseOfGlobalPooling() throws {
        let x = try MapTest.tensor([2, 31, 23, 19], seed: 4)
        let both = try Operations.channelStatistics(x, [.mean, .maximum])
        let mean = try Operations.globalAveragePool(x), most = try Operations.globalMaxPool(x)
        let rows = try Operations.split(both, sizes: [1, 1], axis: 1)
        #expect(try rows[0].reshaped(to: [2, 19]).isBitEqual(to: mean))
        #expect(try rows[1].reshaped(to: [2, 19]).isBitEqual(to: most))
    }

    /// A mean of 1e4 with deviations of 1e-2: steps of 1/128 are exact in Float32 there.
    @Test func aLargeMeanCostsNoDigits() throws {
        let shape = [1, 67, 71, 5]
        let steps = MapTest.values(shape.reduce(1, *), seed: 7, range: 3)
        let x = try Tensor(steps.map { 10_000 + $0.rounded() / 128 }, shape: shape)
        let expected = Self.reference(x, [.mean, .deviation], correction: 1, eps: 0)
        try MapTest.everywhere {
            try Operations.channelStatistics(x, [.mean, .deviation])
        } check: { isa, y in
            for (found, exact) in zip(y.elements, expected) {
                #expect(abs(Double(found) - exact) < 1e-6 * exact, "\(isa)")
            }
        }
    }

    /// The first pixel of every block far away from all others: no block has a good first guess.
    @Test func outliersAtTheStartOfBlocksCostLittle() throws {
        let shape = [1, 64, 64, 3]
        var values = MapTest.values(shape.reduce(1, *), seed: 9, range: 0.01).map { 10_000 + $0 }
        for block in stride(from: 0, to: 64 * 64, by: 128) {
            for c in 0..<3 { values[block * 3 + c] = 0 }
        }
        let x = try Tensor(values, shape: shape)
        let expected = Self.reference(x, .deviation, correction: 1, eps: 0)
        let y = try Operations.channelStatistics(x, .deviation)
        for (found, exact) in zip(y.elements, expected) {
            #expect(abs(Double(found) - exact) < 1e-5 * exact)
        }
    }

    /// 10⁷ pixels: sums in single precision alone would be wrong in the third digit.
    @Test func largeMapsLoseNothing() throws {
        let (height, width) = (2500, 4000)
        var x = try Tensor(repeating: 0.1, shape: [1, height, width, 1])
        try x.withUnsafeMutableBufferPointer { base in
            for i in base.indices where i % 2 == 1 { base[i] = 0.3 }
        }
        let y = try Operations.channelStatistics(x, .all, unbiased: false).elements
        let (low, high) = (Double(Float(0.1)), Double(Float(0.3)))
        let pixels = Double(height * width)
        let l2 = (pixels * (low * low + high * high) / 2).squareRoot()
        let exact = [
            (low + high) / 2, (high - low) / 2, high, pixels * (low + high) / 2, l2,
        ]
        for (found, expected) in zip(y, exact) {
            #expect(abs(Double(found) - expected) < 1e-6 * expected)
        }
    }

    @Test func onePixelHasNoDeviation() throws {
        let x = try Tensor([3, -4], shape: [1, 1, 1, 2])
        let y = try Operations.channelStatistics(x, .all, eps: 0.25).elements
        #expect(y[0..<8] == [3, -4, 0.5, 0.5, 3, -4, 3, 4])
        #expect(abs(y[8] - Float(9.25).squareRoot()) < 1e-6)
    }

    @Test func nanStaysInItsChannelOfItsSample() throws {
        var values = MapTest.values(2 * 300 * 3, seed: 63)
        values[4] = .nan  // sample 0, pixel 1, channel 1
        let x = try Tensor(values, shape: [2, 20, 15, 3])
        for isa in KernelISA.supported {
            let y = try Runtime.with(isa: isa) { try Operations.channelStatistics(x, .all) }
            for (i, value) in y.elements.enumerated() {
                #expect(value.isNaN == (i < 15 && i % 3 == 1), "\(isa) \(i)")
            }
        }
    }

    @Test func refusalsAndShapes() throws {
        let x = try Tensor(zeros: [2, 3, 4, 5])
        #expect(throws: ProteanError.self) { try Operations.channelStatistics(x, []) }
        #expect(throws: ProteanError.self) {
            try Operations.channelStatistics(x, ChannelStatistics(rawValue: 64))
        }
        for eps in [-1, Double.nan, Double.infinity] {
            #expect(throws: ProteanError.self) {
                try Operations.channelStatistics(x, .l2, eps: eps)
            }
        }
        #expect(throws: ProteanError.self) {
            try Operations.channelStatistics(Tensor(zeros: [2, 0, 4, 5]), .mean)
        }
        #expect(throws: ProteanError.self) {
            try Operations.channelStatistics(Tensor(zeros: [2, 3, 4]), .mean)
        }
        let shapes = try Operations.channelStatistics(
            Tensor(shapeOnly: [2, 3, 4, 5]), [.mean, .l1])
        #expect(shapes.isShapeOnly && shapes.shape == [2, 2, 5])
    }
}
