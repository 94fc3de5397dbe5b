import Foundation
import Testing

@testable import Protean

@Suite struct ReduceTests {
    typealias Reduction = @Sendable (Tensor, [Int]?, Bool) throws -> Tensor
    typealias Formula = @Sendable ([Double]) -> Double

    static let reductions: [(String, Reduction, Formula)] = [
        ("sum", { try $0.sum(axes: $1, keepDimensions: $2) }, { $0.reduce(0, +) }),
        ("mean", { try $0.mean(axes: $1, keepDimensions: $2) }, mean),
        (
            "variance", { try $0.variance(axes: $1, keepDimensions: $2) },
            { squares($0) / Double($0.count - 1) }
        ),
        (
            "biased", { try $0.variance(axes: $1, unbiased: false, keepDimensions: $2) },
            { squares($0) / Double($0.count) }
        ),
        (
            "standardDeviation", { try $0.standardDeviation(axes: $1, keepDimensions: $2) },
            { (squares($0) / Double($0.count - 1)).squareRoot() }
        ),
        (
            "norm", { try $0.norm(axes: $1, keepDimensions: $2) },
            { $0.reduce(0) { $0 + $1 * $1 }.squareRoot() }
        ),
        ("product", { try $0.product(axes: $1, keepDimensions: $2) }, { $0.reduce(1, *) }),
        ("maximum", { try $0.max(axes: $1, keepDimensions: $2) }, { $0.max() ?? .nan }),
        ("minimum", { try $0.min(axes: $1, keepDimensions: $2) }, { $0.min() ?? .nan }),
        (
            "logSumExp", { try $0.logSumExp(axes: $1, keepDimensions: $2) },
            { log($0.reduce(0) { $0 + exp($1) }) }
        ),
    ]

    private static func mean(_ values: [Double]) -> Double {
        values.reduce(0, +) / Double(values.count)
    }

    private static func squares(_ values: [Double]) -> Double {
        let mean = mean(values)
        // Over no numbers there is nothing to divide.
        return values.isEmpty ? .nan : values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
    }

    @Test(arguments: 0..<150) func randomAxes(_ seed: Int) throws {
        var choices = TensorReference.Choices(seed: seed + 31)
        let shape = choices.shape(choices.next(7))
        guard shape.reduce(1, *) < 20_000 else { return }
        let axes = shape.indices.filter { _ in choices.next(2) == 0 }
        let keep = choices.next(2) == 0
        let kept = shape.indices.compactMap { axes.contains($0) ? (keep ? 1 : nil) : shape[$0] }
        let isEmpty = shape.contains(0) && !kept.contains(0)
        for (name, run, formula) in Self.reductions {
            // Products of many numbers leave Float's range.
            let x = try MapTest.tensor(shape, seed: UInt64(seed), range: name == "product" ? 1.5 : 3)
            let given = axes.isEmpty || choices.next(2) == 0 ? axes : axes.map { $0 - shape.count }
            if isEmpty, ["maximum", "minimum"].contains(name) {
                #expect(throws: ProteanError.self) { try run(x, given, keep) }
                continue
            }
            let expected = TensorReference.groups(x, axes: Set(axes)).map(formula)
            try MapTest.everywhere {
                try run(x, given, keep)
            } check: { isa, y in
                MapTest.expect(
                    y, shape: kept, expected, tolerance: 4e-7, "\(name) \(shape) \(axes) \(isa)")
            }
            let shapes = try run(Tensor(shapeOnly: shape), given, keep)
            #expect(shapes.isShapeOnly && shapes.shape == kept, "\(name)")
        }
    }

    /// Large enough for several parts, and for several threads.
    @Test(arguments: [
        ([100_003], [0]), ([3, 60, 70, 33], [1, 2]), ([2, 40, 50, 70], [0, 1, 2]),
        ([5, 20_001], [1]), ([20_001, 5], [0]), ([40_000, 3], [1]), ([300, 700], [0]),
        ([3, 170, 2, 190], [1, 3]), ([60, 5, 70, 7], [0, 2]), ([2, 90, 300], [0, 1]),
    ])
    func largeShapes(_ shape: [Int], _ axes: [Int]) throws {
        let x = try MapTest.tensor(shape, seed: 8)
        let groups = TensorReference.groups(x, axes: Set(axes))
        let kept = shape.indices.filter { !axes.contains($0) }.map { shape[$0] }
        for (name, run, formula) in Self.reductions where name != "product" {
            let tolerance = name == "logSumExp" ? 1e-6 : 1.2e-7
            try MapTest.everywhere {
                try run(x, axes, false)
            } check: { isa, y in
                MapTest.expect(
                    y, shape: kept, groups.map(formula), tolerance: tolerance, "\(name) \(isa)")
            }
        }
    }

    /// The variance of numbers far from 0, the sum of ones that cancel, norms beyond Float's squares.
    @Test func sumsAreExactWhereFloatsWouldFail() throws {
        let count = 100_000
        let offsets = (0..<count).map { Float($0 % 2) }
        let far = try Tensor(offsets.map { 1_000_000 + $0 }, shape: [count])
        let cancelling = try Tensor(
            (0..<count).map { $0 % 2 == 0 ? 1e8 : -1e8 } + [1], shape: [count + 1])
        let huge = try Tensor(repeating: 1e30, shape: [4])
        let tiny = try Tensor(repeating: 1e-30, shape: [4])
        for isa in KernelISA.supported {
            try Runtime.with(isa: isa) {
                #expect(try far.variance(unbiased: false).item() == 0.25)
                #expect(try far.mean().item() == 1_000_000.5)
                #expect(try cancelling.sum().item() == 1)
                #expect(try huge.norm().item() == 2e30)
                #expect(try tiny.norm().item() == 2e-30)
            }
        }
    }

