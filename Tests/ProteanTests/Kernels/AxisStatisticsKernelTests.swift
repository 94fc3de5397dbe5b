import Foundation
import Testing

@testable import Protean

@Suite struct AxisStatisticsKernelTests {
    static let maps: [[Int]] = [
        [3, 5, 7, 17], [1, 4, 3, 1], [2, 3, 5, 3], [1, 6, 5, 130], [2, 33, 70, 33], [1, 1, 1, 7],
        [1, 17, 65, 8], [1, 2, 2, 1100], [1, 50, 131, 64], [0, 2, 2, 4],
    ]

    /// Means, then maxima, of `count` numbers for each result.
    private static func planes(
        _ results: Int, _ count: Int, _ value: (Int, Int) -> Double
    ) -> [Double] {
        var means: [Double] = [], maxima: [Double] = []
        for result in 0..<results {
            let values = (0..<count).map { value(result, $0) }
            means.append(values.reduce(0, +) / Double(count))
            maxima.append(values.max()!)
        }
        return means + maxima
    }

    private struct Expected {
        var pixels: [Double] = [], rows: [Double] = [], columns: [Double] = []

        init(_ x: Tensor, gates: Tensor? = nil) {
            let (h, w, c) = (x.shape[1], x.shape[2], x.shape[3])
            let values = x.elements, factors = gates?.elements
            for n in 0..<x.shape[0] {
                func at(_ i: Int, _ j: Int, _ k: Int) -> Double {
                    let value = values[((n * h + i) * w + j) * c + k]
                    return Double(factors.map { value * $0[n * c + k] } ?? value)
                }
                pixels += planes(h * w, c) { at($0 / w, $0 % w, $1) }
                rows += planes(h * c, w) { at($0 / c, $1, $0 % c) }
                columns += planes(w * c, h) { at($1, $0 / c, $0 % c) }
            }
        }
    }

    @Test(arguments: maps) func agreesWithDouble(_ shape: [Int]) throws {
        let x = try MapTest.tensor(shape, seed: 91)
        let (n, h, w, c) = (shape[0], shape[1], shape[2], shape[3])
        let expected = Expected(x)
        let parts: [(String, [Int], [Double], (AxisStatistics) -> Tensor)] = [
            ("pixels", [n, 2, h, w], expected.pixels, \.pixels),
            ("rows", [n, 2, h, c], expected.rows, \.rows),
            ("columns", [n, 2, w, c], expected.columns, \.columns),
        ]
        for (name, shape, values, part) in parts {
            try MapTest.everywhere {
                part(try Operations.axisStatistics(x))
            } check: { isa, y in
                MapTest.expect(y, shape: shape, values, tolerance: 1e-6, "\(isa) \(name)")
            }
        }
        try MapTest.everywhere {
            try Operations.pixelStatistics(x)
        } check: { isa, y in
            MapTest.expect(y, shape: [n, 2, h, w], expected.pixels, tolerance: 1e-6, "\(isa)")
        }
        let gates = try MapTest.tensor([n, c], seed: 92)
        let gated = Expected(x, gates: gates)
        try MapTest.everywhere {
            try Operations.pixelStatistics(x, gates: gates)
        } check: { isa, y in
            MapTest.expect(y, shape: [n, 2, h, w], gated.pixels, tolerance: 2e-6, "\(isa) gated")
        }
        var strips: [Double] = []
        for sample in 0..<n {
            strips += expected.rows[2 * sample * h * c..<(2 * sample + 1) * h * c]
            strips += expected.columns[2 * sample * w * c..<(2 * sample + 1) * w * c]
        }
        try MapTest.everywhere {
            try Operations.stripMeans(x)
        } check: { isa, y in
            MapTest.expect(y, shape: [n, h + w, 1, c], strips, tolerance: 1e-6, "\(isa) strips")
        }
    }

