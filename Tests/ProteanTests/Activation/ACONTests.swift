import Foundation
import Testing

@testable import Protean

@Suite struct ACONTests {
    /// The formula in double precision, with a switch per sample if there are that many.
    static func reference(_ x: Tensor, p1: Tensor, p2: Tensor, beta: Tensor) -> [Double] {
        let a = p1.elements, b = p2.elements, k = beta.elements, c = a.count
        let perSample = x.shape[0] == 0 ? 1 : x.count / x.shape[0]
        return x.elements.enumerated().map { i, value in
            let v = Double(value), own = k.count > c ? i / perSample * c : 0
            let q = (Double(a[i % c]) - Double(b[i % c])) * v
            return q / (1 + exp(-Double(k[own + i % c]) * q)) + Double(b[i % c]) * v
        }
    }

    @Test(arguments: [
        [3, 5, 7, 17], [1, 9, 4, 1], [2, 3, 5, 33], [0, 2, 3, 7], [1, 1, 1, 3], [4, 3],
        [1, 40, 37, 30], [2, 3, 300],
    ])
    func agreesWithDoubleLoopsEverywhere(_ shape: [Int]) throws {
        let c = shape[shape.count - 1]
        let layer = try ACON(channels: c, seed: 3)
        try layer.beta.set(MapTest.tensor([1, c, 1, 1], seed: 5, range: 2))
        let x = try MapTest.tensor(shape, seed: 4, range: 6)
        let expected = Self.reference(
            x, p1: layer.p1.value, p2: layer.p2.value, beta: layer.beta.value)
        try MapTest.everywhere {
            try layer(x)
        } check: { isa, y in
            MapTest.expect(y, shape: shape, expected, "\(isa)")
        }
        #expect(try layer.outputShape(for: shape) == shape)
    }

    @Test func switchesPerSampleAreTheSamples() throws {
        let x = try MapTest.tensor([3, 4, 5, 7], seed: 1)
        let p1 = try MapTest.tensor([7], seed: 2), p2 = try MapTest.tensor([7], seed: 3)
        let beta = try MapTest.tensor([3, 7], seed: 4)
        let expected = Self.reference(x, p1: p1, p2: p2, beta: beta)
        try MapTest.everywhere {
            try Operations.acon(x, p1: p1, p2: p2, beta: beta)
        } check: { isa, y in
            MapTest.expect(y, shape: x.shape, expected, "\(isa)")
        }
    }

    @Test func specialCases() throws {
        let layer = try ACON(channels: 5), x = try Tensor.random([2, 3, 4, 5])
        try layer.p1.set(Tensor(repeating: 1, shape: [1, 5, 1, 1]))
        try layer.p2.set(Tensor(repeating: 0, shape: [1, 5, 1, 1]))
        let silu = try SiLU()(x)
        #expect(try layer(x).maximumDifference(from: silu) < 1e-6)
        try layer.beta.set(Tensor(repeating: 1e6, shape: [1, 5, 1, 1]))
        #expect(try layer(x).maximumDifference(from: ReLU()(x)) < 1e-6)
        try layer.beta.set(Tensor(repeating: 0, shape: [1, 5, 1, 1]))
        let half = try Operations.multiply(x, Tensor([0.5], shape: [1]))
        #expect(try layer(x).elements == half.elements)
    }

    @Test func notANumberStaysWhereItIs() throws {
        let y = try ACON(channels: 1)(Tensor([1, .nan, -2], shape: [1, 3, 1])).elements
        #expect(y.map(\.isNaN) == [false, true, false])
    }

    @Test func costAndRefusals() throws {
        let layer = try ACON(channels: 5)
        #expect(
            try layer.cost(for: [2, 3, 4, 5])
                == Cost(multiplyAdds: 360, parameters: 15, bytes: (2 * 120 + 15) * 4))
        #expect(layer.allParameters().map(\.name) == ["p1", "p2", "beta"])
        expectRefusal(of: "channels") { _ = try ACON(channels: 0) }
        expectMismatch(of: "x") { _ = try layer(Tensor(zeros: [1, 3, 4])) }
        let x = try Tensor(zeros: [2, 3, 5]), row = try Tensor(zeros: [5])
        expectMismatch(of: "p2") {
            _ = try Operations.acon(x, p1: row, p2: Tensor(zeros: [4]), beta: row)
        }
        expectMismatch(of: "beta") {
            _ = try Operations.acon(x, p1: row, p2: row, beta: Tensor(zeros: [3, 5]))
        }
    }
}
