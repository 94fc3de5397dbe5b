import CommandSupport
import Protean
import ProteanImage

/// What a network that decides saves, in theory and in time, and where the difference goes.
///
/// The static twin is the same network with everything on and nothing to decide: a network with
/// exits runs to its last exit without the heads before it, others run the dearest part at every
/// place that decides, without asking their gates.
struct DynamicBenchReport: Encodable {
    /// Milliseconds of one run that the theory does not know.
    struct Gap: Encodable {
        /// Gates, policies, and heads that the twin does not run.
        let gates: Double
        /// Rows moved when a batch gets smaller or whole again.
        let gathers: Double
        /// Computed for rows that had left.
        let wastedRows: Double
        /// What layers take longer on fewer rows than in proportion.
        let smallerBatches: Double
        /// What the layers that ran take longer per multiply-add than the whole twin.
        let unequalLayers: Double
        /// The rest: criteria, plans, results.
        let bookkeeping: Double
    }

    let model: String
    let input: [Int]
    let isa: String
    let threads: Int
    let repeats: Int
    let millisecondsTwin: Double
    let milliseconds: Double
    let multiplyAddsTwin: Int
    let executedMultiplyAdds: Int
    /// 1 - executed / multiply-adds of the twin.
    let theoreticalSaving: Double
    /// 1 - time / time of the twin.
    let realisedSaving: Double
    let gap: Gap
    /// The share of rows that may run everything before the network is slower than its twin; null
    /// where it cannot be forced.
    let breakEvenKeepRate: Double?

    init(_ made: Model, input x: Tensor, policy: ExitPolicy?, plan: BenchPlan) throws {
        let subject = try DynamicSubject(made, policy: policy, x)
        let progress = ProgressLine()
        for run in 1...plan.warmUps {
            progress.show("\(made.plugin.name): warm-up \(run) of \(plan.warmUps)")
            try subject.twin(x)
            try subject.dynamic(x)
        }
        // In turns, so that a disturbance does not fall on one of them alone.
        var twinTimes: [Double] = [], times: [Double] = []
        var twinRuns: [[Trace.Event]] = [], runs: [[Trace.Event]] = []
        for run in 1...plan.repeats {
            progress.show("\(made.plugin.name): run \(run) of \(plan.repeats)")
            twinTimes.append(try Self.seconds { try subject.twin(x) })
            times.append(try Self.seconds { try subject.dynamic(x) })
            twinRuns.append(try Self.events { try subject.twin(x) })
            runs.append(try Self.events { try subject.dynamic(x) })
        }
        let twin = Self.medians(twinRuns), own = Self.medians(runs)
        let twinTime = Text.median(twinTimes), time = Text.median(times)
        let full = twin.reduce(0) { $0 + $1.event.cost.executedMultiplyAdds }
        let wasted = try subject.wasted(x)
        let all = own.reduce(0) { $0 + $1.event.cost.executedMultiplyAdds }
        let split = try DynamicSplit(
            twin: twin, own: own, twinTime: twinTime, time: time, full: full,
            executed: all - wasted,
            wasted: wasted)
        progress.show("break-even")
        breakEvenKeepRate = try subject.breakEven(x, twinTime: twinTime, repeats: plan.repeats)
        progress.clear()
        model = made.plugin.name
        input = x.shape
        isa = try Runtime.isa().rawValue
        threads = try Runtime.threads()
        repeats = plan.repeats
        millisecondsTwin = twinTime * 1e3
        milliseconds = time * 1e3
        multiplyAddsTwin = full
        executedMultiplyAdds = all - wasted
        theoreticalSaving = 1 - Double(all - wasted) / Double(max(1, full))
        realisedSaving = 1 - time / twinTime
        gap = split.gap
    }

    static func seconds(_ body: () throws -> Void) rethrows -> Double {
        let start = ContinuousClock.now
        try body()
        return (ContinuousClock.now - start).seconds
    }

    private static func events(_ body: () throws -> Void) throws -> [Trace.Event] {
        let trace = Trace()
        try trace.recording(body)
        return trace.events
    }

