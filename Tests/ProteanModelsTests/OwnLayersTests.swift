import Foundation
import OwnLayers
import Protean
import Testing

/// The package Examples/OwnLayers: what it computes against parts of Protean that are tested by
/// themselves, or by hand.
@Suite struct OwnLayersTests {
    private func values(_ shape: [Int], _ name: String) throws -> Tensor {
        try Tensor(ResNetTests.uniform(name, -1, 1, count: shape.reduce(1, *)), shape: shape)
    }

    @Test func aHypernetworkGivesEachSampleItsWeights() throws {
        let layer = try HypernetworkConv2d(
            inputChannels: 3, outputChannels: 5, kernelSize: Size2d(height: 3, width: 1),
            padding: .symmetric(height: 1, width: 0), contextSize: 2)
        try layer.initializeWeights(seed: 4)
        let x = try values([3, 7, 5, 3], "x"), context = try values([3, 2], "context")
        let generator = try #require(layer.module(at: "generator") as? Linear)
        let filters = try generator(context)
        for isa in KernelISA.supported {
            let y = try Runtime.with(isa: isa) { try layer(x, context: context) }
            for sample in 0..<3 {
                let weight = try filters.slice(axis: 0, from: sample, to: sample + 1)
                    .reshaped(to: [5, 3, 3, 1])
                let conv = try Conv2d(
                    weight: weight, padding: .symmetric(height: 1, width: 0), algorithm: .direct)
                let expected = try Runtime.with(isa: isa) {
                    try conv(x.slice(axis: 0, from: sample, to: sample + 1))
                }
                let found = try y.slice(axis: 0, from: sample, to: sample + 1)
                #expect(try found.maximumDifference(from: expected) < 1e-5, "\(isa) \(sample)")
            }
        }
        let trace = Trace()
        let shape = try trace.recording {
            try layer(Tensor(shapeOnly: [2, 9, 4, 3]), context: Tensor(shapeOnly: [2, 2])).shape
        }
        #expect(shape == [2, 9, 4, 5])
        #expect(trace.events.last?.cost.multiplyAdds == 2 * 9 * 4 * 5 * 9)
        #expect(throws: ProteanError.self) { try layer(x, context: values([2, 2], "context")) }
    }

    @Test func packedWeightsFollowTheirParameters() throws {
        let layer = try LowRankConv2d(
            inputChannels: 4, outputChannels: 6, kernelSize: 3, rank: 2, padding: 1)
        let x = try values([2, 9, 11, 4], "x")
        for round in 0..<2 {
            try layer.up.set(values([6, 2], "up\(round)"))
            try layer.down.set(values([2, 36], "down\(round)"))
            try layer.bias.set(values([6], "bias\(round)"))
            let product = try layer.up.value.matmul(layer.down.value)
            let plain = try Conv2d(
                weight: product.reshaped(to: [6, 4, 3, 3]), bias: layer.bias.value, padding: 1)
            for isa in KernelISA.supported {
                let (found, expected) = try Runtime.with(isa: isa) { (try layer(x), try plain(x)) }
                // The product may be summed in another order where another instruction set made it.
                #expect(try found.maximumDifference(from: expected) < 1e-5, "\(isa) \(round)")
            }
        }
        #expect(try layer.cost(for: [1, 9, 11, 4]).multiplyAdds == 99 * 6 * 36)
        #expect(try layer.outputShape(for: [0, 5, 4, 4]) == [0, 5, 4, 6])
        #expect(throws: ProteanError.self) {
            try LowRankConv2d(inputChannels: 1, outputChannels: 2, kernelSize: 1, rank: 3)
        }
    }

    @Test func aGateOfOnesOwnRunsBehindAConvolution() throws {
        let gate = try ContrastGate(channels: 6, reduction: 3)
        try gate.initializeWeights(seed: 9)
        let x = try values([2, 5, 7, 6], "x")
        let gates = try gate.gates(of: x)
        #expect(gates.shape == [2, 6])
        let gated = try Gated(gate)(x)
        let expected = try x * gates.reshaped(to: [2, 1, 1, 6])
        #expect(try gated.maximumDifference(from: expected) < 1e-6)
        let block = try Sequential([
            try Conv2d(inputChannels: 3, outputChannels: 6, kernelSize: 3), Gated(gate), ReLU(),
        ])
        let input = try values([1, 6, 8, 3], "input")
        let map = try Conv2d(
            weight: #require(block.parameter(at: "0.weight")).value,
            bias: #require(block.parameter(at: "0.bias")).value)(input)
        let apart = try ReLU()(Gated(gate)(map))
        #expect(try block(input).maximumDifference(from: apart) < 1e-6)
        #expect(throws: ProteanError.self) { try gate.gates(of: values([1, 2, 2, 5], "y")) }
    }

    @Test func aRecurrentCellKeepsItsState() throws {
        let cell = try MinimalGatedUnit(inputSize: 3, hiddenSize: 4)
        let x = try values([2, 3], "x")
        var state = try cell.initialState(for: x.shape)
        let first = try cell(x, state: &state)
        #expect(first.shape == [2, 4] && state.elements == first.elements)
        let second = try cell(x, state: &state)
        #expect(second.elements != first.elements)
        // The formula in Double for one sample.
        let parameters = Dictionary(
            uniqueKeysWithValues: cell.allParameters().map {
                ($0.name, $0.parameter.value.elements.map(Double.init))
            })
        let input = x.elements.prefix(3).map(Double.init)
        var kept = [Double](repeating: 0, count: 4)
        for _ in 0..<2 {
            func sums(_ part: String, _ hidden: [Double]) -> [Double] {
                let weights = parameters["\(part).weight"] ?? [], all = input + hidden
                return (0..<4).map { row in
                    let sum = (0..<7).reduce(0.0) { $0 + weights[row * 7 + $1] * all[$1] }
                    return sum + (parameters["\(part).bias"]?[row] ?? 0)
                }
            }
            let gate = sums("forget", kept).map { 1 / (1 + exp(-$0)) }
            let proposal = sums("candidate", zip(gate, kept).map(*)).map { tanh($0) }
            kept = (0..<4).map { kept[$0] + gate[$0] * (proposal[$0] - kept[$0]) }
        }
        for (found, expected) in zip(second.elements, kept) {
            #expect(abs(Double(found) - expected) < 1e-6)
        }
        // Streams that share a cell do not disturb each other.
        var other = try cell.initialState(for: x.shape)
        #expect(try cell(x, state: &other).elements == first.elements)
        #expect(throws: ProteanError.self) { try cell(values([2, 4], "y"), state: &other) }
    }
}
