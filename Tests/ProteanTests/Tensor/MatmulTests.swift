import Testing

@testable import Protean

@Suite struct MatmulTests {
    /// Σ a · b and Σ|a · b| in double precision.
    static func reference(
        _ a: Tensor, _ b: Tensor, batch: [Int], _ sizes: (m: Int, n: Int, k: Int),
        _ transposeA: Bool, _ transposeB: Bool
    ) -> (sums: [Double], sizes: [Double]) {
        let x = a.elements, y = b.elements, (m, n, k) = sizes
        var sums: [Double] = [], absolute: [Double] = []
        for position in TensorReference.positions(batch) {
            let from = TensorReference.offset(position, in: Array(a.shape.dropLast(2))) * m * k
            let other = TensorReference.offset(position, in: Array(b.shape.dropLast(2))) * k * n
            for i in 0..<m {
                for j in 0..<n {
                    var sum = 0.0, size = 0.0
                    for c in 0..<k {
                        let left = x[from + (transposeA ? c * m + i : i * k + c)]
                        let right = y[other + (transposeB ? j * k + c : c * n + j)]
                        sum += Double(left) * Double(right)
                        size += abs(Double(left) * Double(right))
                    }
                    sums.append(sum)
                    absolute.append(size)
                }
            }
        }
        return (sums, absolute)
    }

    /// Compares on every instruction set; the error allowed is k · 2⁻²⁴ · Σ|a · b|.
    static func check(
        _ batches: ([Int], [Int]), _ sizes: (m: Int, n: Int, k: Int), _ transposeA: Bool,
        _ transposeB: Bool
    ) throws {
        let (m, n, k) = sizes
        let a = try MapTest.tensor(batches.0 + (transposeA ? [k, m] : [m, k]), seed: 21)
        let b = try MapTest.tensor(batches.1 + (transposeB ? [n, k] : [k, n]), seed: 22)
        let batch = try #require(TensorReference.broadcastShape(batches.0, batches.1))
        let expected = reference(a, b, batch: batch, sizes, transposeA, transposeB)
        try MapTest.everywhere {
            try Operations.matmul(a, b, transposeA: transposeA, transposeB: transposeB)
        } check: { isa, y in
            #expect(y.shape == batch + [m, n])
            let wrong = zip(y.elements, zip(expected.sums, expected.sizes)).filter { found, wanted in
                !(abs(Double(found) - wanted.0) <= (Double(k) * wanted.1 * 0x1p-24))
            }
            #expect(wrong.isEmpty, "\(isa) \(a.shape) \(b.shape): \(wrong.count) wrong")
            #expect(y.count == expected.sums.count)
        }
        let shapes = try Operations.matmul(
            Tensor(shapeOnly: a.shape), b, transposeA: transposeA, transposeB: transposeB)
        #expect(shapes.isShapeOnly && shapes.shape == batch + [m, n])
    }

    @Test(arguments: 0..<100) func randomProducts(_ seed: Int) throws {
        var choices = TensorReference.Choices(seed: seed + 77)
        let batch = (0..<choices.next(4)).map { _ in 1 + choices.next(3) }
        func size() -> Int {
            switch choices.next(8) {
            case 0: choices.next(2)
            case 1: 33 + choices.next(60)
            default: 1 + choices.next(20)
            }
        }
        let batches = (choices.part(batch), choices.part(batch))
        try Self.check(
            batches, (size(), size(), size()), choices.next(2) == 0, choices.next(2) == 0)
    }

    /// Large enough to be shared among threads: by rows, by columns, by products, with few rows and with
    /// few columns.
    @Test(arguments: [
        ([], [], 150, 130, 120), ([40], [40], 17, 19, 33), ([300], [], 3, 40, 24),
        ([], [], 3, 1500, 70), ([], [], 8, 700, 65), ([], [], 900, 1, 130), ([], [], 700, 5, 260),
        ([2, 1], [1, 3], 70, 60, 80), ([3], [1], 9, 70, 130),
    ])
    func largeProducts(_ left: [Int], _ right: [Int], _ m: Int, _ n: Int, _ k: Int) throws {
        for (a, b) in [(false, false), (false, true), (true, false)] {
            try Self.check((left, right), (m, n, k), a, b)
        }
    }

    /// Whatever else is computed beside it, and however the second matrix lies.
    @Test func aRowDoesNotDependOnTheOthers() throws {
        let a = try MapTest.tensor([40, 70], seed: 1), b = try MapTest.tensor([70, 90], seed: 2)
        for isa in KernelISA.supported {
            try Runtime.with(isa: isa) {
                let all = try a.matmul(b)
                let turned = try Operations.matmul(a, b.transposed(), transposeB: true)
                #expect(MapTest.sameBits(all, turned))
                for rows in [1, 3, 8, 9, 17] {
                    let some = try a.slice(axis: 0, to: rows).matmul(b)
                    #expect(MapTest.sameBits(some, try all.slice(axis: 0, to: rows)), "\(rows)")
                }
            }
        }
    }

    @Test func linearIsTheSame() throws {
        let x = try MapTest.tensor([5, 33], seed: 1), weight = try MapTest.tensor([20, 33], seed: 2)
        for isa in KernelISA.supported {
            try Runtime.with(isa: isa) {
                let y = try Operations.matmul(x, weight, transposeB: true)
                #expect(MapTest.sameBits(y, try Linear(weight: weight)(x)))
            }
        }
    }

    @Test func vectorsAndScalars() throws {
        let v = try Tensor([1, 2, 3], shape: [3]), w = try Tensor([4, 5, 6], shape: [3])
        #expect(try v.dot(w).item() == 32)
        #expect(try v.dot(w).shape == [])
        #expect(try Tensor(zeros: [0]).dot(Tensor(zeros: [0])).elements == [0])
        let m = try Tensor([1, 0, 0, 0, 1, 1], shape: [3, 2])
        #expect(try v.matmul(m).elements == [1, 5])
        #expect(try Operations.matmul(m, v, transposeA: true).elements == [1, 5])
        let stacked = try Operations.stack([m, m])
        #expect(try v.matmul(stacked).shape == [2, 2])
    }

    @Test func refusals() throws {
        let a = try Tensor(zeros: [2, 3]), b = try Tensor(zeros: [4, 5])
        let error = #expect(throws: ProteanError.self) { try a.matmul(b) }
        guard case .shapeMismatch("matmul", "b", let expected, [4, 5])? = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(expected.contains("[…, 3, n]"))
        #expect(throws: ProteanError.self) {
            try Tensor(zeros: [2, 2, 3]).matmul(Tensor(zeros: [3, 3, 2]))
        }
        #expect(throws: ProteanError.self) { try a.matmul(Tensor(scalar: 1)) }
        #expect(throws: ProteanError.self) {
            try Operations.matmul(Tensor(zeros: [3]), Tensor(zeros: [3]), transposeA: true)
        }
        #expect(throws: ProteanError.self) { try a.dot(b) }
        #expect(throws: ProteanError.self) { try Tensor(zeros: [3]).dot(Tensor(zeros: [4])) }
        #expect(throws: ProteanError.self) {
            try Tensor(shapeOnly: [1 << 40, 2]).matmul(Tensor(shapeOnly: [2, 1 << 40]))
        }
    }
}
