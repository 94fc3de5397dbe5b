import Foundation
import Testing

@testable import Protean

@Suite struct UnaryTests {
    typealias Case = (
        String, @Sendable (Tensor) throws -> Tensor, @Sendable (Double) -> Double
    )

    static let cases: [Case] = [
        ("negative", { try -$0 }, { -$0 }), ("abs", { try $0.abs() }, { Swift.abs($0) }),
        ("sign", { try $0.sign() }, { $0 > 0 ? 1 : $0 < 0 ? -1 : 0 }),
        ("square", { try $0.square() }, { $0 * $0 }),
        ("sqrt", { try $0.sqrt() }, { $0.squareRoot() }),
        ("rsqrt", { try $0.rsqrt() }, { 1 / $0.squareRoot() }),
        ("reciprocal", { try $0.reciprocal() }, { 1 / $0 }),
        ("exp", { try $0.exp() }, { exp($0) }), ("log", { try $0.log() }, { log($0) }),
        ("floor", { try $0.floor() }, { floor($0) }), ("ceil", { try $0.ceil() }, { ceil($0) }),
        ("round", { try $0.round() }, { $0.rounded(.toNearestOrEven) }),
        ("clamp", { try $0.clamp(low: -1, high: 2) }, { Swift.min(Swift.max($0, -1), 2) }),
        ("sigmoid", { try $0.sigmoid() }, { 1 / (1 + exp(-$0)) }),
        ("tanh", { try $0.tanh() }, { tanh($0) }),
    ]

    @Test(arguments: cases.indices) func everyLengthAndSet(_ index: Int) throws {
        let (name, run, formula) = Self.cases[index]
        for shape in [[], [0], [1], [7], [3, 0, 2], [2, 5, 3], [33], [70_001]] {
            let x = try MapTest.tensor(shape, seed: 12)
            let expected = x.elements.map { formula(Double($0)) }
            try MapTest.everywhere {
                try run(x)
            } check: { isa, y in
                MapTest.expect(y, shape: shape, expected, "\(name) \(isa)")
            }
            let shapes = try run(Tensor(shapeOnly: shape))
            #expect(shapes.isShapeOnly && shapes.shape == shape)
        }
    }

    /// Units in the last place over the whole range, every 4099th float.
    @Test(arguments: KernelISA.supported) func errorsOfFunctions(_ isa: KernelISA) throws {
        let positive = stride(from: UInt32(1), to: 0x7f80_0000, by: 4099).map {
            Float(bitPattern: $0)
        }
        let exponents = positive.filter { $0 < 88.7 }.flatMap { [$0, -$0] }.filter { $0 > -87.3 }
        let bounds: [(String, [Float], Double, (Tensor) throws -> Tensor, (Double) -> Double)] = [
            ("log", positive, 0.9, { try $0.log() }, { log($0) }),
            ("exp", exponents, 1.0, { try $0.exp() }, { exp($0) }),
            ("rsqrt", positive, 1.5, { try $0.rsqrt() }, { 1 / $0.squareRoot() }),
            ("power", positive, 0.51, { try $0.power(0.37) }, { pow($0, Double(Float(0.37))) }),
            ("sqrt", positive, 0.5000001, { try $0.sqrt() }, { $0.squareRoot() }),
        ]
        for (name, values, bound, run, formula) in bounds {
            let y = try Runtime.with(isa: isa) {
                try run(Tensor(values, shape: [values.count]))
            }
            var worst = 0.0
            for (x, found) in zip(values, y.elements) {
                let expected = formula(Double(x))
                let unit = Double(Float(expected).ulp)
                worst = Swift.max(worst, Swift.abs(Double(found) - expected) / unit)
            }
            #expect(worst <= bound, "\(name) \(isa): \(worst)")
            #expect(values.count > 100_000)
        }
    }

    @Test func roundingOfLargeAndSignedValues() throws {
        let values: [Float] = [
            0.5, 1.5, 2.5, -0.5, -1.5, -0.3, 0.49999997, 4_194_304.5, 8_388_607.5, 8_388_609, -0.0,
            1e30, -1e30, .infinity, -.infinity, 2_147_483_648, 0.99999994, -0.99999994,
        ]
        let x = try Tensor(values, shape: [values.count])
        for isa in KernelISA.supported {
            try Runtime.with(isa: isa) {
                let results = [
                    (try x.round(), FloatingPointRoundingRule.toNearestOrEven),
                    (try x.floor(), .down), (try x.ceil(), .up),
                ]
                for (y, rule) in results {
                    let expected = values.map { $0.rounded(rule) }
                    #expect(y.elements == expected, "\(isa) \(rule)")
                    #expect(y.elements.map(\.sign) == expected.map(\.sign), "\(isa) \(rule)")
                }
            }
        }
    }

    @Test func notANumberStaysSo() throws {
        let x = try Tensor(repeating: .nan, shape: [19])
        for (name, run, _) in Self.cases where name != "sign" {
            for isa in KernelISA.supported {
                let y = try Runtime.with(isa: isa) { try run(x) }
                #expect(y.elements.allSatisfy(\.isNaN), "\(name) \(isa)")
            }
        }
    }

    @Test func limitsOfClamping() throws {
        let x = try Tensor([-3, 0, 5], shape: [3])
        #expect(try x.clamp(low: 1).elements == [1, 1, 5])
        #expect(try x.clamp(high: 1).elements == [-3, 0, 1])
        for (low, high) in [(2, 1), (Float.nan, 1), (0, Float.nan)] as [(Float, Float)] {
            let error = #expect(throws: ProteanError.self) { try x.clamp(low: low, high: high) }
            guard case .invalidOption("clamp", "high", _, _)? = error else {
                Issue.record("\(String(describing: error))")
                continue
            }
        }
    }
}
