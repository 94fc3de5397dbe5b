import Testing

@testable import Protean

@Suite struct SkipBlockTests {
    /// A block under test, and whether it changes size and channels.
    struct Case: CustomTestStringConvertible, Sendable {
        let form: SkipBlock.Form
        let stride: Int
        var passActivation = Activation.identity
        let testDescription: String

        init(_ form: SkipBlock.Form, stride: Int, passActivation: Activation = .identity) {
            self.form = form
            self.stride = stride
            self.passActivation = passActivation
            testDescription = "\(form) stride \(stride) \(passActivation)"
        }

        func block() throws -> SkipBlock {
            let width = 12, inputs = stride == 1 ? width * form.expansion : 10
            let shortcut =
                stride == 1
                ? nil
                : try SkipBlock.projection(
                    from: inputs, to: width * form.expansion, stride: stride)
            let block = try SkipBlock(
                form, inputChannels: inputs, width: width, stride: stride,
                more: shortcut.map { [NamedModule("downsample", $0)] } ?? [],
                shortcut: shortcut, passActivation: passActivation)
            try block.randomise()
            return block
        }

        func input(batch: Int) throws -> Tensor {
            let channels = stride == 1 ? 12 * form.expansion : 10
            return try .random([batch, 9, 6, channels], seed: 5)
        }
    }

    static let cases = [
        Case(.basic, stride: 1), Case(.bottleneck, stride: 1), Case(.basic, stride: 2),
        Case(.bottleneck, stride: 2), Case(.basic, stride: 2, passActivation: .relu),
        Case(.basic, stride: 1, passActivation: .relu),
    ]

    /// Decisions on batches of 0, 1, 7 and 32 rows: mixed, all, none, one row.
    static func decisions(_ batch: Int) -> [RowPlan] {
        var plans = [RowPlan(all: batch), RowPlan(where: [Bool](repeating: false, count: batch))]
        for seed in [3, 4] as [UInt64] {
            plans.append(
                RowPlan(
                    where: (0..<batch).map {
                        CounterRandom.uniform(seed: seed, site: 0, row: $0) < 0.5
                    }))
        }
        if batch > 1 {
            plans.append(RowPlan(where: (0..<batch).map { $0 == batch / 2 }))
        }
        return plans
    }

