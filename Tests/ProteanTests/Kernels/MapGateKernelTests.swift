import Foundation
import Testing

@testable import Protean

@Suite struct MapGateKernelTests {
    /// Which gates there are.
    struct Kinds: Sendable, CustomTestStringConvertible {
        var channels = false, rows = false, columns = false, pixels = false
        var testDescription: String { "\(channels) \(rows) \(columns) \(pixels)" }

        static let all = [
            Kinds(channels: true), Kinds(rows: true), Kinds(columns: true), Kinds(pixels: true),
            Kinds(channels: true, columns: true), Kinds(channels: true, pixels: true),
            Kinds(rows: true, columns: true), Kinds(rows: true, pixels: true),
            Kinds(columns: true, pixels: true), Kinds(rows: true, columns: true, pixels: true),
            Kinds(channels: true, columns: true, pixels: true),
        ]

        func gates(_ shape: [Int], _ combination: GateCombination) throws -> AxisGates {
            let (n, h, w, c) = (shape[0], shape[1], shape[2], shape[3])
            return AxisGates(
                channels: channels ? try MapTest.tensor([n, c], seed: 11) : nil,
                rows: rows ? try MapTest.tensor([n, h, 1, c], seed: 12) : nil,
                columns: columns ? try MapTest.tensor([n, w, 1, c], seed: 13) : nil,
                pixels: pixels ? try MapTest.tensor([n, h, w, 1], seed: 14) : nil,
                combination: combination)
        }
    }

    private static func factor(_ gates: AxisGates, _ shape: [Int], _ at: Int) -> Double {
        let (h, w, c) = (shape[1], shape[2], shape[3])
        let (k, pixel) = (at % c, at / c)
        let (column, row, n) = (pixel % w, pixel / w % h, pixel / w / h)
        var parts: [Double] = []
        func add(_ tensor: Tensor?, _ index: Int) {
            if let tensor { parts.append(Double(tensor.elements[index])) }
        }
        add(gates.channels, n * c + k)
        add(gates.rows, (n * h + row) * c + k)
        add(gates.columns, (n * w + column) * c + k)
        add(gates.pixels, pixel)
        let sum = parts.reduce(0, +), product = parts.reduce(1, *)
        return switch gates.combination {
        case .product: product
        case .sum: sum
        case .mean: sum / Double(parts.count)
        case .maximum: parts.max()!
        case .sigmoidOfSum: 1 / (1 + exp(-sum))
        case .onePlusSigmoid: 1 + 1 / (1 + exp(-product))
        }
    }

    @Test(arguments: Kinds.all, [[2, 3, 5, 17], [1, 4, 3, 1], [3, 2, 3, 3], [1, 2, 1, 33]])
    func agreesWithDouble(kinds: Kinds, shape: [Int]) throws {
        let x = try MapTest.tensor(shape, seed: 10)
        for combination in GateCombination.allCases {
            let gates = try kinds.gates(shape, combination)
            let expected = x.elements.enumerated().map {
                Double($0.element) * Self.factor(gates, shape, $0.offset)
            }
            try MapTest.everywhere {
                try Operations.gate(x, by: gates)
            } check: { isa, y in
                MapTest.expect(y, shape: shape, expected, tolerance: 2e-6, "\(isa) \(combination)")
            }
        }
    }

    /// Large enough for several threads; a residual and an activation in the same pass.
    @Test(arguments: [[2, 47, 60, 33], [1, 5, 9, 2100], [1, 300, 201, 3]])
    func largeMaps(shape: [Int]) throws {
        let x = try MapTest.tensor(shape, seed: 10), side = try MapTest.tensor(shape, seed: 20)
        let kinds = Kinds(rows: true, columns: true, pixels: true)
        let gates = try kinds.gates(shape, .product)
        let plain = try Operations.gate(x, by: gates)
        let expected = try Operations.add(plain, side, activation: .silu)
        try MapTest.everywhere {
            try Operations.gate(x, by: gates, residual: side, activation: .silu)
        } check: { isa, y in
            #expect(try y.maximumDifference(from: expected) < 2e-6, "\(isa)")
        }
    }

