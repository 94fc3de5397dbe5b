import Foundation
import Testing

@testable import Protean

@Suite struct SoftmaxKernelTests {
    static func reference(_ x: Tensor, logarithm: Bool) -> [Double] {
        let c = x.shape.last ?? 1, a = x.elements.map(Double.init)
        return stride(from: 0, to: a.count, by: max(c, 1)).flatMap { at in
            let row = a[at..<at + c], top = row.max() ?? 0
            let sum = row.reduce(0) { $0 + exp($1 - top) }
            return row.map { logarithm ? $0 - top - log(sum) : exp($0 - top) / sum }
        }
    }

    @Test(arguments: [
        [3, 5, 7, 17], [2, 1], [1, 1000], [0, 4], [4, 0], [5, 2, 33], [7], [40, 25, 30],
    ])
    func agreesWithDouble(_ shape: [Int]) throws {
        let x = try MapTest.tensor(shape, seed: 121, range: 15)
        for logarithm in [false, true] {
            let expected = Self.reference(x, logarithm: logarithm)
            try MapTest.everywhere {
                try logarithm ? Operations.logSoftmax(x) : Operations.softmax(x)
            } check: { isa, y in
                MapTest.expect(y, shape: shape, expected, tolerance: 5e-7, "\(isa) \(logarithm)")
            }
        }
    }

    @Test func extremes() throws {
        let rows: [[Float]] = [
            [1e30, 0, -1e30], [-1e30, -1e30, -1e30], [1, .nan, 2], [.infinity, 1, 2],
            [-.infinity, -.infinity, -.infinity], [-.infinity, 0, 0],
        ]
        let x = try Tensor(rows.flatMap { $0 }, shape: [6, 3])
        for isa in KernelISA.supported {
            let y = try Runtime.with(isa: isa) { try Operations.softmax(x).elements }
            #expect(Array(y[0..<3]) == [1, 0, 0], "\(isa)")
            #expect(y[3..<6].allSatisfy { abs($0 - 1 / 3) < 1e-7 }, "\(isa)")
            #expect(y[6..<15].allSatisfy { $0.isNaN }, "\(isa)")
            #expect(Array(y[15..<18]) == [0, 0.5, 0.5], "\(isa)")
        }
    }
}
