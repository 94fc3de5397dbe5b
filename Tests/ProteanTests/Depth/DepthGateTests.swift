import Foundation
import Testing

@testable import Protean

/// Gates against their formulas in double precision.
@Suite struct DepthGateTests {
    /// A map in double precision, `[height][width][channels]` of one sample.
    struct Map {
        var height: Int, width: Int, channels: Int
        var values: [Double]

        init(_ x: Tensor, _ row: Int) throws {
            (height, width, channels) = (x.shape[1], x.shape[2], x.shape[3])
            values = try x.sample(row).elements.map(Double.init)
        }

        init(height: Int, width: Int, channels: Int) {
            (self.height, self.width, self.channels) = (height, width, channels)
            values = .init(repeating: 0, count: height * width * channels)
        }

        subscript(y: Int, x: Int, c: Int) -> Double {
            get { values[(y * width + x) * channels + c] }
            set { values[(y * width + x) * channels + c] = newValue }
        }

        var pooled: Map {
            var result = Map(height: height / 2, width: width / 2, channels: channels)
            for y in 0..<result.height {
                for x in 0..<result.width {
                    for c in 0..<channels {
                        let window = [(0, 0), (0, 1), (1, 0), (1, 1)]
                        result[y, x, c] =
                            window.map { self[2 * y + $0.0, 2 * x + $0.1, c] }.max() ?? 0
                    }
                }
            }
            return result
        }

        /// relu(norm(conv 3 × 3)).
        func convolved(_ conv: Conv2d, _ norm: BatchNorm2d) throws -> Map {
            let stride = conv.geometry.stride.height
            var result = Map(
                height: (height - 1) / stride + 1, width: (width - 1) / stride + 1,
                channels: channels)
            let weight = conv.weight.value.elements.map(Double.init)
            let (scale, shift) = try norm.scaleAndShift()
            for y in 0..<result.height {
                for x in 0..<result.width {
                    for k in 0..<channels {
                        var sum = 0.0
                        for (i, j, c) in taps() {
                            let (row, column) = (y * stride + i - 1, x * stride + j - 1)
                            guard (0..<height).contains(row), (0..<width).contains(column) else {
                                continue
                            }
                            sum +=
                                self[row, column, c]
                                * weight[((k * channels + c) * 3 + i) * 3 + j]
                        }
                        let normed =
                            sum * Double(scale.elements[k]) + Double(shift.elements[k])
                        result[y, x, k] = max(normed, 0)
                    }
                }
            }
            return result
        }

        private func taps() -> [(Int, Int, Int)] {
            (0..<3).flatMap { i in
                (0..<3).flatMap { j in (0..<channels).map { (i, j, $0) } }
            }
        }

        var means: [Double] {
            (0..<channels).map { c in
                var sum = 0.0
                for p in 0..<height * width { sum += values[p * channels + c] }
                return sum / Double(height * width)
            }
        }
    }

    /// weight · x + bias of a 1 × 1 convolution or linear layer.
    static func product(_ module: any Module, _ x: [Double]) throws -> [Double] {
        let weight = try #require(module.parameter(at: "weight")).value.elements.map(Double.init)
        let bias = module.parameter(at: "bias")?.value.elements.map(Double.init)
        let count = x.count
        var result: [Double] = []
        for k in 0..<weight.count / count {
            var sum: Double = bias?[k] ?? 0
            for c in 0..<count { sum += weight[k * count + c] * x[c] }
            result.append(sum)
        }
        return result
    }

    static func check(
        _ expected: (_ row: Int) throws -> Double, _ batch: Int, _ scores: () throws -> Tensor
    ) throws {
        var first: [KernelISA: Tensor] = [:]
        for (isa, threads) in allRuntimes {
            let found = try Runtime.with(isa: isa, threads: threads) { try scores() }
            #expect(found.shape == [batch, 2])
            for row in 0..<batch {
                let p = try expected(row)
                #expect(abs(Double(found.elements[2 * row + 1]) - p) < 1e-5, "\(isa) \(row)")
                #expect(abs(Double(found.elements[2 * row]) - (1 - p)) < 1e-5)
            }
            #expect(first[isa, default: found].isBitEqual(to: found), "\(isa) \(threads)")
            first[isa] = found
        }
    }

