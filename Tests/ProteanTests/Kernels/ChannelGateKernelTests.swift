import Foundation
import Testing

@testable import Protean

/// Networks on vectors of channels, and the softmax-weighted mean, against loops in double
/// precision.
@Suite struct ChannelGateKernelTests {
    private static func doubles(_ x: Tensor) -> [Double] { x.elements.map(Double.init) }

    private static func sigmoid(_ x: Double) -> Double { 1 / (1 + exp(-x)) }

    // MARK: - Fully connected layers

    private static func dense(
        _ x: [Double], _ batch: Int, weight: Tensor, bias: Tensor?, _ f: (Double) -> Double
    ) -> [Double] {
        let (outputs, inputs) = (weight.shape[0], weight.shape[1])
        let weights = doubles(weight), biases = bias.map(doubles)
        return (0..<batch * outputs).map { i in
            let (n, o) = (i / outputs, i % outputs)
            let sum = (0..<inputs).reduce(0.0) {
                $0 + x[n * inputs + $1] * weights[o * inputs + $1]
            }
            return f(sum + (biases?[o] ?? 0))
        }
    }

    @Test(
        arguments: [
            [1, 17, 5, 33], [3, 1, 1, 1], [6, 33, 70, 3], [0, 4, 4, 4], [5, 64, 16, 64],
            [4, 130, 257, 131], [1, 600, 1100, 7],
        ])
    func networksAgreeWithLoops(_ sizes: [Int]) throws {
        let (batch, inputs, hidden, outputs) = (sizes[0], sizes[1], sizes[2], sizes[3])
        let x = try MapTest.tensor([batch, inputs], seed: 1)
        let weights = try (
            MapTest.tensor([hidden, inputs], seed: 2, range: 0.1),
            MapTest.tensor([outputs, hidden, 1, 1], seed: 4, range: 0.1)
        )
        let bias = try MapTest.tensor([hidden], seed: 3)
        let first = try ChannelNetworkLayer(weight: weights.0, bias: bias, activation: .relu)
        let second = try ChannelNetworkLayer(weight: weights.1, activation: .sigmoid)
        let middle = Self.dense(Self.doubles(x), batch, weight: weights.0, bias: bias) {
            max($0, 0)
        }
        let expected = Self.dense(middle, batch, weight: weights.1, bias: nil, Self.sigmoid)
        try MapTest.everywhere {
            try Operations.channelNetwork(x, [first, second])
        } check: { isa, y in
            MapTest.expect(y, shape: [batch, outputs], expected, tolerance: 5e-6, "\(isa)")
        }
        try MapTest.everywhere {
            try Operations.channelNetwork(x, [first])
        } check: { isa, y in
            MapTest.expect(y, shape: [batch, hidden], middle, tolerance: 5e-6, "\(isa)")
        }
    }

    /// Three layers use both hidden rows; a sample does not depend on the others in its batch.
    @Test func samplesAreIndependent() throws {
        let widths = [9, 20, 6, 37]
        let layers = try (0..<3).map { i in
            try ChannelNetworkLayer(
                weight: MapTest.tensor([widths[i + 1], widths[i]], seed: UInt64(i) + 5),
                bias: MapTest.tensor([widths[i + 1]], seed: UInt64(i) + 15),
                activation: .tanh)
        }
        let x = try MapTest.tensor([7, 9], seed: 3)
        for isa in KernelISA.supported {
            let all = try Runtime.with(isa: isa) { try Operations.channelNetwork(x, layers) }
            for n in 0..<7 {
                let one = try x.slice(axis: 0, from: n, to: n + 1)
                let y = try Runtime.with(isa: isa) { try Operations.channelNetwork(one, layers) }
                #expect(y.elements == Array(all.elements[n * 37..<(n + 1) * 37]), "\(isa)")
            }
        }
    }

