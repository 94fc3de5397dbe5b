import Foundation
import Testing

@testable import Protean

@Suite struct ActivationKernelTests {
    static let all: [Activation] = [
        .identity, .relu, .relu6, .leakyReLU(slope: 0.01), .sigmoid, .hardSigmoid, .hardSwish,
        .silu, .gelu, .geluTanh, .mish, .tanh, .softplus(), .softplus(beta: 0.3, threshold: 1),
        .softplus(beta: 5, threshold: -2), .elu(), .elu(alpha: -0.3), .celu(), .celu(alpha: 0.2),
        .selu, .hardtanh(), .hardtanh(min: 0.5, max: 3),
    ]

    static func reference(_ activation: Activation, _ x: Double) -> Double {
        func relu6(_ v: Double) -> Double { v.isNaN ? v : min(max(v, 0), 6) }
        switch activation {
        case .identity: return x
        case .relu: return x.isNaN ? x : max(x, 0)
        case .relu6: return relu6(x)
        case .leakyReLU(let slope): return x > 0 ? x : x * Double(slope)
        case .sigmoid: return 1 / (1 + exp(-x))
        case .hardSigmoid: return relu6(x + 3) / 6
        case .hardSwish: return x * relu6(x + 3) / 6
        case .silu: return x / (1 + exp(-x))
        case .gelu: return x / 2 * (1 + erf(x / 2.0.squareRoot()))
        case .geluTanh:
            let inner = (2 / Double.pi).squareRoot() * (x + 0.044715 * x * x * x)
            return x / 2 * (1 + Foundation.tanh(inner))
        case .mish: return x * Foundation.tanh(log1p(exp(x)))
        case .tanh: return Foundation.tanh(x)
        case .softplus(let beta, let threshold):
            let z = x * Double(beta)
            return z > Double(threshold) ? x : log1p(exp(z)) / Double(beta)
        case .elu(let alpha): return x > 0 ? x : Double(alpha) * expm1(x)
        case .celu(let alpha): return x > 0 ? x : Double(alpha) * expm1(x / Double(alpha))
        case .selu:
            return 1.0507009873554805 * (x > 0 ? x : 1.6732632423543772 * expm1(x))
        case .hardtanh(let least, let most):
            return x.isNaN ? x : min(max(x, Double(least)), Double(most))
        }
    }

    @Test(arguments: all) func agreesWithDouble(_ activation: Activation) throws {
        // 3 samples of 7 x 5 x 17 and of every size around the vector lengths.
        for shape in [[3, 7, 5, 17], [1], [0, 4], [4], [7], [8], [15], [16], [33]] {
            let x = try MapTest.tensor(shape, seed: 7, range: 8)
            let expected = x.elements.map { Self.reference(activation, Double($0)) }
            try MapTest.everywhere {
                try Operations.activate(x, activation)
            } check: { isa, y in
                MapTest.expect(
                    y, shape: shape, expected, tolerance: 4e-7, "\(activation) \(isa) \(shape)")
            }
        }
    }

    @Test(arguments: all) func splitsAmongThreads(_ activation: Activation) throws {
        let x = try MapTest.tensor([40_003], seed: 3, range: 12)
        try MapTest.everywhere {
            try Operations.activate(x, activation)
        } check: { isa, y in
            let last = x.elements[40_002]
            #expect(
                abs(Double(y.elements[40_002]) - Self.reference(activation, Double(last))) < 2e-6)
        }
    }

    @Test(arguments: all) func extremesKeepTheirMeaning(_ activation: Activation) throws {
        let inputs: [Float] = [
            .nan, .infinity, 1e30, -1e30, 90, -90, 20, -20, 0, 1e-30, -1e-30, 3, -3, 6,
        ]
        // 1e30 cubed overflows in Double's reference of none of the functions but is inf in Float.
        let x = try Tensor(inputs, shape: [inputs.count])
        try MapTest.everywhere {
            try Operations.activate(x, activation)
        } check: { isa, y in
            let expected = inputs.map { input in
                // e^1e30 is infinite in Double too: the limits are x and -0.
                if abs(input) == 1e30, activation == .silu || activation == .mish {
                    return max(Double(input), 0)
                }
                return Self.reference(activation, Double(input))
            }
            MapTest.expect(y, shape: x.shape, expected, tolerance: 4e-7, "\(activation) \(isa)")
        }
    }

    @Test func saturationIsExact() throws {
        let x = try Tensor([.infinity, -.infinity], shape: [2])
        for isa in KernelISA.supported {
            try Runtime.with(isa: isa) {
                try #expect(Operations.activate(x, .sigmoid).elements == [1, 0])
                try #expect(Operations.activate(x, .tanh).elements == [1, -1])
                try #expect(Operations.activate(x, .hardSigmoid).elements == [1, 0])
                try #expect(Operations.activate(x, .relu6).elements == [6, 0])
            }
        }
    }

    @Test func aValueDoesNotDependOnItsPlace() throws {
        let row = MapTest.values(37, seed: 5)
        for activation in Self.all {
            for isa in KernelISA.supported {
                try Runtime.with(isa: isa, threads: 1) {
                    let all = try Operations.activate(Tensor(row, shape: [37]), activation)
                    for start in 1..<37 {
                        let part = try Operations.activate(
                            Tensor(row[start...], shape: [37 - start]), activation)
                        #expect(part.elements == Array(all.elements[start...]))
                    }
                }
            }
        }
    }

    @Test(arguments: [1, 2, 3, 7, 16, 17, 33, 64, 100]) func preluTakesTheChannelsSlope(
        channels: Int
    ) throws {
        for pixels in [0, 1, 5, 3, 1200] {
            let x = try MapTest.tensor([pixels, channels], seed: 11)
            let slopes = try MapTest.tensor([channels], seed: 12)
            let a = x.elements, s = slopes.elements
            let expected = a.indices.map { i in
                a[i] > 0 ? Double(a[i]) : Double(a[i]) * Double(s[i % channels])
            }
            try MapTest.everywhere {
                try Operations.prelu(x, slopes: slopes)
            } check: { isa, y in
                MapTest.expect(y, shape: x.shape, expected, "\(isa) \(channels) \(pixels)")
            }
        }
    }

    @Test func preluWithOneSlope() throws {
        let x = try Tensor([-2, 3, -4, 5, .nan, -1], shape: [2, 3])
        let y = try Operations.prelu(x, slopes: Tensor([0.5], shape: [1])).elements
        #expect(y[0..<4] == [-1, 3, -2, 5])
        #expect(y[4].isNaN && y[5] == -0.5)
        #expect(throws: ProteanError.self) {
            try Operations.prelu(x, slopes: Tensor(zeros: [2]))
        }
    }

    @Test func shapesTravelWithoutValues() throws {
        let x = try Tensor(shapeOnly: [2, 3, 4, 5])
        #expect(try Operations.activate(x, .silu).isShapeOnly)
        #expect(try Operations.prelu(x, slopes: Tensor(zeros: [5])).shape == [2, 3, 4, 5])
    }
}