    @Test func bitsAreEqualOnEveryInstructionSet() throws {
        let x = try MapTest.tensor([3, 37, 41, 19], seed: 44)
        for axes in [[0], [1, 2], [3], [0, 1, 2, 3], [0, 3]] {
            for (name, run, _) in Self.reductions where !["logSumExp"].contains(name) {
                let results = try KernelISA.supported.map { isa in
                    try Runtime.with(isa: isa) { try run(x, axes, false) }
                }
                #expect(results.allSatisfy { MapTest.sameBits($0, results[0]) }, "\(name) \(axes)")
            }
        }
    }

    @Test(arguments: [[40, 3, 50], [3, 20], [2, 500, 70], [90, 2]])
    func notANumberAndInfinities(_ shape: [Int]) throws {
        for axis in shape.indices {
            for value in [Float.nan, .infinity, -.infinity] {
                var x = try MapTest.tensor(shape, seed: 5)
                let place = x.count / 2
                try x.withUnsafeMutableBufferPointer { $0[place] = value }
                let groups = TensorReference.groups(x, axes: [axis])
                for (name, run, formula) in Self.reductions where name != "product" {
                    let isExtreme = ["maximum", "minimum"].contains(name)
                    let expected = groups.map { group in
                        if isExtreme, group.contains(where: \.isNaN) { return Double.nan }
                        if name == "logSumExp", group.contains(.infinity) { return .infinity }
                        return formula(group)
                    }
                    try MapTest.everywhere {
                        try run(x, [axis], false)
                    } check: { isa, y in
                        MapTest.expect(y, shape: y.shape, expected, "\(name) \(value) \(isa)")
                    }
                }
            }
        }
    }

    @Test func nothingToSum() throws {
        let x = try Tensor(zeros: [2, 0, 3])
        #expect(try x.sum(axes: [1]).elements == [Float](repeating: 0, count: 6))
        #expect(try x.product(axes: [1]).elements == [Float](repeating: 1, count: 6))
        #expect(try x.mean(axes: [1]).elements.allSatisfy(\.isNaN))
        #expect(try x.logSumExp(axes: [1]).elements.allSatisfy { $0 == -.infinity })
        #expect(try x.max(axes: [0]).shape == [0, 3])
        #expect(try Tensor(scalar: 3).variance().item().isNaN)
        #expect(try Tensor(scalar: 3).sum().item() == 3)
        let y = try Tensor([1, 2], shape: [2])
        #expect(try y.sum(axes: []).elements == [1, 2])
        #expect(try y.logSumExp(axes: []).elements == [1, 2])
        let infinite = try Tensor(repeating: -.infinity, shape: [3])
        #expect(try infinite.logSumExp().item() == -.infinity)
    }

    @Test(arguments: 0..<60) func placesOfExtremes(_ seed: Int) throws {
        var choices = TensorReference.Choices(seed: seed + 500)
        let shape = choices.shape(1 + choices.next(4))
        guard shape.reduce(1, *) < 20_000 else { return }
        let axis = choices.next(shape.count)
        // Few values, so that several are equal; sometimes one is NaN.
        var x = try MapTest.tensor(shape, seed: UInt64(seed)).round()
        if seed % 3 == 0, x.count > 0 {
            let place = choices.next(x.count)
            try x.withUnsafeMutableBufferPointer { $0[place] = .nan }
        }
        var kept = shape
        kept[axis] = 1
        guard !shape.contains(0) else {
            if kept.contains(0) {
                #expect(try x.argMax(axis: axis, keepDimensions: true).shape == kept)
            } else {
                #expect(throws: ProteanError.self) { try x.argMax(axis: axis) }
            }
            return
        }
        let groups = TensorReference.groups(x, axes: [axis])
        func place(_ isBetter: (Double, Double) -> Bool) -> [Double] {
            groups.map { group in
                if let first = group.firstIndex(where: \.isNaN) { return Double(first) }
                return Double(group.indices.reduce(0) { isBetter(group[$1], group[$0]) ? $1 : $0 })
            }
        }
        try MapTest.everywhere {
            try x.argMax(axis: axis, keepDimensions: true)
        } check: { isa, y in
            MapTest.expect(y, shape: kept, place(>), tolerance: 0, "\(shape) \(axis) \(isa)")
        }
        try MapTest.everywhere {
            try x.argMin(axis: axis - shape.count, keepDimensions: true)
        } check: { isa, y in
            MapTest.expect(y, shape: kept, place(<), tolerance: 0, "\(shape) \(axis) \(isa)")
        }
        let best = try x.gather(axis: axis, indices: x.argMax(axis: axis, keepDimensions: true))
        let same = try best.maximumDifference(from: x.max(axes: [axis], keepDimensions: true))
        #expect(same == 0 || x.elements.contains(where: \.isNaN))
        let flat = try x.argMax()
        #expect(flat.shape == [] && (try Tensor(shapeOnly: shape).argMax().isShapeOnly))
    }

    @Test func refusals() throws {
        let x = try Tensor(zeros: [2, 3])
        for axes in [[2], [-3], [0, 0], [1, -1]] {
            let error = #expect(throws: ProteanError.self) { try x.sum(axes: axes) }
            guard case .invalidOption("sum", "axes", let expected, _)? = error else {
                Issue.record("\(String(describing: error))")
                continue
            }
            #expect(expected.contains("[2, 3]"))
        }
        #expect(throws: ProteanError.self) { try x.argMin(axis: 2) }
        #expect(throws: ProteanError.self) {
            try Tensor(zeros: [1, 1, 1, 1, 1, 1, 1, 1, 1]).mean()
        }
        #expect(throws: ProteanError.self) { try Tensor(shapeOnly: [1 << 25]).argMax() }
    }
}
