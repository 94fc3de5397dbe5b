import Foundation
import Testing

@testable import Protean

@Suite struct PlaneGateKernelTests {
    private static func reference(_ x: Tensor, _ weight: Tensor, _ shift: Double) -> [Double] {
        let (planes, h, w) = (x.shape[1], x.shape[2], x.shape[3])
        let (kh, kw) = (weight.shape[1], weight.shape[2])
        let values = x.elements.map(Double.init), factors = weight.elements.map(Double.init)
        var result: [Double] = []
        for n in 0..<x.shape[0] {
            for i in 0..<h {
                for j in 0..<w {
                    var sum = shift
                    for p in 0..<planes {
                        for u in 0..<kh {
                            for v in 0..<kw {
                                let (y, x) = (i + u - kh / 2, j + v - kw / 2)
                                guard (0..<h).contains(y), (0..<w).contains(x) else { continue }
                                sum +=
                                    factors[(p * kh + u) * kw + v]
                                    * values[((n * planes + p) * h + y) * w + x]
                            }
                        }
                    }
                    result.append(1 / (1 + exp(-sum)))
                }
            }
        }
        return result
    }

    @Test(arguments: [
        ([2, 2, 5, 7], [7, 7]), ([1, 1, 1, 1], [3, 5]), ([3, 2, 9, 33], [1, 1]),
        ([1, 3, 4, 70], [5, 3]), ([1, 2, 130, 65], [7, 7]), ([0, 2, 3, 3], [7, 7]),
        ([1, 2, 3, 2100], [3, 3]), ([2, 2, 40, 1], [9, 7]),
    ])
    func agreesWithDouble(shape: [Int], kernel: [Int]) throws {
        let x = try MapTest.tensor(shape, seed: 101)
        let weight = try MapTest.tensor([shape[1]] + kernel, seed: 102, range: 0.3)
        let expected = Self.reference(x, weight, 0.25)
        try MapTest.everywhere {
            try Operations.planeGate(x, weight: weight, shift: 0.25)
        } check: { isa, y in
            MapTest.expect(
                y, shape: [shape[0], shape[2], shape[3], 1], expected, tolerance: 2e-6, "\(isa)")
        }
    }

    @Test func refusalsAndShapes() throws {
        let x = try Tensor(zeros: [1, 2, 3, 4])
        for shape in [[2, 2, 3], [2, 3, 2], [1, 3, 3], [2, 3], [2, 0, 3]] {
            #expect(throws: ProteanError.self) {
                try Operations.planeGate(x, weight: Tensor(zeros: shape))
            }
        }
        #expect(throws: ProteanError.self) {
            try Operations.planeGate(Tensor(zeros: [2, 3]), weight: Tensor(zeros: [2, 3, 3]))
        }
        let traced = try Operations.planeGate(
            Tensor(shapeOnly: [1, 2, 3, 4]), weight: Tensor(zeros: [2, 3, 3]))
        #expect(traced.shape == [1, 3, 4, 1] && traced.isShapeOnly)
    }
}
