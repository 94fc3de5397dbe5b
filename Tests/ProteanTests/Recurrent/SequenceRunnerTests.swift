import Testing

@testable import Protean

/// Counts the rows that a cell really computes.
final class CountingCell: RecurrentCell {
    let inner: any RecurrentCell
    let rows = Counter()

    init(_ inner: any RecurrentCell) { self.inner = inner }

    var inputSize: Int { inner.inputSize }
    var stateSizes: [Int] { inner.stateSizes }
    var multiplyAddsPerStep: Int { inner.multiplyAddsPerStep }

    func step(
        _ x: Tensor, _ state: [Tensor], executed: inout [Int]
    ) throws(ProteanError) -> [Tensor] {
        rows.add(x.shape[0])
        return try inner.step(x, state, executed: &executed)
    }
}

/// Counts the places that are read.
final class CountingSequence: SequenceInput {
    let inner: any SequenceInput
    let reads = Counter()

    init(_ inner: any SequenceInput) { self.inner = inner }

    var batch: Int { inner.batch }
    var time: Int { inner.time }
    var multiplyAddsPerRead: Int { inner.multiplyAddsPerRead }

    func read(_ places: [SequencePlace]) throws(ProteanError) -> Tensor {
        reads.add(places.count)
        return try inner.read(places)
    }
}

/// Actions drawn from a seed, for each row and step by themselves.
func randomActions(batch: Int, time: Int, cells: Int, seed: UInt64) -> [[Int: StepAction]] {
    (0..<batch).map { row in
        var actions: [Int: StepAction] = [:]
        for step in 0..<time {
            let draw = CounterRandom.bits(seed: seed, site: step, row: row) % 8
            switch draw {
            case 0: actions[step] = .copy
            case 1: actions[step] = .skip(count: 1 + step % 3)
            case 2 where step > time / 2: actions[step] = .stop
            default: actions[step] = .run(cell: Int(draw) % cells)
            }
        }
        return actions
    }
}

@Suite struct SequenceRunnerTests {
    static let time = 9

    static func cells() throws -> [any RecurrentCell] {
        [
            try LSTMCell(inputSize: 3, hiddenSize: 11, seed: 1),
            try LSTMCell(inputSize: 3, hiddenSize: 11, seed: 2),
        ]
    }

    static func isEqual(_ a: SequenceRunner.Result, _ b: SequenceRunner.Result) -> Bool {
        guard let x = a.output, let y = b.output, x.isBitEqual(to: y) else { return false }
        return zip(a.state, b.state).allSatisfy { $0.isBitEqual(to: $1) }
            && a.decisions == b.decisions && a.reads == b.reads && a.executed == b.executed
    }