    @Test func networksRefuseWhatDoesNotFit() throws {
        let x = try Tensor(zeros: [2, 3])
        let layer = try ChannelNetworkLayer(weight: Tensor(zeros: [4, 3]))
        #expect(throws: ProteanError.self) { try Operations.channelNetwork(x, []) }
        #expect(throws: ProteanError.self) { try Operations.channelNetwork(x, [layer, layer]) }
        #expect(throws: ProteanError.self) {
            try Operations.channelNetwork(Tensor(zeros: [2, 3, 1]), [layer])
        }
        for shape in [[4], [0, 3], [4, 3, 2]] {
            #expect(throws: ProteanError.self) {
                try ChannelNetworkLayer(weight: Tensor(zeros: shape))
            }
        }
        #expect(throws: ProteanError.self) {
            try ChannelNetworkLayer(weight: Tensor(zeros: [4, 3]), bias: x)
        }
        let y = try Operations.channelNetwork(Tensor(shapeOnly: [5, 3]), [layer])
        #expect(y.isShapeOnly && y.shape == [5, 4])
    }

    // MARK: - Along the channels

    @Test(arguments: [1, 2, 3, 7, 17, 33, 64])
    func convolutionsAgreeWithLoops(channels: Int) throws {
        let x = try MapTest.tensor([3, channels], seed: 5)
        for taps in [1, 3, 5, 9] {
            let weight = try MapTest.tensor([1, 1, taps], seed: 6, range: 1)
            let bias = try Tensor([0.25], shape: [1])
            for isCircular in [false, true] {
                let w = Self.doubles(weight), values = Self.doubles(x)
                let expected = (0..<3 * channels).map { i in
                    let (n, c) = (i / channels, i % channels)
                    var sum = 0.25
                    for t in 0..<taps {
                        let at = c + t - taps / 2
                        let turned = (at % channels + channels) % channels
                        if at == turned || isCircular {
                            sum += w[t] * values[n * channels + turned]
                        }
                    }
                    return Self.sigmoid(sum)
                }
                try MapTest.everywhere {
                    try Operations.channelConvolution(
                        x, weight: weight, bias: bias, isCircular: isCircular,
                        activation: .sigmoid)
                } check: { isa, y in
                    MapTest.expect(y, shape: [3, channels], expected, "\(isa) \(taps)")
                }
            }
        }
    }

    @Test func convolutionsRefuseWhatDoesNotFit() throws {
        let x = try Tensor(zeros: [2, 3])
        #expect(throws: ProteanError.self) {
            try Operations.channelConvolution(x, weight: Tensor(zeros: [2]))
        }
        #expect(throws: ProteanError.self) {
            try Operations.channelConvolution(x, weight: Tensor(zeros: [3]), bias: x)
        }
        #expect(throws: ProteanError.self) {
            try Operations.channelConvolution(Tensor(zeros: [3]), weight: Tensor(zeros: [3]))
        }
    }

    // MARK: - Per channel

    @Test(arguments: [1, 3, 7, 17, 33]) func mixturesAgreeWithLoops(channels: Int) throws {
        let x = try MapTest.tensor([3, 2, channels], seed: 8)
        let weight = try MapTest.tensor([2, channels], seed: 9)
        let shift = try MapTest.tensor([channels], seed: 10)
        let (v, w, s) = (Self.doubles(x), Self.doubles(weight), Self.doubles(shift))
        let expected = (0..<3 * channels).map { i in
            let (n, c) = (i / channels, i % channels)
            return Self.sigmoid(
                s[c] + w[c] * v[2 * n * channels + c]
                    + w[channels + c] * v[(2 * n + 1) * channels + c])
        }
        try MapTest.everywhere {
            try Operations.channelMixture(x, weight: weight, shift: shift, activation: .sigmoid)
        } check: { isa, y in
            MapTest.expect(y, shape: [3, channels], expected, "\(isa)")
        }
        #expect(throws: ProteanError.self) {
            try Operations.channelMixture(x, weight: shift, shift: shift)
        }
        #expect(throws: ProteanError.self) {
            try Operations.channelMixture(x, weight: weight, shift: weight)
        }
    }

    @Test(arguments: [1, 3, 7, 17, 33]) func competitionAgreesWithLoops(channels: Int) throws {
        let x = try MapTest.tensor([3, channels], seed: 11, range: 30)
        let parts = try (0..<3).map { try MapTest.tensor([channels], seed: 12 + UInt64($0)) }
        let (v, p) = (Self.doubles(x), parts.map(Self.doubles))
        for isAbsolute in [false, true] {
            var expected: [Double] = []
            for n in 0..<3 {
                let e = (0..<channels).map { p[0][$0] * v[n * channels + $0] }
                let mean =
                    e.reduce(0) { $0 + (isAbsolute ? abs($1) : $1 * $1) } / Double(channels)
                let size = isAbsolute ? mean + 1e-5 : (mean + 1e-5).squareRoot()
                expected += (0..<channels).map { 1 + tanh(e[$0] * p[1][$0] / size + p[2][$0]) }
            }
            try MapTest.everywhere {
                try Operations.channelCompetition(
                    x, alpha: parts[0], gamma: parts[1], beta: parts[2], isAbsolute: isAbsolute)
            } check: { isa, y in
                MapTest.expect(y, shape: [3, channels], expected, "\(isa)")
            }
        }
        #expect(throws: ProteanError.self) {
            try Operations.channelCompetition(x, alpha: x, gamma: parts[1], beta: parts[2])
        }
        #expect(throws: ProteanError.self) {
            try Operations.channelCompetition(
                x, alpha: parts[0], gamma: parts[1], beta: parts[2], eps: -1)
        }
    }

    // MARK: - Softmax-weighted means

    private static func context(_ x: Tensor, _ weight: [Double], _ bias: Double) -> [Double] {
        let values = doubles(x)
        let (pixels, c) = (x.shape[1] * x.shape[2], x.shape[3])
        var result: [Double] = []
        for n in 0..<x.shape[0] {
            let scores = (0..<pixels).map { p in
                (0..<c).reduce(bias) { $0 + weight[$1] * values[(n * pixels + p) * c + $1] }
            }
            let largest = scores.max() ?? 0
            let shares = scores.map { exp($0 - largest) }
            let whole = shares.reduce(0, +)
            result += (0..<c).map { channel in
                (0..<pixels).reduce(0) {
                    $0 + shares[$1] / whole * values[(n * pixels + $1) * c + channel]
                }
            }
        }
        return result
    }

    /// The last are cut into several blocks and split among threads.
    @Test(
        arguments: [
            [3, 5, 7, 17], [1, 4, 3, 1], [2, 3, 5, 3], [1, 6, 5, 330], [0, 2, 2, 4], [2, 1, 1, 33],
            [2, 43, 50, 33], [1, 61, 57, 131],
        ])
    func contextsAgreeWithLoops(_ shape: [Int]) throws {
        let x = try MapTest.tensor(shape, seed: 31)
        // Scores spread by about ten, so that pixels count very differently.
        let weight = try MapTest.tensor(
            [1, shape[3], 1, 1], seed: 32, range: 4 / Float(shape[3]).squareRoot())
        let bias = try Tensor([1.5], shape: [1])
        let expected = Self.context(x, Self.doubles(weight), 1.5)
        try MapTest.everywhere {
            try Operations.contextPool(x, weight: weight, bias: bias)
        } check: { isa, y in
            MapTest.expect(y, shape: [shape[0], shape[3]], expected, tolerance: 5e-6, "\(isa)")
        }
    }

    @Test func contextsOfExtremeScores() throws {
        // Scores of ±1000 would overflow without subtracting the largest.
        var values = [Float](repeating: 0, count: 200 * 2)
        for p in 0..<200 {
            values[2 * p] = p == 150 ? 1000 : -1000
            values[2 * p + 1] = Float(p)
        }
        let x = try Tensor(values, shape: [1, 10, 20, 2])
        let weight = try Tensor([1, 0], shape: [2]), bias = try Tensor(zeros: [1])
        for isa in KernelISA.supported {
            let y = try Runtime.with(isa: isa) {
                try Operations.contextPool(x, weight: weight, bias: bias)
            }
            #expect(y.elements == [1000, 150], "\(isa)")
        }
        values[0] = .nan
        let y = try Operations.contextPool(
            Tensor(values, shape: [1, 10, 20, 2]), weight: weight, bias: bias)
        #expect(y.elements.allSatisfy { $0.isNaN })
        // A block of pixels that count for nothing.
        for p in 0..<64 { values[2 * p] = -.infinity }
        let skipped = try Tensor([0, 1, 0], shape: [3])
        var three = [Float](repeating: 0, count: 200 * 3)
        for p in 0..<200 { three[3 * p + 1] = p < 64 ? -.infinity : 0 }
        for p in 0..<200 { three[3 * p] = 2 }
        let z = try Operations.contextPool(
            Tensor(three, shape: [1, 10, 20, 3]), weight: skipped, bias: bias)
        #expect(z.elements[0] == 2)
    }

    @Test func contextsRefuseWhatDoesNotFit() throws {
        let x = try Tensor(zeros: [1, 2, 3, 4]), one = try Tensor(zeros: [1])
        #expect(throws: ProteanError.self) {
            try Operations.contextPool(x, weight: Tensor(zeros: [3]), bias: one)
        }
        #expect(throws: ProteanError.self) {
            try Operations.contextPool(x, weight: Tensor(zeros: [4]), bias: Tensor(zeros: [2]))
        }
        #expect(throws: ProteanError.self) {
            try Operations.contextPool(
                Tensor(zeros: [1, 0, 3, 4]), weight: Tensor(zeros: [4]), bias: one)
        }
        let y = try Operations.contextPool(
            Tensor(shapeOnly: [2, 3, 4, 4]), weight: Tensor(zeros: [4]), bias: one)
        #expect(y.isShapeOnly && y.shape == [2, 4])
    }
}
