import Testing

@testable import Protean

/// A policy's decisions against the same rules written out for one row at a time.
@Suite struct JumpPoliciesTests {
    /// `relu(W x + b)` or `W x + b` in double precision.
    static func linear(_ layer: Linear, _ x: [Double], relu: Bool = false) -> [Double] {
        let weight = layer.weight.value.elements.map(Double.init)
        let bias = layer.bias?.value.elements.map(Double.init) ?? []
        return (0..<layer.outputFeatures).map { row in
            let sum = x.indices.reduce(bias[row]) { $0 + weight[row * x.count + $1] * x[$1] }
            return relu ? max(sum, 0) : sum
        }
    }

    static func argmax(_ x: [Double]) -> Int { x.indices.max { x[$0] < x[$1] } ?? 0 }

    static func part(_ module: any Module, _ name: String) throws -> Linear {
        try #require(module.module(at: name) as? Linear)
    }

    /// One step of a cell for one row.
    static func step(
        _ cell: LSTMCell, _ x: Tensor, _ step: Int, _ state: inout [Tensor]
    ) throws -> [Double] {
        var executed = [0]
        let input = try Operations.slice(x, [.all, AxisSlice(step..<step + 1)])
            .reshaped(to: [1, cell.inputSize])
        state = try cell.step(input, state, executed: &executed)
        return state[0].elements.map(Double.init)
    }