    @Test(arguments: cases) func rowsHaveTheBitsOfTheRowAlone(_ test: Case) throws {
        let block = try test.block()
        for (isa, threads) in allRuntimes {
            try Runtime.with(isa: isa, threads: threads) {
                for batch in [0, 1, 7, 32] where batch < 32 || threads == 2 {
                    let x = try test.input(batch: batch)
                    for plan in Self.decisions(batch) {
                        var y = x
                        try block.apply(to: &y, running: plan)
                        for row in 0..<batch {
                            var alone = try x.sample(row)
                            let runs = plan.rows.contains(row)
                            try block.apply(
                                to: &alone, running: RowPlan(where: [runs]))
                            #expect(
                                try y.sample(row).isBitEqual(to: alone),
                                "\(isa) \(threads) batch \(batch) row \(row) of \(plan.rows)")
                        }
                    }
                }
            }
        }
    }

    /// The static block in terms of its parts.
    static func expected(_ block: SkipBlock, _ x: Tensor, runs: Bool) throws -> Tensor {
        let shortcut = block.module(at: "downsample") as? Sequential
        let side = try shortcut?(x) ?? x
        if !runs { return try Operations.activate(side, block.passActivation) }
        let count = block.module(at: "conv3") == nil ? 2 : 3
        var y = x
        for index in 1...count {
            let conv = try #require(block.module(at: "conv\(index)") as? Conv2d)
            let norm = try #require(block.module(at: "bn\(index)") as? BatchNorm2d)
            let fused = try FusedConv2d(conv, norm, .relu)
            y = try fused(y, residual: index == count ? side : nil)
        }
        return y
    }

    @Test(arguments: cases) func allOnIsTheStaticBlock(_ test: Case) throws {
        let block = try test.block()
        for batch in [0, 1, 3, 7] {
            let x = try test.input(batch: batch)
            #expect(try block(x).isBitEqual(to: Self.expected(block, x, runs: true)))
            let off = try DecisionSource.with(.everywhere([SkipBlock.pass])) {
                () throws(ProteanError) in try block(x)
            }
            #expect(try off.isBitEqual(to: Self.expected(block, x, runs: false)))
        }
    }

    @Test func passingRowsOfAnUnsharedMapAreNotTouched() throws {
        let test = Self.cases[0]
        let block = try test.block()
        var x = try test.input(batch: 5)
        let before = try x.uniqueBase()
        let kept = try x.sample(1)
        try block.apply(to: &x, running: RowPlan(rows: [0, 3], batch: 5))
        #expect(try x.uniqueBase() == before)
        #expect(try x.sample(1).isBitEqual(to: kept))
    }

    @Test(arguments: cases) func permutedRowsGivePermutedResults(_ test: Case) throws {
        let block = try test.block()
        let x = try test.input(batch: 7)
        let order = [4, 0, 6, 2, 5, 1, 3]
        let runs = [true, false, false, true, true, false, true]
        var y = x
        try block.apply(to: &y, running: RowPlan(where: runs))
        var permuted = try Operations.indexSelect(x, axis: 0, indices: order)
        try block.apply(to: &permuted, running: RowPlan(where: order.map { runs[$0] }))
        let expected = try Operations.indexSelect(y, axis: 0, indices: order)
        #expect(permuted.isBitEqual(to: expected))
    }

    @Test(arguments: cases) func executedIsWhatConvolutionsCount(_ test: Case) throws {
        let block = try test.block()
        let x = try test.input(batch: 7)
        let full = try block.cost(for: x.shape).multiplyAdds
        let saved = try block.skippableMultiplyAdds(for: x.shape)
        for plan in Self.decisions(7) {
            let trace = Trace()
            try trace.recording {
                var y = x
                try block.apply(to: &y, running: plan)
            }
            let calls = trace.events.filter { $0.layer == "Conv2d" }
            let counted = calls.reduce(0) { $0 + $1.cost.multiplyAdds }
            #expect(counted == full - saved * (7 - plan.count))
            #expect(trace.totalCost.executedMultiplyAdds == counted)
            #expect(trace.totalCost.multiplyAdds == full)
            let byRow = (0..<7).map { full / 7 - (plan.rows.contains($0) ? 0 : saved) }
            #expect(trace.executed(batch: 7) == byRow)
            if plan.isEmpty { #expect(calls.count == (test.stride == 1 ? 0 : 1)) }
        }
    }

    @Test func theGateIsAskedAndRecorded() throws {
        let block = try Self.cases[0].block()
        block.assignLabels(prefix: "group1_layer3")
        let x = try Self.cases[0].input(batch: 3)
        let trace = DecisionTrace()
        var y = x
        let choice = try trace.recording {
            try block.update(&y) { x throws(ProteanError) in
                try Choice([1, 0, 1], actions: 2)
            }
        }
        #expect(choice?.rows(choosing: SkipBlock.run).rows == [0, 2])
        #expect(trace.entries.map(\.site) == ["group1_layer3"])
        var given = x
        try block.apply(to: &given, running: RowPlan(rows: [0, 2], batch: 3))
        #expect(y.isBitEqual(to: given))
        // The record decides in place of the gate, which is not asked.
        let replayed = try DecisionSource.with(.table(trace.table)) { () throws(ProteanError) in
            var y = x
            try block.update(&y) { _ throws(ProteanError) in throw .noValues(layer: "gate") }
            return y
        }
        #expect(replayed.isBitEqual(to: y))
    }

    @Test func repeatedCallsAllocateResultsOnly() throws {
        let block = try Self.cases[0].block()
        let x = try Self.cases[0].input(batch: 7)
        func call(_ rows: [Int]) throws -> Tensor {
            var y = x
            try block.apply(to: &y, running: RowPlan(rows: rows, batch: 7))
            return y
        }
        let lists = [[0, 1, 2, 3, 4], [1, 2, 6], [0], [2, 3, 4, 5]]
        let first = try lists.map { try call($0) }
        for _ in 0..<3 {
            for (list, expected) in zip(lists, first) {
                #expect(try call(list).isBitEqual(to: expected))
            }
        }
    }

    @Test func whatDoesNotFitIsRefused() throws {
        expectRefusal(of: "shortcut") {
            _ = try SkipBlock(.basic, inputChannels: 8, width: 8, stride: 2)
        }
        expectRefusal(of: "shortcut") { _ = try SkipBlock(.basic, inputChannels: 8, width: 9) }
        expectRefusal(of: "steps") { _ = try SkipBlock(parts: [], steps: []) }
        expectRefusal(of: "width") { _ = try SkipBlock(.basic, inputChannels: 8, width: 0) }
        let block = try Self.cases[0].block()
        expectMismatch(of: "x") { _ = try block(Tensor(zeros: [2, 3])) }
        expectMismatch(of: "x") { _ = try block(Tensor(zeros: [2, 4, 4, 11])) }
        var x = try Self.cases[0].input(batch: 3)
        expectRefusal(of: "rows") { try block.apply(to: &x, running: RowPlan(all: 2)) }
        expectRefusal(of: "decision") {
            try block.update(&x) { _ throws(ProteanError) in try Choice([1, 1], actions: 2) }
        }
        expectRefusal(of: "decision") {
            try block.update(&x) { _ throws(ProteanError) in try Choice([1, 1, 2], actions: 3) }
        }
        #expect(try block.outputShape(for: [4, 9, 6, 12]) == [4, 9, 6, 12])
    }
}
