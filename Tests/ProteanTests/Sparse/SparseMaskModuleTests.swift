import Foundation
import Testing

@testable import Protean

@Suite struct SparseMaskModuleTests {
    /// The scores s₁ − s₀ by the layers of the definition, the transposed convolution by loops.
    private static func scores(_ module: SparseMaskModule, _ x: Tensor) throws -> [Double] {
        let first = try #require(module.module(at: "spa_mask.0") as? Conv2d)
        let second = try #require(module.module(at: "spa_mask.3") as? Conv2d)
        let pooled = try AvgPool2d(kernelSize: 2)(Operations.activate(first(x), .relu))
        let map = try Operations.activate(second(pooled), .relu)
        let weight = try #require(module.parameter(at: "spa_mask.5.weight")).value.elements
        let bias = try #require(module.parameter(at: "spa_mask.5.bias")).value.elements
        let (n, h, w, c) = (map.shape[0], map.shape[1], map.shape[2], map.shape[3])
        let values = map.elements
        var scores = [Double](
            repeating: Double(bias[1]) - Double(bias[0]), count: n * 4 * h * w)
        for at in values.indices {
            let (k, pixel) = (at % c, at / c)
            let (j, i, b) = (pixel % w, pixel / w % h, pixel / w / h)
            for tap in 0..<9 {
                let (y, z) = (2 * i + tap / 3 - 1, 2 * j + tap % 3 - 1)
                guard (0..<2 * h).contains(y), (0..<2 * w).contains(z) else { continue }
                let difference = Double(weight[(k * 2 + 1) * 9 + tap] - weight[k * 2 * 9 + tap])
                scores[(b * 2 * h + y) * 2 * w + z] += Double(values[at]) * difference
            }
        }
        return scores
    }

    @Test(arguments: [[2, 6, 10, 16], [1, 8, 4, 20], [3, 2, 12, 5], [0, 4, 4, 16]])
    func followsTheDefinitionEverywhere(_ shape: [Int]) throws {
        let module = try SparseMaskModule(channels: shape[3], layers: 2, reduction: 4)
        try module.randomise()
        let x = try Tensor.random(shape)
        let scores = try Self.scores(module, x)
        for isa in KernelISA.supported {
            try Runtime.with(isa: isa) {
                let mask = try module.mask(for: x)
                // Scores nearer to 0 may fall on either side.
                for (flag, score) in zip(try mask.flags(), scores) where abs(score) > 1e-5 {
                    #expect(flag == (score > 0), "\(isa) \(score)")
                }
                let features = try module.block(x, mask: mask)
                let expected = try Self.finished(module, x, features)
                for threads in 1...3 {
                    let y = try Runtime.with(threads: threads) { try module(x, mask: mask) }
                    MapTest.expect(y, shape: shape, expected, tolerance: 1e-5, "\(isa)")
                }
            }
        }
    }

    /// gate ⊙ features + x with the gate of the features' means.
    private static func finished(
        _ module: SparseMaskModule, _ x: Tensor, _ features: Tensor
    ) throws -> [Double] {
        func numbers(_ name: String) throws -> [Double] {
            try #require(module.parameter(at: name)).value.elements.map(Double.init)
        }
        func project(_ name: String, _ v: [Double]) throws -> [Double] {
            let weight = try numbers(name + ".weight"), bias = try numbers(name + ".bias")
            return bias.indices.map { k in
                v.indices.reduce(bias[k]) { $0 + v[$1] * weight[k * v.count + $1] }
            }
        }
        let f = features.elements.map(Double.init), c = x.shape[3]
        let image = x.shape[1] * x.shape[2] * c
        let gates = try (0..<x.shape[0]).map { sample -> [Double] in
            var means = [Double](repeating: 0, count: c)
            for i in 0..<image { means[i % c] += f[sample * image + i] / Double(image / c) }
            let hidden = try project("ca.conv_du.0", means).map { max($0, 0) }
            return try project("ca.conv_du.2", hidden).map { 1 / (1 + exp(-$0)) }
        }
        return zip(f, x.elements).enumerated().map { i, pair in
            pair.0 * gates[i / image][i % c] + Double(pair.1)
        }
    }

    @Test(arguments: [true, false]) func itsFirstConvolutionsAreShared(
        _ hasSome: Bool
    ) throws {
        let module = try SparseMaskModule(channels: 16, layers: 2)
        let pairs = (0..<64).map { i -> Float in
            let isDense = hasSome && i / 4 % 3 == 0
            return isDense == (i % 2 == 0) ? 1 : 0
        }
        try module.block.channelMask.set(try Tensor(pairs, shape: [1, 16, 2, 2]))
        for shape in [[1, 12, 26, 16], [3, 6, 8, 16], [0, 4, 4, 16]] {
            let x = try Tensor.random(shape)
            let trace = Trace(), apart = Trace()
            let found = try trace.recording { try module(x) }
            let mask = try module.mask(for: x)
            let expected = try apart.recording { try module(x, mask: mask) }
            #expect(try found.maximumDifference(from: expected) < 1e-5, "\(shape)")
            // Without the mask's own convolutions.
            let spared = trace.totalCost.multiplyAdds - apart.totalCost.multiplyAdds
            let scores = Trace()
            _ = try scores.recording { try module.mask(for: x) }
            #expect(spared == scores.totalCost.multiplyAdds)
            #expect(trace.totalCost.executedMultiplyAdds <= trace.totalCost.multiplyAdds)
            let shapeOnly = Trace()
            _ = try shapeOnly.recording { try module(Tensor(shapeOnly: shape)) }
            #expect(shapeOnly.totalCost.multiplyAdds == trace.totalCost.multiplyAdds)
        }
    }

    @Test func whatDoesNotFitIsRefused() throws {
        expectRefusal(of: "channels") { _ = try SparseMaskModule(channels: 3) }
        expectRefusal(of: "channels") { _ = try SparseMaskModule(channels: 8, reduction: 16) }
        let module = try SparseMaskModule(channels: 16, layers: 1)
        for shape in [[1, 3, 4, 16], [1, 4, 5, 16], [4, 4, 16]] {
            expectMismatch(of: "x") { _ = try module(Tensor(zeros: shape)) }
        }
        #expect(throws: ProteanError.self) { try module(Tensor(zeros: [1, 4, 4, 15])) }
    }

    @Test func shapesPassWithoutValues() throws {
        let module = try SparseMaskModule(channels: 16, layers: 2)
        #expect(try module.outputShape(for: [2, 6, 8, 16]) == [2, 6, 8, 16])
        #expect(try module.mask(for: Tensor(shapeOnly: [2, 6, 8, 16])).density == 1)
    }
}
