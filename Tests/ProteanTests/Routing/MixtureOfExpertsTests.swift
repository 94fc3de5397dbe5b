import Foundation
import Testing

@testable import Protean

/// Mixtures of experts against the published port, sums over all experts, and capacities by hand.
@Suite struct MixtureOfExpertsTests {
    static let golden = Result {
        try Checkpoint.open(GoldenFiles.path("layers/routing.safetensors"))
    }

    static func golden(_ name: String) throws -> Tensor { try golden.get().tensor("moe.\(name)") }

    /// The port's weights with a gating.
    static func port(
        _ gating: ExpertGating, endsInSoftmax: Bool = true
    ) throws -> MixtureOfExperts {
        let layer = try MixtureOfExperts(
            inputFeatures: 6, outputFeatures: 4, hiddenFeatures: 8, experts: 5, gating: gating,
            endsInSoftmax: endsInSoftmax)
        for named in layer.allParameters() {
            guard gating.capacity == nil, case .topK = gating else { break }
            try named.parameter.set(try golden("weights.\(named.name)"))
        }
        return layer
    }

    static func small(_ gating: ExpertGating, experts: Int = 5) throws -> MixtureOfExperts {
        let layer = try MixtureOfExperts(
            inputFeatures: 7, outputFeatures: 3, hiddenFeatures: 9, experts: experts,
            gating: gating)
        try layer.randomise()
        try layer.gate.set(try Tensor.random([7, experts], seed: 77))
        return layer
    }

    /// Σ over all experts of their gate (0 unless chosen) times their result, in double precision.
    static func dense(_ layer: MixtureOfExperts, _ x: Tensor, _ choice: Choice) throws -> [Double] {
        let width = 3
        var sum = [Double](repeating: 0, count: choice.rows * width)
        for (index, expert) in layer.experts.enumerated() {
            let y = try expert(x).elements
            for row in 0..<choice.rows {
                let pick = choice.picks[row].first { $0.action == index }
                for k in 0..<width {
                    sum[row * width + k] += Double(pick?.weight ?? 0) * Double(y[row * width + k])
                }
            }
        }
        return sum
    }

    static func table(_ choice: Choice) throws -> Tensor {
        var values = [Float](repeating: 0, count: choice.rows * choice.actions)
        for (row, picks) in choice.picks.enumerated() {
            for pick in picks { values[row * choice.actions + pick.action] = pick.weight }
        }
        return try Tensor(values, shape: [choice.rows, choice.actions])
    }

