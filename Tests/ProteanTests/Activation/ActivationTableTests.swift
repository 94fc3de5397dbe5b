import CProteanKernels
import Foundation
import Testing

@testable import Protean

/// The table of activations: every kind has one row, and the row is true.
@Suite struct ActivationTableTests {
    static let numbers: [Activation] = [
        .leakyReLU(slope: 0.2), .leakyReLU(slope: -1.5), .elu(alpha: -0.5), .celu(alpha: 0.3),
        .celu(alpha: 7), .softplus(beta: 0.4, threshold: 50), .softplus(beta: 3, threshold: 25),
        .hardtanh(min: 0.3, max: 4.2),
    ]
    static let places = stride(from: -9.9, through: 9.9, by: 0.37).map { $0 }

    @Test func everyKindHasOneRow() {
        let kinds = Activation.all.map { Int($0.kernelSpec.kind.rawValue) }
        #expect(Set(kinds).count == kinds.count)
        // PReLU's slopes are a tensor; it is an operation of its own.
        let expected = Set(0..<Int(PTN_ACTIVATION_COUNT)).subtracting([Int(PTN_ACT_PRELU.rawValue)])
        #expect(Set(kinds) == expected)
        for (activation, row) in zip(Activation.all, ActivationTable.rows) {
            #expect(activation.name == row.names[0])
            #expect(activation.formula.contains { $0 == "x" || $0 == "ˣ" })
        }
    }

    @Test func namesLeadToTheirRows() throws {
        var seen: Set<String> = []
        for row in ActivationTable.rows {
            for name in row.names {
                #expect(seen.insert(name).inserted, "\(name) occurs twice")
                #expect(try Activation(named: name) == row.activation)
                #expect(try Activation(named: name.uppercased()) == row.activation)
                let joined = name.replacingOccurrences(of: "_", with: "-")
                #expect(try Activation(named: joined) == row.activation)
            }
        }
        #expect(seen == Set(Activation.names))
        for (name, activation) in [
            ("ReLU6", Activation.relu6), ("Hardswish", .hardSwish), ("hard_swish", .hardSwish),
            ("LeakyReLU", .leakyReLU(slope: 0.01)), ("swish", .silu), ("linear", .identity),
            ("gelu_pytorch_tanh", .geluTanh), ("none", .identity),
        ] {
            #expect(try Activation(named: name) == activation)
        }
        #expect(throws: ProteanError.self) { try Activation(named: "relu7") }
    }

    @Test func kernelsComputeTheRowsFormula() throws {
        // Around kinks, around the vector width, and large.
        var inputs = Self.places.map { Float($0) }
        inputs += [-6, -3, -0.0, 0, 3, 6, 1e-30, -1e-30, 40, -40, 100, -100]
        for count in [inputs.count, 1, 7, 17] {
            let x = try Tensor(Array(inputs.prefix(count)), shape: [count])
            for activation in Activation.all + Self.numbers {
                var bits: [UInt32]?
                for (isa, threads) in allRuntimes {
                    try Runtime.with(isa: isa, threads: threads) {
                        let y = try Operations.activate(x, activation).elements
                        for (found, input) in zip(y, x.elements) {
                            let expected = activation.value(at: Double(input))
                            // Exponential functions round three or four times.
                            let bound = 6e-7 * max(abs(expected), 1)
                            #expect(
                                abs(Double(found) - expected) <= bound,
                                "\(activation.name)(\(input)) on \(isa)")
                        }
                        if isa == KernelISA.supported[0] {
                            bits = bits ?? y.map(\.bitPattern)
                            #expect(y.map(\.bitPattern) == bits, "\(activation.name) \(threads)")
                        }
                    }
                }
            }
        }
    }

    @Test func notANumberStaysOne() throws {
        let x = try Tensor([.nan, 1, .nan], shape: [3])
        for activation in Activation.all {
            #expect(activation.value(at: .nan).isNaN, "\(activation.name)")
            for isa in KernelISA.supported {
                let y = try Runtime.with(isa: isa) { try Operations.activate(x, activation) }
                #expect(y.elements[0].isNaN && y.elements[2].isNaN, "\(activation.name) \(isa)")
                #expect(!y.elements[1].isNaN)
            }
        }
    }

    @Test func derivativesAreCentralDifferences() {
        let h = 1e-5
        for activation in Activation.all + Self.numbers {
            // No place lies on a kink or within the difference's reach of one.
            for x in Self.places {
                let up = activation.value(at: x + h), down = activation.value(at: x - h)
                let difference = (up - down) / (2 * h)
                #expect(
                    abs(activation.derivative(at: x) - difference) < 1e-8,
                    "\(activation.name)'(\(x))")
            }
        }
    }

    /// As PyTorch's backward functions have it.
    @Test func derivativesAtKinks() {
        let cases: [(Activation, Double, Double)] = [
            (.relu, 0, 0), (.relu6, 0, 0), (.relu6, 6, 0), (.leakyReLU(slope: 0.25), 0, 0.25),
            (.hardSigmoid, -3, 0), (.hardSigmoid, 3, 0), (.hardSwish, -3, 0), (.hardSwish, 3, 1.5),
            (.elu(alpha: 0.5), 0, 0.5), (.celu(alpha: 0.5), 0, 1), (.hardtanh(), -1, 0),
            (.hardtanh(), 1, 0), (.softplus(beta: 2, threshold: 1), 0.75, 1),
        ]
        for (activation, x, expected) in cases {
            #expect(activation.derivative(at: x) == expected, "\(activation.name)'(\(x))")
        }
    }
}