    @Test func nanAndEmptyBatches() throws {
        let x = try Tensor([1, 2, 3, 4], shape: [1, 1, 2, 2])
        let pixels = try Tensor([.nan, 2], shape: [1, 1, 2, 1])
        let channels = try Tensor([5, 1], shape: [1, 2])
        for combination in GateCombination.allCases {
            let gates = AxisGates(channels: channels, pixels: pixels, combination: combination)
            let y = try Operations.gate(x, by: gates).elements.map(\.isNaN)
            #expect(y == [true, true, false, false], "\(combination)")
        }
        let empty = try Operations.gate(
            Tensor(zeros: [0, 2, 3, 4]), by: AxisGates(channels: Tensor(zeros: [0, 4])))
        #expect(empty.shape == [0, 2, 3, 4])
        let traced = try Operations.gate(
            Tensor(shapeOnly: [2, 1, 2, 2]), by: AxisGates(channels: Tensor(shapeOnly: [2, 2])))
        #expect(traced.isShapeOnly && traced.shape == [2, 1, 2, 2])
    }

    @Test func refusals() throws {
        let x = try Tensor(zeros: [2, 3, 4, 5])
        let wrong = [
            AxisGates(), AxisGates(channels: try Tensor(zeros: [2, 4])),
            AxisGates(rows: try Tensor(zeros: [2, 4, 1, 5])),
            AxisGates(columns: try Tensor(zeros: [2, 3, 1, 5])),
            AxisGates(pixels: try Tensor(zeros: [2, 3, 4, 5])),
            AxisGates(
                channels: try Tensor(zeros: [2, 5]), rows: try Tensor(zeros: [2, 3, 1, 5])),
        ]
        for gates in wrong {
            #expect(throws: ProteanError.self) { try Operations.gate(x, by: gates) }
        }
        let gates = AxisGates(channels: try Tensor(zeros: [2, 5]))
        #expect(throws: ProteanError.self) {
            try Operations.gate(x, by: gates, residual: Tensor(zeros: [2, 3, 4, 4]))
        }
        #expect(throws: ProteanError.self) {
            try Operations.gate(Tensor(zeros: [2, 5]), by: gates)
        }
    }

    // MARK: Groups

    @Test(arguments: [
        ([2, 3, 5, 18], 6), ([1, 4, 3, 1], 1), ([3, 2, 3, 33], 33), ([1, 1, 2, 2600], 2),
        ([1, 1, 2, 2600], 1), ([2, 40, 31, 64], 16), ([0, 2, 2, 4], 2),
    ])
    func groupsAgreeWithDouble(shape: [Int], groups: Int) throws {
        let x = try MapTest.tensor(shape, seed: 10), side = try MapTest.tensor(shape, seed: 20)
        let gates = try MapTest.tensor(Array(shape[..<3]) + [groups], seed: 30)
        let (a, g, r, c) = (x.elements, gates.elements, side.elements, shape[3])
        let expected = a.indices.map { i -> Double in
            let gate = g[i / c * groups + i % c / (c / groups)]
            return max(Double(a[i]) * Double(gate) + Double(r[i]), 0)
        }
        try MapTest.everywhere {
            try Operations.gateGroups(x, by: gates, residual: side, activation: .relu)
        } check: { isa, y in
            MapTest.expect(y, shape: shape, expected, tolerance: 2e-6, "\(isa)")
        }
        let factors = try MapTest.tensor([shape[0], c], seed: 40), f = factors.elements
        let perSample = shape[1] * shape[2] * c
        var sums = [Double](repeating: 0, count: gates.count)
        for i in a.indices {
            sums[i / c * groups + i % c / (c / groups)] +=
                Double(a[i]) * Double(f[i / perSample * c + i % c])
        }
        try MapTest.everywhere {
            try Operations.groupDot(x, factors, groups: groups)
        } check: { isa, y in
            let size = Double(c / groups)
            MapTest.expect(
                y, shape: gates.shape, sums, tolerance: 1e-6 * max(1, size.squareRoot() * 3),
                "\(isa)")
        }
    }

    @Test func groupsAreChecked() throws {
        let x = try Tensor(zeros: [1, 2, 2, 6])
        for shape in [[1, 2, 2, 4], [1, 2, 2, 0], [1, 2, 3, 3], [1, 2, 2]] {
            #expect(throws: ProteanError.self) {
                try Operations.gateGroups(x, by: Tensor(zeros: shape))
            }
        }
        for groups in [0, 4, 7] {
            #expect(throws: ProteanError.self) {
                try Operations.groupDot(x, Tensor(zeros: [1, 6]), groups: groups)
            }
        }
        #expect(throws: ProteanError.self) {
            try Operations.groupDot(x, Tensor(zeros: [1, 5]), groups: 2)
        }
    }
}
