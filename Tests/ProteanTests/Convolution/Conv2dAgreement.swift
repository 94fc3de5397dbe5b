import Foundation
import Testing

@testable import Protean

/// A convolution beside plain loops in double precision: what every way of computing it has to agree with.
struct Conv2dAgreement {
    let layer: Conv2d
    let x: Tensor
    let reference: Conv2dReference
    private let bias: [Double]

    init(_ layer: Conv2d, input: [Int]) throws {
        self.layer = layer
        x = try Tensor.random(input)
        reference = try Conv2dReference(
            layer.geometry, x: x, weights: layer.weight.value.elements.map(Double.init))
        bias = layer.bias!.value.elements.map(Double.init)
    }

    /// On every instruction set, and the same bits for any number of threads.
    func expectEverywhere() throws {
        try MapTest.everywhere {
            try layer(x)
        } check: { isa, y in
            #expect(y.shape == reference.outputShape)
            let worst = reference.worstError(y) { $0 + bias[$1 % bias.count] }
            // Errors add up like a random walk at most as long as the sum.
            let limit = 4 + 2 * Double(layer.geometry.fanIn).squareRoot()
            #expect(worst < limit, "\(isa): \(worst) units, limit \(limit)")
        }
    }

    /// Every kind of epilogue, after its formula.
    func expectEpilogues() throws {
        let residual = try Tensor.random(reference.outputShape, seed: 3)
        let gate = try Tensor.random([x.shape[0], bias.count], seed: 4)
        try expect(Conv2dEpilogue(activation: .relu)) { s, _ in max(s, 0) }
        try expect(Conv2dEpilogue(activation: .relu6, residual: residual)) { s, r in
            min(max(s + r, 0), 6)
        }
        try expect(
            Conv2dEpilogue(activation: .relu, residual: residual, residualAfterActivation: true)
        ) { s, r in max(s, 0) + r }
        try expect(
            Conv2dEpilogue(
                activation: .leakyReLU(slope: 0.1), residual: residual,
                residualAfterActivation: true)
        ) { s, r in (s > 0 ? s : 0.1 * s) + r }
        try expect(Conv2dEpilogue(gate: gate)) { s, _ in s }
        try expect(
            Conv2dEpilogue(activation: .leakyReLU(slope: 0.1), residual: residual, gate: gate)
        ) { s, r in s + r > 0 ? s + r : 0.1 * (s + r) }
        try expect(Conv2dEpilogue(activation: .silu)) { s, _ in s / (1 + exp(-s)) }
        try expect(Conv2dEpilogue(activation: .hardSwish)) { s, _ in
            s * min(max(s + 3, 0), 6) / 6
        }
    }

    /// Factors per element, after every kind of activation and with a residual at either place.
    func expectFactors() throws {
        let factor = try Tensor.random(reference.outputShape, seed: 5)
        let residual = try Tensor.random(reference.outputShape, seed: 6)
        let gate = try Tensor.random([x.shape[0], bias.count], seed: 7)
        try expect(Conv2dEpilogue(factor: factor)) { s, _ in s }
        try expect(Conv2dEpilogue(activation: .sigmoid, factor: factor)) { s, _ in
            1 / (1 + exp(-s))
        }
        try expect(Conv2dEpilogue(activation: .relu, residual: residual, factor: factor)) { s, r in
            max(s + r, 0)
        }
        try expect(
            Conv2dEpilogue(
                activation: .relu6, residual: residual, residualAfterActivation: true, gate: gate,
                factor: factor)
        ) { s, _ in min(max(s, 0), 6) }
        try expect(
            Conv2dEpilogue(
                activation: .silu, residual: residual, residualAfterActivation: true,
                factor: factor)
        ) { s, _ in s / (1 + exp(-s)) }
    }

    private func expect(
        _ epilogue: Conv2dEpilogue, _ formula: (_ sum: Double, _ residual: Double) -> Double
    ) throws {
        let channels = bias.count, perSample = reference.outputShape[1...].reduce(1, *)
        let added = epilogue.residual?.elements.map(Double.init)
        let gates = epilogue.gate?.elements.map(Double.init)
        let factors = epilogue.factor?.elements.map(Double.init)
        for runtime in allRuntimes {
            let y = try Runtime.with(isa: runtime.isa, threads: runtime.threads) {
                try layer(x, epilogue: epilogue)
            }
            let worst = reference.worstError(y) { sum, i in
                let gate = gates.map { $0[i / perSample * channels + i % channels] } ?? 1
                let residual = added.map { $0[i] } ?? 0
                let y = formula(sum * gate + bias[i % channels], residual)
                guard let factor = factors?[i] else { return y }
                return y * factor + (epilogue.residualAfterActivation ? residual : 0)
            }
            #expect(worst < 40, "\(runtime), \(epilogue.activation): \(worst) units")
        }
    }
}