    /// Means of 1e4 over many numbers whose deviations are of the last bits.
    @Test(arguments: [[1, 3, 20000, 2], [1, 20000, 3, 2], [1, 2, 3, 40000]])
    func manyNumbersOfALargeMean(shape: [Int]) throws {
        let x = try Tensor(
            MapTest.values(shape.reduce(1, *), seed: 93, range: 0.01).map { 1e4 + $0 },
            shape: shape)
        let expected = Expected(x)
        try MapTest.everywhere {
            try Operations.pixelStatistics(x)
        } check: { isa, y in
            MapTest.expect(
                y, shape: [1, 2, shape[1], shape[2]], expected.pixels, tolerance: 6e-7, "\(isa)")
        }
        try MapTest.everywhere {
            try Operations.axisStatistics(x).rows
        } check: { isa, y in
            MapTest.expect(
                y, shape: [1, 2, shape[1], shape[3]], expected.rows, tolerance: 6e-7, "\(isa)")
        }
        try MapTest.everywhere {
            try Operations.axisStatistics(x).columns
        } check: { isa, y in
            MapTest.expect(
                y, shape: [1, 2, shape[2], shape[3]], expected.columns, tolerance: 6e-7, "\(isa)")
        }
    }

    /// Negative maxima, infinities and NaN, which reach the results of their axis only.
    @Test(arguments: [3, 17, 33]) func specialValues(channels: Int) throws {
        let shape = [1, 4, 5, channels]
        var values = MapTest.values(20 * channels, seed: 94).map { -1 - abs($0) }
        let (row, column, channel) = (2, 3, channels - 1)
        values[(row * 5 + column) * channels + channel] = .nan
        values[channels - 1] = .infinity
        let statistics = try Operations.axisStatistics(Tensor(values, shape: shape))
        let (pixels, rows) = (statistics.pixels.elements, statistics.rows.elements)
        let columns = statistics.columns.elements
        for plane in 0..<2 {
            for pixel in 0..<20 {
                let value = pixels[plane * 20 + pixel]
                #expect(value.isNaN == (pixel == row * 5 + column), "pixel \(pixel)")
                #expect(pixel != 0 || value == .infinity)
                #expect(pixel != 1 || value < 0)
            }
            for i in 0..<4 * channels {
                let isIt = i == row * channels + channel
                #expect(rows[plane * 4 * channels + i].isNaN == isIt, "row \(i)")
            }
            for i in 0..<5 * channels {
                let isIt = i == column * channels + channel
                #expect(columns[plane * 5 * channels + i].isNaN == isIt, "column \(i)")
            }
        }
    }

    @Test func shapesOnlyAndRefusals() throws {
        let x = try Tensor(shapeOnly: [2, 3, 4, 5])
        let statistics = try Operations.axisStatistics(x)
        #expect(statistics.pixels.shape == [2, 2, 3, 4] && statistics.pixels.isShapeOnly)
        #expect(statistics.rows.shape == [2, 2, 3, 5] && statistics.columns.shape == [2, 2, 4, 5])
        #expect(try Operations.stripMeans(x).shape == [2, 7, 1, 5])
        #expect(try Operations.pixelStatistics(x).shape == [2, 2, 3, 4])
        for shape in [[1, 0, 3, 4], [3, 4], [1, 2, 2, 0]] {
            let wrong = try Tensor(zeros: shape)
            #expect(throws: ProteanError.self) { try Operations.axisStatistics(wrong) }
            guard shape != [1, 2, 2, 0] else { continue }
            #expect(throws: ProteanError.self) { try Operations.stripMeans(wrong) }
        }
        #expect(throws: ProteanError.self) {
            try Operations.pixelStatistics(Tensor(zeros: [1, 2, 2, 0]))
        }
        #expect(throws: ProteanError.self) {
            try Operations.pixelStatistics(
                Tensor(zeros: [1, 2, 2, 3]), gates: Tensor(zeros: [1, 2]))
        }
    }
}