    @Test(arguments: [UInt64(1), 2, 3, 4])
    func lstmJumpFollowsItsRules(seed: UInt64) throws {
        let cell = try LSTMCell(inputSize: 3, hiddenSize: 6, seed: seed)
        let policy = try JumpPolicy(
            hiddenSize: 6, read: 2, maximumJump: 4, jumps: 3, seed: seed &+ 9)
        try #require(policy.parameter(at: "jump.weight")).set(
            MapTest.tensor([5, 6], seed: seed, range: 6))
        let jump = try Self.part(policy, "jump")
        let x = try Tensor.random([5, 30, 3], seed: seed)
        let result = try SequenceRunner(cells: [cell], policy: policy).run(TensorSequence(x))
        var kinds: Set<Int> = []
        for row in 0..<5 {
            let own = try x.sample(row)
            var read: [Int] = [], at = 0, jumps = 0, since = 0
            var state = try cell.zeroState(batch: 1)
            var h = [Double](repeating: 0, count: 6), cost = 0
            while at < 30 {
                if since == 2 {
                    if jumps == 3 { break }
                    let chosen = Self.argmax(Self.linear(jump, h))
                    kinds.insert(chosen)
                    cost += 6 * 5
                    if chosen == 0 { break }
                    (jumps, since) = (jumps + 1, 0)
                    at += chosen - 1
                    continue
                }
                read.append(at)
                h = try Self.step(cell, own, at, &state)
                cost += cell.multiplyAddsPerStep
                since += 1
                at += 1
            }
            let found = result.decisions[row].filter { $0.action == .update }.map(\.step)
            #expect(found == read)
            #expect(result.reads[row] == read.count && result.executed[row] == cost)
            let final = try result.state[0].sample(row)
            #expect(final.isBitEqual(to: state[0]))
        }
        #expect(!kinds.isEmpty)
    }

    @Test func distancesLeadBehindTheNextSign() {
        let text = TextStructure(
            isSeparator: [[false, true, false, false]],
            endsSentence: [[false, false, true, false]])
        #expect(text.separators == [[2, 1, 2, 1]])
        #expect(text.sentences == [[3, 2, 1, 1]])
    }

    @Test(arguments: [UInt64(1), 2, 3, 4])
    func structuralJumpFollowsItsRules(seed: UInt64) throws {
        let cell = try LSTMCell(inputSize: 3, hiddenSize: 6, seed: seed)
        let time = 24, batch = 4
        let marks = (0..<batch).map { row in (0..<time).map { ($0 + row) % 4 == 3 } }
        let ends = (0..<batch).map { row in (0..<time).map { ($0 + row) % 9 == 8 } }
        let structure = TextStructure(isSeparator: marks, endsSentence: ends)
        let policy = try StructuralJumpPolicy(
            hiddenSize: 6, inputSize: 3, stateSize: 5, structure: structure, seed: seed)
        for (name, shape) in [("logits_agent_1", [2, 5]), ("logits_agent_2", [4, 5])] {
            try #require(policy.parameter(at: name + ".weight")).set(
                MapTest.tensor(shape, seed: seed &+ 3, range: 5))
        }
        let names = ["state_1", "logits_agent_1", "state_2", "logits_agent_2"]
        let parts = try names.map { try Self.part(policy, $0) }
        let x = try Tensor.random([batch, time, 3], seed: seed)
        let result = try SequenceRunner(cells: [cell], policy: policy).run(TensorSequence(x))
        for row in 0..<batch {
            let own = try x.sample(row)
            var state = try cell.zeroState(batch: 1), h = [Double](repeating: 0, count: 6)
            var updated: [Int] = [], seen = 0, at = 0, last = (1, 0)
            while at < time {
                let word = own.elements[at * 3..<at * 3 + 3].map(Double.init)
                seen += 1
                let one = [
                    last.0 == 0, last.0 == 1, last.1 == 0, last.1 == 1, last.1 == 2, last.1 == 3,
                ]
                let first = Self.linear(parts[0], h + word + one.map { $0 ? 1 : 0 }, relu: true)
                guard Self.argmax(Self.linear(parts[1], first)) == 1 else {
                    last = (0, 0)
                    at += 1
                    continue
                }
                h = try Self.step(cell, own, at, &state)
                updated.append(at)
                let second = Self.linear(parts[2], h, relu: true)
                let action = Self.argmax(Self.linear(parts[3], second))
                last = (1, action)
                let ahead = [
                    1, structure.separators[row][at], structure.sentences[row][at], time,
                ]
                at += ahead[action]
            }
            let found = result.decisions[row].filter { $0.action == .update }.map(\.step)
            #expect(found == updated)
            #expect(result.reads[row] == seen && result.updates[row] == updated.count)
        }
    }

    @Test(arguments: [0, 1, 7, 32])
    func aRowHasTheBitsThatItHasAlone(batch: Int) throws {
        let cell = try LSTMCell(inputSize: 3, hiddenSize: 6, seed: 5)
        let policy = try JumpPolicy(hiddenSize: 6, read: 2, maximumJump: 4, jumps: 3, seed: 5)
        let runner = try SequenceRunner(cells: [cell], policy: policy)
        let x = try Tensor.random([batch, 14, 3], seed: 3)
        try MapTest.everywhere {
            let all = try runner.run(TensorSequence(x))
            for row in 0..<batch where row % 4 == 0 {
                let alone = try runner.run(TensorSequence(x.sample(row)))
                try SequenceRunnerTests.expectRow(row, of: all, is: alone, "row \(row)")
            }
            return all.state[0]
        } check: { _, _ in
        }
    }

    @Test func badOptionsAreRefused() throws {
        #expect(throws: ProteanError.self) { try JumpPolicy(hiddenSize: 3, read: 0) }
        #expect(throws: ProteanError.self) { try JumpPolicy(hiddenSize: 3, maximumJump: 0) }
        #expect(throws: ProteanError.self) { try JumpPolicy(hiddenSize: 3, jumps: -1) }
        let cell = try LSTMCell(inputSize: 1, hiddenSize: 3)
        let policy = try StructuralJumpPolicy(
            hiddenSize: 3, inputSize: 1, structure: TextStructure(separators: [], sentences: []))
        // Makes the second agent jump to a separator that nothing is known about.
        for (name, values) in [
            ("logits_agent_1.bias", [0, 9]), ("logits_agent_2.bias", [0, 9, 0, 0]),
        ]
            as [(String, [Float])]
        {
            try #require(policy.parameter(at: name)).set(Tensor(values, shape: [values.count]))
        }
        let runner = try SequenceRunner(cells: [cell], policy: policy)
        #expect(throws: ProteanError.self) {
            try runner.run(TensorSequence(Tensor(zeros: [1, 4, 1])))
        }
    }
}