    @Test(arguments: FeedForwardGate.Form.allCases) func feedForward(
        _ form: FeedForwardGate.Form
    ) throws {
        for channels in [1, 7, 17] {
            let gate = try FeedForwardGate(channels: channels, form: form)
            try gate.randomise()
            for batch in [0, 1, 3] {
                let x = try Tensor.random([batch, 11, 8, channels], seed: 4)
                func expected(_ row: Int) throws -> Double {
                    var map = try Map(x, row)
                    if form == .pooledPair { map = map.pooled }
                    for index in 1...(form == .pooledPair ? 2 : 1) {
                        map = try map.convolved(
                            #require(gate.module(at: "conv\(index)") as? Conv2d),
                            #require(gate.module(at: "bn\(index)") as? BatchNorm2d))
                    }
                    let scores = try DepthGateTests.product(
                        #require(gate.module(at: "linear_layer")), map.means)
                    return 1 / (1 + exp(scores[0] - scores[1]))
                }
                try Self.check(expected, batch) { try gate(x) }
            }
        }
    }

    @Test func adaptiveInference() throws {
        let gate = try AdaptiveInferenceGate(channels: 7, hidden: 5)
        try gate.randomise()
        for batch in [0, 1, 3] {
            let x = try Tensor.random([batch, 5, 9, 7], seed: 6)
            func expected(_ row: Int) throws -> Double {
                let means = try Map(x, row).means
                var hidden = try DepthGateTests.product(
                    #require(gate.module(at: "fc1")), means)
                let norm = try #require(gate.module(at: "fc1bn") as? BatchNorm2d)
                let (scale, shift) = try norm.scaleAndShift()
                for k in hidden.indices {
                    hidden[k] = max(
                        hidden[k] * Double(scale.elements[k]) + Double(shift.elements[k]), 0)
                }
                let scores = try DepthGateTests.product(
                    #require(gate.module(at: "fc2")), hidden)
                return 1 / (1 + exp(scores[0] - scores[1]))
            }
            try Self.check(expected, batch) { try gate(x) }
        }
    }

    @Test(arguments: RecurrentGate.Projection.allCases) func recurrent(
        _ projection: RecurrentGate.Projection
    ) throws {
        let gate = try RecurrentGate(inputSize: 6, hiddenSize: 5, projection: projection)
        try gate.randomise()
        let names = gate.allParameters().map(\.name)
        #expect(
            names == [
                "rnn.weight_ih_l0", "rnn.weight_hh_l0", "rnn.bias_ih_l0", "rnn.bias_hh_l0",
                "proj.weight", "proj.bias",
            ])
        let shape = try #require(gate.parameter(at: "proj.weight")).shape
        #expect(shape == (projection == .linear ? [1, 5] : [1, 5, 1, 1]))
        let steps = try (0..<4).map { try Tensor.random([3, 6], seed: UInt64($0)) }
        func values(_ name: String) throws -> [Double] {
            try #require(gate.parameter(at: name)).value.elements.map(Double.init)
        }
        let (input, hidden) = (try values("rnn.weight_ih_l0"), try values("rnn.weight_hh_l0"))
        let biases = zip(try values("rnn.bias_ih_l0"), try values("rnn.bias_hh_l0")).map(+)
        func expected(_ row: Int, step: Int) throws -> Double {
            var h = [Double](repeating: 0, count: 5), c = h
            for x in steps[...step] {
                let x = try x.sample(row).elements.map(Double.init)
                var gates: [Double] = biases
                for k in 0..<20 {
                    for i in 0..<6 { gates[k] += input[k * 6 + i] * x[i] }
                    for i in 0..<5 { gates[k] += hidden[k * 5 + i] * h[i] }
                }
                func sigmoid(_ value: Double) -> Double { 1 / (1 + exp(-value)) }
                for u in 0..<5 {
                    c[u] = sigmoid(gates[5 + u]) * c[u] + sigmoid(gates[u]) * tanh(gates[10 + u])
                    h[u] = sigmoid(gates[15 + u]) * tanh(c[u])
                }
            }
            let score = try DepthGateTests.product(#require(gate.module(at: "proj")), h)
            return 1 / (1 + exp(-score[0]))
        }
        for step in steps.indices {
            try Self.check({ try expected($0, step: step) }, 3) {
                var state = try gate.initialState(for: [3, 6])
                var last = try Tensor(zeros: [0])
                for x in steps[...step] { last = try gate(x, state: &state) }
                return last
            }
        }
    }

    @Test func shapesAndCosts() throws {
        let form1 = try FeedForwardGate(channels: 16)
        #expect(try form1.outputShape(for: [5, 32, 32, 16]) == [5, 2])
        // 3 × 3 at 16 × 16 and at 8 × 8 pixels, then the two scores.
        let conv = 9 * 16 * 16
        #expect(try form1.cost(for: [1, 32, 32, 16]).multiplyAdds == conv * (256 + 64) + 32)
        let form2 = try FeedForwardGate(channels: 16, form: .single)
        #expect(try form2.cost(for: [1, 32, 32, 16]).multiplyAdds == conv * 256 + 32)
        let aig = try AdaptiveInferenceGate(channels: 32)
        #expect(try aig.cost(for: [2, 8, 8, 32]).multiplyAdds == 2 * 16 * (32 + 2))
        let embedding = try RecurrentGate.embedding(channels: 7, size: 3)
        #expect(try embedding.outputShape(for: [2, 4, 4, 7]) == [2, 3])
    }

    @Test func whatDoesNotFitIsRefused() throws {
        expectRefusal(of: "channels") { _ = try FeedForwardGate(channels: 0) }
        expectRefusal(of: "hidden") { _ = try AdaptiveInferenceGate(channels: 3, hidden: 0) }
        expectRefusal(of: "hiddenSize") { _ = try RecurrentGate(hiddenSize: 0) }
        let gate = try FeedForwardGate(channels: 3)
        expectMismatch(of: "x") { _ = try gate(Tensor(zeros: [2, 3])) }
        expectMismatch(of: "x") { _ = try gate(Tensor(zeros: [2, 0, 4, 3])) }
        expectMismatch(of: "x") { _ = try gate(Tensor(zeros: [2, 4, 4, 2])) }
        expectMismatch(of: "x") { _ = try gate(Tensor(zeros: [2, 1, 4, 3])) }
        let aig = try AdaptiveInferenceGate(channels: 3)
        expectMismatch(of: "x") { _ = try aig(Tensor(zeros: [2, 4, 4, 4])) }
        let recurrent = try RecurrentGate()
        var state = try recurrent.initialState(for: [2, 10])
        expectMismatch(of: "x") { _ = try recurrent(Tensor(zeros: [2, 9]), state: &state) }
        expectMismatch(of: "hidden") { _ = try recurrent(Tensor(zeros: [3, 10]), state: &state) }
    }
}
