import Foundation
import Testing

@testable import Protean

@Suite struct SimAMTests {
    /// x · sigmoid(d / (4 · (Σ d / (pixels − 1) + lambda)) + ½) in double precision.
    private static func reference(_ x: Tensor, lambda: Double) -> [Double] {
        let values = x.elements.map(Double.init)
        let (pixels, c) = (x.shape[1] * x.shape[2], x.shape[3])
        var result = values
        for sample in 0..<x.shape[0] {
            for channel in 0..<c {
                let places = (0..<pixels).map { (sample * pixels + $0) * c + channel }
                let mean = places.reduce(0.0) { $0 + values[$1] } / Double(pixels)
                let squares = places.map { (values[$0] - mean) * (values[$0] - mean) }
                let variance =
                    pixels > 1 ? squares.reduce(0, +) / Double(pixels - 1) : 0
                for (place, square) in zip(places, squares) {
                    let energy = square / (4 * (variance + lambda)) + 0.5
                    result[place] = values[place] / (1 + exp(-energy))
                }
            }
        }
        return result
    }

    /// The last is cut into several blocks and split among threads.
    @Test(
        arguments: [
            [3, 5, 7, 17], [1, 4, 3, 1], [2, 3, 5, 3], [1, 6, 5, 130], [0, 2, 2, 4], [2, 1, 1, 33],
            [1, 1, 2, 8], [2, 43, 50, 33],
        ])
    func agreesWithItsFormula(_ shape: [Int]) throws {
        let x = try MapTest.tensor(shape, seed: 61)
        for lambda: Float in [1e-4, 0.1] {
            let expected = Self.reference(x, lambda: Double(lambda))
            let layer = try SimAM(lambda: lambda)
            try MapTest.everywhere {
                try layer(x)
            } check: { isa, y in
                MapTest.expect(y, shape: shape, expected, tolerance: 2e-6, "\(isa) \(lambda)")
            }
        }
    }

    /// Values whose mean is far larger than their spread lose no digits of the spread.
    @Test func aLargeMeanCostsNoDigits() throws {
        let (shape, steps) = ([1, 17, 19, 5], MapTest.values(17 * 19 * 5, seed: 62, range: 8))
        // Whole sixteenths: exact in Float32 at 4096.
        let x = try Tensor(steps.map { 4096 + ($0 * 16).rounded() / 16 }, shape: shape)
        let expected = Self.reference(x, lambda: 1e-4)
        try MapTest.everywhere {
            try SimAM()(x)
        } check: { isa, y in
            MapTest.expect(y, shape: shape, expected, tolerance: 2e-6, "\(isa)")
        }
    }

    /// sigmoid(½), whatever the constant and the size.
    @Test(arguments: [[1, 1, 1, 3], [2, 1, 1, 33], [1, 13, 11, 3]])
    func constantMapsHaveOneGate(_ shape: [Int]) throws {
        let gate = 1 / (1 + exp(-0.5))
        let y = try SimAM()(Tensor(repeating: 3, shape: shape))
        let expected = [Double](repeating: 3 * gate, count: y.count)
        MapTest.expect(y, shape: shape, expected, tolerance: 1e-6)
    }

    /// Channels and samples do not see each other.
    @Test func nanStaysInItsChannelOfItsSample() throws {
        var values = MapTest.values(2 * 6 * 3, seed: 63)
        values[4] = .nan  // sample 0, pixel 1, channel 1
        let y = try SimAM()(Tensor(values, shape: [2, 2, 3, 3])).elements
        for (i, value) in y.enumerated() {
            #expect(value.isNaN == (i < 18 && i % 3 == 1), "\(i)")
        }
    }

    @Test func shapesAndCosts() throws {
        let layer = try SimAM()
        #expect(layer.lambda == 1e-4)
        #expect(try layer.outputShape(for: [2, 5, 6, 7]) == [2, 5, 6, 7])
        let cost = try layer.cost(for: [2, 5, 6, 7])
        #expect(cost.multiplyAdds == 4 * 420 && cost.bytes == 8 * 420 && cost.parameters == 0)
        #expect(layer.channelFlow == .unchanged)
    }

    @Test(arguments: [0, -1, Float.nan, Float.infinity]) func refusesLambda(_ lambda: Float) throws
    {
        #expect {
            try SimAM(lambda: lambda)
        } throws: { error in
            guard case ProteanError.invalidOption("SimAM", "lambda", _, _) = error else {
                return false
            }
            return true
        }
        #expect(throws: ProteanError.self) {
            try Operations.simAM(Tensor(zeros: [1, 2, 2, 1]), lambda: lambda)
        }
    }

    @Test func refusesWhatIsNoMap() throws {
        #expect {
            try SimAM()(Tensor(zeros: [2, 3, 4]))
        } throws: { error in
            guard case ProteanError.shapeMismatch(_, "x", _, [2, 3, 4]) = error else {
                return false
            }
            return true
        }
    }
}