    @Test func softmaxBeforeSelectionIsThePorts() throws {
        let layer = try Self.port(.topK(2, softmax: .beforeSelection))
        #expect(
            layer.parameters.map(\.name) == ["w_gate", "w_noise", "mean", "std"])
        let (y, routing) = try layer.decided(try Self.golden("x"))
        #expect(try y.maximumDifference(from: Self.golden("y")) < 1e-6)
        let gates = try Self.table(routing.choice)
        #expect(try gates.maximumDifference(from: Self.golden("gates")) < 1e-6)
        let importance = RoutingBalance.importance(routing.choice)
        let load = RoutingBalance.load(routing.choice)
        #expect(load.map(Float.init) == (try Self.golden("load")).elements)
        let variation = RoutingBalance.squaredVariation(importance)
        let wanted = Double(try Self.golden("importance_cv").elements[0])
        #expect(abs(variation - wanted) < 1e-5)
        let loss = 1e-2 * (variation + RoutingBalance.squaredVariation(load.map(Double.init)))
        #expect(abs(loss - Double(try Self.golden("loss").elements[0])) < 1e-6)
    }

    @Test func softmaxAfterSelectionIsThePapers() throws {
        let (y, routing) = try Self.port(.topK(2)).decided(try Self.golden("x"))
        #expect(try y.maximumDifference(from: Self.golden("paper_y")) < 1e-6)
        let gates = try Self.table(routing.choice)
        #expect(try gates.maximumDifference(from: Self.golden("paper_gates")) < 1e-6)
    }

    /// The port's gates with given noise, and its load with thresholds that are raw logits, too.
    @Test func noiseAndExpectedLoadAreThePorts() throws {
        let layer = try Self.port(.topK(2, softmax: .beforeSelection))
        let x = try Self.golden("x"), noise = try Self.golden("noise")
        let own = try layer.noisyLogits(x, seed: 5)
        let noisy = try own.clean + noise * own.deviation
        let choice = try layer.gating.choose(noisy)
        let gates = try Self.table(choice)
        #expect(try gates.maximumDifference(from: Self.golden("noisy_gates")) < 1e-5)
        let load = try RoutingBalance.expectedLoad(
            clean: own.clean, noisy: noisy, deviation: own.deviation, k: 2)
        for (found, wanted) in zip(load, try Self.golden("noisy_load").elements) {
            #expect(abs(found - Double(wanted)) < 1e-4)
        }
    }

    @Test func noiseIsDrawnByRowAndSeed() throws {
        let layer = try Self.small(.topK(2))
        let x = try Tensor.random([6, 7], seed: 3)
        let all = try layer.noisyLogits(x, seed: 9)
        #expect(all.noisy.elements != all.clean.elements)
        let same = try layer.noisyLogits(x, seed: 9), other = try layer.noisyLogits(x, seed: 10)
        #expect(MapTest.sameBits(all.noisy, same.noisy))
        #expect(all.noisy.elements != other.noisy.elements)
        let plan = try RowPlan(rows: [2, 5], batch: 6)
        let some = try RowScope.with(plan) { () throws(ProteanError) in
            try layer.noisyLogits(try Operations.gatherRows(x, plan), seed: 9)
        }
        let wanted = try all.noisy.rows([2, 5])
        #expect(MapTest.sameBits(some.noisy, wanted))
        let noisy = try layer.decided(x, noiseSeed: 9)
        let given = try layer.gating.choose(all.noisy)
        #expect(noisy.decision.choice == given)
        expectRefusal(of: "gating") { _ = try Self.small(.topOne()).noisyLogits(x, seed: 1) }
    }

    static let gatings: [ExpertGating] = [
        .topK(1), .topK(3), .topK(2, softmax: .beforeSelection), .topOne(), .topTwo(),
        .topTwo(second: .above(0.4)), .topTwo(second: .never),
        .topTwo(second: .drawn(threshold: 0.5, seed: 3)),
    ]

    @Test(arguments: gatings) func equalsTheDenseSum(_ gating: ExpertGating) throws {
        let layer = try Self.small(gating)
        for batch in [0, 1, 3, 7, 32] {
            let x = try Tensor.random([batch, 7], seed: UInt64(batch) + 2)
            let (y, routing) = try layer.decided(x)
            MapTest.expect(
                y, shape: [batch, 3], try Self.dense(layer, x, routing.choice), tolerance: 1e-5)
            #expect(routing.choice.picks.allSatisfy { !$0.isEmpty })
        }
    }

    @Test(arguments: gatings.dropLast()) func rowsAreIndependent(_ gating: ExpertGating) throws {
        try expectRowsAlone(try Self.small(gating), try Tensor.random([7, 7], seed: 4))
    }

    @Test func tokensOfSequencesAreRows() throws {
        let layer = try Self.small(.topTwo())
        let x = try Tensor.random([4, 5, 7], seed: 8)
        try expectRowsAlone(layer, x)
        let flat = try layer(try x.reshaped(to: [20, 7]))
        let y = try layer(x)
        #expect(y.shape == [4, 5, 3])
        #expect(y.elements == flat.elements)
        let trace = DecisionTrace()
        let plan = try RowPlan(rows: [1, 3], batch: 4)
        _ = try trace.recording {
            try RowScope.with(plan) { () throws(ProteanError) in
                try layer(try Operations.gatherRows(x, plan))
            }
        }
        // Tokens are numbered in the outermost batch.
        #expect(trace.entries[0].rows.rows == Array(5..<10) + Array(15..<20))
    }

    @Test func expertsThatNobodyChoseAreNotCalled() throws {
        let counters = try (0..<4).map {
            CountingLayer(
                try Linear(inputFeatures: 3, outputFeatures: 5, seed: UInt64($0)))
        }
        let layer = try MixtureOfExperts(inputFeatures: 3, experts: counters, gating: .topK(2))
        try layer.gate.set(try Tensor([9, 5, 0, 1, 9, 5, 0, 1, 9, 5, 0, 1], shape: [3, 4]))
        let x = try Tensor([1, 0, 0, 0, 1, 1, -1, -1, 0], shape: [3, 3])
        let (_, routing) = try layer.decided(x)
        #expect(routing.choice.picks.map { $0.map(\.action) } == [[0, 1], [0, 1], [2, 3]])
        #expect(counters.map(\.calls) == [[2], [2], [1], [1]])
        // Gate 12, two experts of 15.
        #expect(routing.executed == [42, 42, 42])
        let expected = counters.reduce(0) { $0 + $1.rows * 15 } + 3 * 12
        #expect(routing.executed.reduce(0, +) == expected)
        let first = try layer.decided(try x.rows([0])).decision
        #expect(first.choice.picks == [routing.choice.picks[0]])
        #expect(counters.map(\.calls.count) == [2, 2, 1, 1])
        // A shape only: gate and all experts.
        #expect(try layer.cost(for: [3, 3]).multiplyAdds == 3 * (12 + 4 * 15))
    }

    /// What a trace counts for each sample is what its tokens executed, also below other rows.
    @Test func tracesCountSamples() throws {
        let layer = try Self.small(.topTwo(second: .above(0.45)))
        let x = try Tensor.random([4, 6, 7], seed: 21)
        let plan = try RowPlan(rows: [0, 3], batch: 4)
        for (rows, input) in [(RowPlan(all: 4), x), (plan, try x.rows([0, 3]))] {
            let trace = Trace()
            let (_, routing) = try trace.recording {
                try RowScope.with(rows) { () throws(ProteanError) in try layer.decided(input) }
            }
            let each = stride(from: 0, to: routing.executed.count, by: 6).map {
                routing.executed[$0..<$0 + 6].reduce(0, +)
            }
            let found = trace.executed(batch: 4)
            #expect(rows.rows.map { found[$0] } == each)
            #expect(found.reduce(0, +) == each.reduce(0, +))
        }
        let flat = try x.reshaped(to: [24, 7]), trace = Trace()
        let routing = try trace.recording { try layer.decided(flat).decision }
        #expect(trace.executed(batch: 24) == routing.executed)
        #expect(Set(routing.executed).count == 2)
    }

    @Test func tiesGoToTheLowerIndex() throws {
        let logits = try Tensor([1, 1, 1, 0, 2, 2], shape: [2, 3])
        let two = try ExpertGating.topK(2).choose(logits)
        #expect(two.picks.map { $0.map(\.action) } == [[0, 1], [1, 2]])
        #expect(two.picks[0].map(\.weight) == [0.5, 0.5])
        let one = try ExpertGating.topOne().choose(logits)
        #expect(one.picks.map { $0.map(\.action) } == [[0], [1]])
    }

    @Test func logitsThatAreNoNumbersAreRefused() throws {
        for gating in Self.gatings {
            expectRefusal(of: "gate's logits of token 1") {
                _ = try gating.choose(try Tensor([1, 2, 3, 0, .nan, 1], shape: [2, 3]))
            }
        }
        let layer = try Self.small(.topK(2))
        expectRefusal(of: "gate's logits of token 0") {
            _ = try layer(try Tensor(repeating: .nan, shape: [1, 7]))
        }
        let infinite = try Tensor([.infinity, 0, -.infinity], shape: [1, 3])
        let choice = try ExpertGating.topK(2).choose(infinite)
        #expect(choice.picks == [[Choice.Pick(action: 0, weight: 1)]])
    }

    @Test func forcedDecisionsAreUsed() throws {
        let layer = try Self.small(.topK(2))
        let x = try Tensor.random([3, 7])
        let y = try DecisionSource.with(.everywhere([4])) { () throws(ProteanError) in
            try layer(x)
        }
        let alone = try layer.experts[4](x)
        #expect(try y.maximumDifference(from: alone) == 0)
    }

    @Test func optionsAreChecked() throws {
        expectRefusal(of: "k") { _ = try Self.small(.topK(0)) }
        expectRefusal(of: "experts") { _ = try Self.small(.topK(6)) }
        expectRefusal(of: "experts") { _ = try Self.small(.topTwo(), experts: 1) }
        expectRefusal(of: "threshold") { _ = try Self.small(.topTwo(second: .above(2))) }
        expectRefusal(of: "inputFeatures") {
            _ = try MixtureOfExperts(inputFeatures: 0, experts: [ReLU()], gating: .topOne())
        }
        expectRefusal(of: "factor") { _ = try ExpertCapacity(factor: .nan) }
        expectRefusal(of: "minimum") { _ = try ExpertCapacity(minimum: 0) }
        expectRefusal(of: "group") { _ = try ExpertCapacity(group: 0) }
        expectMismatch(of: "x") { _ = try Self.small(.topOne())(try Tensor(zeros: [2, 6])) }
        let unequal = try MixtureOfExperts(
            inputFeatures: 2,
            experts: [
                try Linear(inputFeatures: 2, outputFeatures: 3),
                try Linear(inputFeatures: 2, outputFeatures: 4),
            ], gating: .topOne())
        expectMismatch(of: "result of expert 1") { _ = try unequal(try Tensor(zeros: [1, 2])) }
        #expect(throws: ProteanError.self) {
            try MixtureOfExperts(
                inputFeatures: 2, experts: [try Linear(inputFeatures: 3, outputFeatures: 3)],
                gating: .topOne())
        }
    }
}
