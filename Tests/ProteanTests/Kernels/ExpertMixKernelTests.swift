import CProteanKernels
import Testing

@testable import Protean

@Suite struct ExpertMixKernelTests {
    @Test(arguments: [
        [1, 1, 1], [3, 4, 7], [5, 3, 33], [1, 8, 20_011], [9, 2, 4097], [4, 5, 64], [0, 3, 5],
    ])
    func agreesWithLoopsInDouble(_ sizes: [Int]) throws {
        let (samples, experts, length) = (sizes[0], sizes[1], sizes[2])
        let sets = try MapTest.tensor([experts, length], seed: 5)
        let routing = try MapTest.tensor([samples, experts], seed: 6, range: 1)
        let shares = routing.elements.map { Double($0) }
        let expected = (0..<samples).flatMap { s in
            RoutingReference.mix(Array(shares[s * experts..<(s + 1) * experts]), sets)
        }
        try MapTest.everywhere {
            try Operations.mixExperts(sets, routing: routing)
        } check: { isa, found in
            MapTest.expect(
                found, shape: [samples, length], expected, tolerance: 4e-6, "\(isa)")
            for sample in 0..<samples {
                let alone = try Runtime.with(isa: isa) {
                    try Operations.mixExperts(sets, routing: routing.sample(sample))
                }
                #expect(try found.sample(sample).isBitEqual(to: alone))
            }
        }
    }

    @Test func noExpertsGiveZeros() throws {
        let y = try Operations.mixExperts(
            Tensor(zeros: [0, 2, 3]), routing: Tensor(zeros: [2, 0]))
        #expect(y.shape == [2, 2, 3] && y.elements.allSatisfy { $0 == 0 })
    }

    @Test func routingMustFit() throws {
        for shape in [[2, 3], [4], [2, 4, 1]] {
            let error = #expect(throws: ProteanError.self) {
                try Operations.mixExperts(
                    Tensor(zeros: [4, 5]), routing: Tensor(zeros: shape))
            }
            guard case .shapeMismatch(_, "routing", "[batch, 4]", shape) = error else {
                Issue.record("unexpected \(String(describing: error))")
                continue
            }
        }
        let shape = try Operations.mixExperts(
            Tensor(shapeOnly: [4, 5, 6]), routing: Tensor(shapeOnly: [2, 4]))
        #expect(shape.isShapeOnly && shape.shape == [2, 5, 6])
    }

    /// Two groups of a panel of 20 and one of 4 floats, three rows each.
    private static var structure: ptn_expert_factors {
        ptn_expert_factors(
            values: nil, count: 6, per_float: false, groups: 2, panels: 2, rows: 3, width: 20,
            last_width: 4, group_step: 3)
    }

    @Test func rowsOfPanelsHaveTheirFactors() throws {
        let sets = MapTest.values(3 * 144, seed: 1), routing = MapTest.values(15, seed: 2)
        let values = MapTest.values(5 * 6, seed: 3)
        for isa in KernelISA.supported {
            for threads in 1...3 {
                var runtime = ptn_runtime(isa: isa.kernelValue, threads: Int32(threads))
                var plain = [Float](repeating: .nan, count: 5 * 144), scaled = plain
                #expect(ptn_expert_mix(&runtime, 5, 3, 144, routing, sets, &plain) == PTN_OK)
                values.withUnsafeBufferPointer { values in
                    var factors = Self.structure
                    factors.values = values.baseAddress
                    #expect(
                        ptn_expert_mix_scaled(
                            &runtime, 5, 3, 144, routing, sets, &factors, &scaled) == PTN_OK)
                }
                for s in 0..<5 {
                    for i in 0..<144 {
                        let group = i / 72, at = i % 72
                        let row = at < 60 ? at / 20 : (at - 60) / 4
                        let factor = values[s * 6 + group * 3 + row]
                        #expect(scaled[s * 144 + i] == plain[s * 144 + i] * factor)
                    }
                }
            }
        }
    }

    @Test func floatsHaveTheirFactors() throws {
        // Three groups that share the factors of one, of more than a task's floats.
        let length = 5003
        let sets = MapTest.values(2 * 3 * length, seed: 1), routing = MapTest.values(4, seed: 2)
        let values = MapTest.values(2 * length, seed: 3)
        for isa in KernelISA.supported {
            var runtime = ptn_runtime(isa: isa.kernelValue, threads: 2)
            var plain = [Float](repeating: .nan, count: 6 * length), scaled = plain
            #expect(
                ptn_expert_mix(&runtime, 2, 2, 3 * length, routing, sets, &plain) == PTN_OK)
            values.withUnsafeBufferPointer { pointer in
                var factors = ptn_expert_factors(
                    values: pointer.baseAddress, count: length, per_float: true, groups: 3,
                    panels: 1, rows: 1, width: length, last_width: length, group_step: 0)
                #expect(
                    ptn_expert_mix_scaled(
                        &runtime, 2, 2, 3 * length, routing, sets, &factors, &scaled) == PTN_OK)
            }
            let wrong = scaled.indices.filter {
                scaled[$0] != plain[$0] * values[$0 / (3 * length) * length + $0 % length]
            }
            #expect(wrong.isEmpty, "\(isa)")
        }
    }

    @Test func aStructureThatDoesNotFitIsRefused() {
        var runtime = ptn_runtime(isa: PTN_ISA_SCALAR, threads: 1)
        let sets = [Float](repeating: 1, count: 144), values = [Float](repeating: 1, count: 6)
        var mixed = [Float](repeating: .nan, count: 144)
        func refused(_ change: (inout ptn_expert_factors) -> Void) {
            values.withUnsafeBufferPointer { values in
                var factors = Self.structure
                factors.values = values.baseAddress
                change(&factors)
                #expect(
                    ptn_expert_mix_scaled(&runtime, 1, 1, 144, [1], sets, &factors, &mixed)
                        == PTN_BAD_ARGUMENT)
            }
            #expect(mixed.allSatisfy { $0.isNaN })
        }
        refused { $0.values = nil }
        refused { $0.count = 5 }
        refused { $0.rows = 4 }
        refused { $0.groups = 0 }
        refused { $0.last_width = 21 }
        refused { $0.panels = .max }
        refused { $0.group_step = .max }
    }
}
