import CommandSupport
import Protean

/// The number of runs, and whether layers are recorded.
struct BenchPlan {
    var warmUps: Int
    var repeats: Int
    var layers: Bool
}

/// Medians of one model with one number of threads.
struct BenchReport: Encodable {
    struct Entry: Encodable {
        let path: String
        let layer: String
        let output: [Int]
        let milliseconds: Double
        let multiplyAdds: Int
        let executedMultiplyAdds: Int
        let gflops: Double
        /// Share of the sum of all layers' times.
        let share: Double
    }

    let model: String
    let weights: String
    let input: [Int]
    let isa: String
    let threads: Int
    let repeats: Int
    let milliseconds: Double
    /// Every run of the whole model, in order.
    let samplesMilliseconds: [Double]
    let multiplyAdds: Int
    let executedMultiplyAdds: Int
    let gflops: Double
    /// Peak memory of tensors during a run, without the input.
    let peakActivationBytes: Int
    /// Scratch memory of kernels, which is kept between runs.
    let scratchBytes: Int
    /// Memory of weights in the form that kernels read.
    let packedWeightBytes: Int
    /// Empty if layers are not recorded.
    let layers: [Entry]

    init(_ made: Model, input x: Tensor, plan: BenchPlan) throws {
        let progress = ProgressLine()
        for run in 1...plan.warmUps {
            progress.show("\(made.plugin.name): warm-up \(run) of \(plan.warmUps)")
            _ = try made(x)
        }
        peakActivationBytes = try Self.peakOfActivations(made, x)
        scratchBytes = Memory.usage(of: .scratch).live
        packedWeightBytes = Memory.usage(of: .weights).live
        var whole: [Double] = []
        var runs: [[Trace.Event]] = []
        for run in 1...plan.repeats {
            progress.show("\(made.plugin.name): run \(run) of \(plan.repeats)")
            let start = ContinuousClock.now
            _ = try made(x)
            whole.append((ContinuousClock.now - start).seconds)
            guard plan.layers else { continue }
            runs.append(try Self.events(made, x))
        }
        progress.clear()
        let seconds = Text.median(whole)
        let cost = try (runs.first ?? Self.events(made, x)).reduce(Cost()) { $0 + $1.cost }
        model = made.plugin.name
        weights = made.source
        input = x.shape
        isa = try Runtime.isa().rawValue
        threads = try Runtime.threads()
        repeats = plan.repeats
        milliseconds = seconds * 1e3
        samplesMilliseconds = whole.map { $0 * 1e3 }
        multiplyAdds = cost.multiplyAdds
        executedMultiplyAdds = cost.executedMultiplyAdds
        gflops = Self.rate(cost, seconds)
        layers = runs.isEmpty ? [] : Self.entries(runs)
    }

    private static func events(_ made: Model, _ x: Tensor) throws -> [Trace.Event] {
        let trace = Trace()
        _ = try trace.recording { try made(x) }
        return trace.events
    }

    private static func peakOfActivations(_ made: Model, _ x: Tensor) throws -> Int {
        Memory.resetPeaks()
        let before = Memory.usage(of: .tensors).live
        _ = try made(x)
        return Memory.usage(of: .tensors).peak - before
    }

    /// The runs apply the same layers in the same order, because the input is the same.
    private static func entries(_ runs: [[Trace.Event]]) -> [Entry] {
        let medians = runs[0].indices.map { index in
            Text.median(runs.compactMap { $0.indices.contains(index) ? $0[index].seconds : nil })
        }
        let sum = medians.reduce(0, +)
        return zip(runs[0], medians).map { event, seconds in
            Entry(
                path: event.path, layer: event.layer, output: event.outputShape,
                milliseconds: seconds * 1e3, multiplyAdds: event.cost.multiplyAdds,
                executedMultiplyAdds: event.cost.executedMultiplyAdds,
                gflops: rate(event.cost, seconds), share: sum > 0 ? seconds / sum : 0)
        }
    }

    private static func rate(_ cost: Cost, _ seconds: Double) -> Double {
        seconds > 0 ? 2 * Double(cost.executedMultiplyAdds) / seconds / 1e9 : 0
    }

    func print() throws {
        try Standard.print(
            "\(model), weights: \(weights), input \(Text.shape(input)), \(isa), "
                + "\(threads) \(threads == 1 ? "thread" : "threads"), median of \(repeats)")
        if !layers.isEmpty { try printLayers() }
        var line =
            "  whole model: \(Text.fixed(milliseconds, 3)) ms, "
            + "\(Text.short(multiplyAdds)) multiply-adds, \(Text.fixed(gflops, 1)) GFLOP/s"
        if executedMultiplyAdds != multiplyAdds {
            let share = Double(executedMultiplyAdds) / Double(multiplyAdds)
            line += ", \(Text.percent(share)) executed"
        }
        try Standard.print(line)
        try Standard.print(
            "  memory: activations \(Self.mebibytes(peakActivationBytes)) at most, scratch "
                + "\(Self.mebibytes(scratchBytes)), packed weights "
                + Self.mebibytes(packedWeightBytes))
    }

    private static func mebibytes(_ bytes: Int) -> String {
        Text.fixed(Double(bytes) / 0x1p20, 2) + " MiB"
    }

    private func printLayers() throws {
        var table = Table([
            ("path", .left), ("layer", .left), ("output", .left), ("ms", .right),
            ("share", .right), ("multiply-adds", .right), ("GFLOP/s", .right),
        ])
        for layer in layers {
            table.add(
                layer.path, layer.layer, Text.shape(layer.output),
                Text.fixed(layer.milliseconds, 3), Text.percent(layer.share),
                Text.short(layer.multiplyAdds),
                layer.multiplyAdds > 0 ? Text.fixed(layer.gflops, 1) : "")
        }
        try table.print(indent: "  ")
    }
}