    /// The first run's events with the median times of all runs, which decide alike.
    private static func medians(_ runs: [[Trace.Event]]) -> [DynamicSplit.Timed] {
        guard let first = runs.first else { return [] }
        return first.indices.map { index in
            let times = runs.compactMap { $0.indices.contains(index) ? $0[index].seconds : nil }
            return DynamicSplit.Timed(event: first[index], seconds: Text.median(times))
        }
    }

    func print() throws {
        try Standard.print(
            "\(model), input \(Text.shape(input)), \(isa), \(threads) "
                + "\(threads == 1 ? "thread" : "threads"), median of \(repeats)")
        try Standard.print(
            """
              static twin  \(Text.fixed(millisecondsTwin, 3)) ms, \(Text.short(multiplyAddsTwin)) \
            multiply-adds
              dynamic      \(Text.fixed(milliseconds, 3)) ms, \(Text.short(executedMultiplyAdds)) executed
              saving       \(Text.percent(theoreticalSaving)) in theory, \
            \(Text.percent(realisedSaving)) in time
            """)
        var table = Table([("difference", .left), ("ms", .right), ("of the twin", .right)])
        for (name, value) in [
            ("gates and heads", gap.gates), ("moving rows", gap.gathers),
            ("wasted rows", gap.wastedRows), ("smaller batches", gap.smallerBatches),
            ("unequal layers", gap.unequalLayers), ("bookkeeping", gap.bookkeeping),
        ] {
            table.add(name, Text.fixed(value, 3), Text.percent(value / millisecondsTwin))
        }
        try table.print(indent: "  ")
        if let breakEvenKeepRate {
            try Standard.print(
                "  break-even: \(Text.percent(breakEvenKeepRate)) of the rows may run everything")
        }
    }
}

/// The difference between theory and time, in its parts.
struct DynamicSplit {
    /// A layer's application and the median of its time.
    struct Timed {
        let event: Trace.Event
        let seconds: Double
    }

    let gap: DynamicBenchReport.Gap

    init(
        twin: [Timed], own: [Timed], twinTime: Double, time: Double, full: Int, executed: Int,
        wasted: Int
    ) throws {
        // Layers that ran several times, as in a recurrent network, are added up.
        var twinByPath: [String: (seconds: Double, macs: Int, rows: Int)] = [:]
        for one in twin {
            var sum = twinByPath[one.event.path] ?? (0, 0, 0)
            sum.seconds += one.seconds
            sum.macs += one.event.cost.executedMultiplyAdds
            sum.rows += one.event.inputShape.first ?? 0
            twinByPath[one.event.path] = sum
        }
        var gates = 0.0, layers = 0.0, proportional = 0.0
        var rows: Int?
        var moved = 0.0
        for one in own {
            guard let match = twinByPath[one.event.path] else {
                gates += one.seconds
                continue
            }
            layers += one.seconds
            let macs = one.event.cost.executedMultiplyAdds, now = one.event.inputShape.first ?? 0
            let share =
                match.macs > 0
                ? Double(macs) / Double(match.macs) : Double(now) / Double(max(1, match.rows))
            proportional += match.seconds * share
            if let before = rows, before != now {
                moved += try Self.secondsToMove(one.event.inputShape, from: before)
            }
            rows = now
        }
        let theory = twinTime * Double(executed) / Double(max(1, full))
        let waste = twinTime * Double(wasted) / Double(max(1, full))
        gap = DynamicBenchReport.Gap(
            gates: gates * 1e3, gathers: moved * 1e3, wastedRows: waste * 1e3,
            smallerBatches: (layers - proportional) * 1e3,
            unequalLayers: (proportional - waste - theory) * 1e3,
            bookkeeping: (time - layers - gates - moved) * 1e3)
    }

    /// Seconds to gather or scatter between `before` rows and the rows of a shape.
    private static func secondsToMove(_ shape: [Int], from before: Int) throws -> Double {
        let now = shape.first ?? 0
        let (many, few) = (max(before, now), min(before, now))
        guard few > 0 else { return 0 }
        let x = try Tensor(zeros: [many] + shape.dropFirst())
        let plan = try RowPlan(rows: Array(0..<few), batch: many)
        let times = try (0..<5).map { _ in
            try DynamicBenchReport.seconds { _ = try Operations.gatherRows(x, plan) }
        }
        return Text.median(times)
    }
}
