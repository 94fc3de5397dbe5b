import Testing

@testable import Protean

@Suite struct ReadingPoliciesTests {
    @Test(arguments: [0, 4]) func leapLSTMDecidesBeforeItReads(following: Int) throws {
        var updates = 0
        for seed in UInt64(1)...5 { updates += try leap(following: following, seed: seed) }
        #expect(updates > 0 && updates < 5 * 36)
    }

    /// Compares a network with a loop over rows and words; returns how many words it has read.
    private func leap(following: Int, seed: UInt64) throws -> Int {
        let cell = try LSTMCell(inputSize: 3, hiddenSize: 6)
        var policy = try LeapPolicy(
            hiddenSize: 6, inputSize: 3, followingSize: following, units: 5, seed: 8)
        try #require(policy.parameter(at: "decision.weight")).set(
            MapTest.tensor([2, 5], seed: seed, range: 5))
        let x = try Tensor.random([3, 12, 3], seed: 4)
        let features = try FollowingText(inputSize: 3, hiddenSize: 4).features(x)
        if following > 0 { policy = try policy.with(following: features) }
        let counting = CountingCell(cell)
        let result = try SequenceRunner(cells: [counting], policy: policy).run(TensorSequence(x))
        let hidden = try JumpPoliciesTests.part(policy, "hidden")
        let decision = try JumpPoliciesTests.part(policy, "decision")
        var updates = 0
        for row in 0..<3 {
            let own = try x.sample(row), ahead = try features.sample(row).elements
            var state = try cell.zeroState(batch: 1), h = [Double](repeating: 0, count: 6)
            for step in 0..<12 {
                var seen = h + own.elements[step * 3..<step * 3 + 3].map(Double.init)
                if following > 0 { seen += ahead[step * 4..<step * 4 + 4].map(Double.init) }
                let units = JumpPoliciesTests.linear(hidden, seen, relu: true)
                let action = JumpPoliciesTests.argmax(JumpPoliciesTests.linear(decision, units))
                if action == 0 {
                    h = try JumpPoliciesTests.step(cell, own, step, &state)
                    updates += 1
                }
                #expect(result.decisions[row][step].action == (action == 0 ? .update : .copy))
            }
            let final = try result.state[0].sample(row)
            #expect(final.isBitEqual(to: state[0]))
        }
        #expect(counting.rows.value == updates)
        return updates
    }

    @Test func followingTextIsReadFromTheEnd() throws {
        let reader = try FollowingText(inputSize: 2, hiddenSize: 3, seed: 6)
        let x = try Tensor.random([2, 5, 2], seed: 4)
        let found = try reader.features(x, lengths: [5, 3])
        let lstm = try #require(reader.module(at: "reverse") as? LSTM)
        for (row, length) in [5, 3].enumerated() {
            for step in 0..<5 {
                let own = try found.sample(row).elements[step * 3..<step * 3 + 3]
                guard step + 1 < length else {
                    #expect(own.allSatisfy { $0 == 0 })
                    continue
                }
                let words = try Operations.slice(
                    x, [AxisSlice(row..<row + 1), AxisSlice(step + 1..<length)]
                ).flipped(axes: [1])
                let state = try lstm.run(words).hidden.elements
                #expect(Array(own) == state)
            }
        }
    }

    @Test func aSureReaderStops() throws {
        let cell = try LSTMCell(inputSize: 3, hiddenSize: 6)
        let x = try Tensor.random([7, 20, 3], seed: 4)
        let criteria: [(Criterion, Float)] = [
            (.maximumProbability, 0.6), (.entropy, 0.9), (.margin, 0.4), (.patience, 4),
        ]
        for (criterion, threshold) in criteria {
            for minimum in [1, 5] {
                let policy = try StopReading(
                    hiddenSize: 6, classes: 3, criterion: criterion, threshold: threshold,
                    minimum: minimum, seed: 3)
                try policy.head.weight.set(MapTest.tensor([3, 6], seed: 7, range: 4))
                let result = try SequenceRunner(cells: [cell], policy: policy)
                    .run(TensorSequence(x))
                for row in 0..<7 {
                    let own = try x.sample(row)
                    var state = try cell.zeroState(batch: 1), carried = Criterion.RowState()
                    var read = 0, cost = 0
                    while read < 20 {
                        if read > 0 {
                            let logits = try policy.head(state[0]).elements
                            cost += 18
                            let score = criterion.score(logits[...], state: &carried)
                            if read >= minimum, criterion.passes(score, threshold) { break }
                        }
                        _ = try JumpPoliciesTests.step(cell, own, read, &state)
                        cost += cell.multiplyAddsPerStep
                        read += 1
                    }
                    #expect(result.reads[row] == read, "\(criterion) row \(row)")
                    #expect(result.executed[row] == cost)
                    let final = try result.state[0].sample(row)
                    #expect(final.isBitEqual(to: state[0]))
                }
                #expect(result.reads.reduce(0, +) < 140, "\(criterion)")
            }
        }
    }

    @Test func notANumberNeverStopsAndBadOptionsAreRefused() throws {
        let cell = try LSTMCell(inputSize: 1, hiddenSize: 3)
        let policy = try StopReading(
            hiddenSize: 3, classes: 2, criterion: .maximumProbability, threshold: 0)
        let x = try Tensor([.nan, 1, 1, 0, 0, 0], shape: [2, 3, 1])
        let result = try SequenceRunner(cells: [cell], policy: policy).run(TensorSequence(x))
        #expect(result.reads == [3, 1])
        #expect(throws: ProteanError.self) {
            try StopReading(hiddenSize: 3, classes: 2, criterion: .margin, threshold: .nan)
        }
        #expect(throws: ProteanError.self) {
            try StopReading(
                hiddenSize: 3, classes: 2, criterion: .margin, threshold: 0, minimum: 0)
        }
        #expect(throws: ProteanError.self) {
            try LeapPolicy(hiddenSize: 3, inputSize: 1, followingSize: -1)
        }
    }
}