    /// The result of row `row` of a batch of one equals that of the whole batch, bit for bit.
    static func expectRow(
        _ row: Int, of all: SequenceRunner.Result, is alone: SequenceRunner.Result, _ what: String,
        sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        if let output = all.output, let single = alone.output {
            let part = try output.sample(row)
            #expect(part.isBitEqual(to: single), "\(what)", sourceLocation: sourceLocation)
        }
        for (whole, single) in zip(all.state, alone.state) {
            let part = try whole.sample(row)
            #expect(part.isBitEqual(to: single), "\(what)", sourceLocation: sourceLocation)
        }
        #expect(
            all.decisions[row] == alone.decisions[0] && all.reads[row] == alone.reads[0]
                && all.updates[row] == alone.updates[0]
                && all.executed[row] == alone.executed[0], "\(what)",
            sourceLocation: sourceLocation)
    }

    @Test(arguments: [0, 1, 7, 32])
    func aRowHasTheBitsThatItHasAlone(batch: Int) throws {
        let x = try Tensor.random([batch, Self.time, 3], seed: 9)
        let lengths = (0..<batch).map { $0 * 4 % (Self.time + 1) }
        let allOn = [[Int: StepAction]](repeating: [:], count: batch)
        let allOff = (0..<batch).map { _ in [0: StepAction.skip(count: Self.time)] }
        var oneRow = allOff
        if batch > 0 { oneRow[batch / 2] = [:] }
        let random = randomActions(batch: batch, time: Self.time, cells: 2, seed: 3)
        for table in [allOn, allOff, oneRow, random] {
            for (isa, threads) in allRuntimes {
                try Runtime.with(isa: isa, threads: threads) {
                    let all = try SequenceRunner(cells: Self.cells(), policy: GivenActions(table))
                        .run(TensorSequence(x), lengths: lengths)
                    for row in 0..<batch {
                        let own = GivenActions([table[row]])
                        let alone = try SequenceRunner(cells: Self.cells(), policy: own).run(
                            TensorSequence(x.sample(row)), lengths: [lengths[row]])
                        try Self.expectRow(row, of: all, is: alone, "\(isa) row \(row)")
                    }
                }
            }
        }
    }

    @Test func readingEverythingIsTheCellStepByStep() throws {
        let cell = try LSTMCell(inputSize: 3, hiddenSize: 5)
        let x = try Tensor.random([4, 6, 3], seed: 2)
        let result = try SequenceRunner(cells: [cell], policy: ReadEverything())
            .run(TensorSequence(x))
        var state = try cell.initialState(for: [4, 3])
        for step in 0..<6 {
            let input = try Operations.slice(x, [.all, AxisSlice(step..<step + 1)])
                .reshaped(to: [4, 3])
            let y = try cell(input, state: &state)
            let found = try Operations.slice(
                #require(result.output), [.all, AxisSlice(step..<step + 1)]
            ).reshaped(to: [4, 5])
            #expect(found.isBitEqual(to: y))
        }
        #expect(result.state[1].isBitEqual(to: state.cell))
        #expect(result.reads == [6, 6, 6, 6] && result.updates == result.reads)
    }

    @Test func whatIsSkippedIsNeitherReadNorComputed() throws {
        let cells = try Self.cells().map { CountingCell($0) }
        let x = try Tensor.random([7, Self.time, 3], seed: 9)
        let source = CountingSequence(try TensorSequence(x))
        let table = randomActions(batch: 7, time: Self.time, cells: 2, seed: 5)
        let runner = try SequenceRunner(cells: cells, policy: GivenActions(table))
        let trace = Trace()
        let result = try trace.recording { try runner.run(source) }
        let counted = cells.reduce(0) { $0 + $1.rows.value * $1.multiplyAddsPerStep }
        #expect(result.executed.reduce(0, +) == counted)
        #expect(trace.totalCost.multiplyAdds == counted)
        #expect(result.reads.reduce(0, +) == source.reads.value)
        #expect(result.updates.reduce(0, +) == cells.reduce(0) { $0 + $1.rows.value })
        #expect(counted < 7 * Self.time * cells[0].multiplyAddsPerStep)
    }

    @Test func skippedStepsKeepTheStateAndEndlessSkipsEnd() throws {
        let cell = try GRUCell(inputSize: 2, hiddenSize: 3)
        var values = try Tensor.random([1, 5, 2], seed: 2).elements
        for index in 2..<6 { values[index] = .nan }
        let x = try Tensor(values, shape: [1, 5, 2])
        let policy = GivenActions([[1: .skip(count: 2), 4: .skip(count: .max)]])
        let result = try SequenceRunner(cells: [cell], policy: policy).run(TensorSequence(x))
        let y = try #require(result.output).elements
        #expect(y.allSatisfy { $0.isFinite })
        #expect(Array(y[0..<3]) == Array(y[3..<6]) && Array(y[0..<3]) == Array(y[6..<9]))
        #expect(Array(y[9..<12]) == Array(y[12..<15]) && result.reads == [2])
    }

    @Test func permutedRowsGivePermutedResults() throws {
        let order = [3, 0, 2, 1], batch = 4
        let x = try Tensor.random([batch, Self.time, 3], seed: 9)
        let table = randomActions(batch: batch, time: Self.time, cells: 2, seed: 8)
        let cells = try Self.cells()
        let plain = try SequenceRunner(cells: cells, policy: GivenActions(table))
            .run(TensorSequence(x))
        let moved = try Operations.indexSelect(x, axis: 0, indices: order)
        let other = try SequenceRunner(
            cells: cells, policy: GivenActions(order.map { table[$0] })
        ).run(TensorSequence(moved))
        let expected = try Operations.indexSelect(
            #require(plain.output), axis: 0, indices: order)
        #expect(try #require(other.output).isBitEqual(to: expected))
    }

    @Test func aFormerRunCanBeReplayedAndContinued() throws {
        let cells = try Self.cells()
        let x = try Tensor.random([3, Self.time, 3], seed: 9)
        let table = randomActions(batch: 3, time: Self.time, cells: 2, seed: 8)
        let first = try SequenceRunner(cells: cells, policy: GivenActions(table))
            .run(TensorSequence(x))
        let again = try SequenceRunner(cells: cells, policy: GivenActions(first.decisions))
            .run(TensorSequence(x))
        #expect(Self.isEqual(first, again))
        let runner = try SequenceRunner(cells: [cells[0]], policy: ReadEverything())
        let whole = try runner.run(TensorSequence(x))
        let parts = try x.split(sizes: [4, 5], axis: 1)
        let begin = try runner.run(TensorSequence(parts[0]))
        let end = try runner.run(
            TensorSequence(parts[1]), state: begin.state, memory: begin.memory)
        #expect(end.state[0].isBitEqual(to: whole.state[0]))
    }

    @Test func decisionsAreRecorded() throws {
        let runner = try SequenceRunner(
            cells: [GRUCell(inputSize: 1, hiddenSize: 2)],
            policy: GivenActions([[:], [0: .stop]]))
        let trace = DecisionTrace()
        let x = try TensorSequence(Tensor(zeros: [2, 2, 1]))
        _ = try trace.recording { try runner.run(x) }
        #expect(trace.entries.map(\.rows.rows) == [[0, 1], [0]])
        #expect(trace.entries[0].choice.picks.map { $0[0].action } == [0, 3])
    }

    @Test func misfitsAreRefused() throws {
        let cell = try GRUCell(inputSize: 2, hiddenSize: 3)
        let x = try TensorSequence(Tensor(zeros: [2, 4, 2]))
        let runner = try SequenceRunner(cells: [cell], policy: ReadEverything())
        #expect(throws: ProteanError.self) {
            try SequenceRunner(cells: [], policy: ReadEverything())
        }
        #expect(throws: ProteanError.self) {
            try SequenceRunner(
                cells: [cell, GRUCell(inputSize: 2, hiddenSize: 4)], policy: ReadEverything())
        }
        #expect(throws: ProteanError.self) { try runner.run(x, lengths: [1, 5]) }
        #expect(throws: ProteanError.self) { try runner.run(x, state: [Tensor(zeros: [1, 3])]) }
        #expect(throws: ProteanError.self) { try runner.run(x, memory: [[]]) }
        for action in [StepAction.run(cell: 1), .run(cell: -1), .skip(count: 0)] {
            let bad = try SequenceRunner(cells: [cell], policy: GivenActions([[0: action], [:]]))
            #expect(throws: ProteanError.self) { try bad.run(x) }
        }
        #expect(throws: ProteanError.self) { try TensorSequence(Tensor(zeros: [2, 4])) }
        #expect(throws: ProteanError.self) {
            try runner.run(TensorSequence(Tensor(zeros: [2, 4, 3])))
        }
    }

    @Test func onlyReadWordsAndFramesAreMade() throws {
        let embedding = try Embedding(count: 10, channels: 2)
        // Index 99 does not exist: looking it up would throw.
        let tokens = try Tensor([1, 99, 3, 4], shape: [1, 4])
        let cell = try GRUCell(inputSize: 2, hiddenSize: 3)
        let policy = GivenActions([[1: .skip(count: 1)]])
        let result = try SequenceRunner(cells: [cell], policy: policy)
            .run(TokenSequence(tokens, embedding: embedding))
        #expect(result.reads == [3])
        let frames = try Tensor.random([2, 3, 4, 4, 1], seed: 1)
        let encoder = try Sequential([
            Conv2d(inputChannels: 1, outputChannels: 2, kernelSize: 3), GlobalAveragePool2d(),
        ])
        let source = try FrameSequence(frames, encoder: encoder)
        let run = try SequenceRunner(
            cells: [cell], policy: GivenActions([[0: .skip(count: 2)], [:]])
        ).run(source)
        #expect(run.reads == [1, 3])
        #expect(source.multiplyAddsPerRead == 4 * 2 * 9)
        let each = source.multiplyAddsPerRead + cell.multiplyAddsPerStep
        #expect(run.executed == [each, 3 * each])
    }
}
