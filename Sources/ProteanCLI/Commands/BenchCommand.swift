import ArgumentParser
import Protean
import ProteanModels

/// `protean bench`: where a model spends its time.
struct BenchCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bench",
        abstract: "Measure a model, whole and layer by layer.",
        discussion: """
            The whole model is timed without recording; layers are timed in further runs with \
            recording on. Every figure is a median over --repeat runs after one warm-up. GFLOP/s \
            count two operations per executed multiply-add. The input is random; a model without \
            weights runs on seeded initial values.

            Examples:
              protean bench protean_tiny
              protean bench mobilenet_v2 --weights mobilenet_v2.pth --threads 1,2 --repeat 20
              protean bench mobilenet_v2 --json
            """)

    @OptionGroup var model: ModelOptions

    @Option(help: "Numbers of threads, such as 1,2 (default: physical cores).")
    var threads: String?

    @Option(help: "Instruction set: scalar, avx2, avx512 or neon (default: the widest).")
    var isa: String?

    @Option(help: "Runs per figure.")
    var `repeat` = 10

    @Option(help: "Images per run.")
    var batch = 1

    @Flag(help: "Print JSON.")
    var json = false

    func validate() throws {
        guard `repeat` >= 1 else { throw ValidationError("--repeat must be at least 1.") }
        guard batch >= 1 else { throw ValidationError("--batch must be at least 1.") }
        _ = try threadCounts()
    }

    func run() throws {
        let chosen = try isa.map { name in try KernelISA.named(name) }
        let made = try model.load(untrained: true)
        let input = try Self.input(made.plugin.inputShape, batch: batch)
        var reports: [BenchReport] = []
        for count in try threadCounts() {
            reports.append(
                try Runtime.with(isa: chosen, threads: count) {
                    try BenchReport(made, input: input, repeats: `repeat`)
                })
        }
        if json { return try Standard.json(reports) }
        for report in reports { report.print() }
    }

    /// The thread counts asked for; one nil for the default.
    private func threadCounts() throws -> [Int?] {
        guard let threads else { return [nil] }
        return try threads.split(separator: ",", omittingEmptySubsequences: false).map { text in
            guard let count = Int(text), (1...Runtime.maximumThreads).contains(count) else {
                throw ValidationError(
                    "--threads is '\(threads)', expected numbers of at least 1 such as 1,2")
            }
            return count
        }
    }

    /// Values in -1...1 that are the same in every run.
    private static func input(_ shape: [Int], batch: Int) throws -> Tensor {
        var sizes = shape
        if !sizes.isEmpty { sizes[0] = batch }
        var generator: UInt64 = 1
        var tensor = try Tensor(zeros: sizes)
        try tensor.withUnsafeMutableBufferPointer { values in
            for index in values.indices {
                generator = generator &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                values[index] = Float(generator >> 40) / Float(1 << 23) - 1
            }
        }
        return tensor
    }
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
    let multiplyAdds: Int
    let executedMultiplyAdds: Int
    let gflops: Double
    let layers: [Entry]

    init(_ made: Model, input x: Tensor, repeats count: Int) throws {
        let progress = Progress()
        _ = try made(x)
        var whole: [Double] = []
        var runs: [[Trace.Event]] = []
        for run in 1...count {
            progress.show("\(made.plugin.name): run \(run) of \(count)")
            let start = ContinuousClock.now
            _ = try made(x)
            whole.append((ContinuousClock.now - start).seconds)
            let trace = Trace()
            _ = try trace.recording { try made(x) }
            runs.append(trace.events)
        }
        progress.finish()
        let seconds = Text.median(whole)
        let cost = runs[0].reduce(Cost()) { $0 + $1.cost }
        model = made.plugin.name
        weights = made.source
        input = x.shape
        isa = try Runtime.isa().rawValue
        threads = try Runtime.threads()
        repeats = count
        milliseconds = seconds * 1e3
        multiplyAdds = cost.multiplyAdds
        executedMultiplyAdds = cost.executedMultiplyAdds
        gflops = Self.rate(cost, seconds)
        layers = Self.entries(runs)
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

    func print() {
        var table = Table([
            ("path", .left), ("layer", .left), ("output", .left), ("ms", .right),
            ("share", .right), ("multiply-adds", .right), ("GFLOP/s", .right),
        ])
        for layer in layers {
            table.add(
                layer.path, layer.layer, Text.shape(layer.output),
                Text.fixed(layer.milliseconds, 3),
                Text.percent(layer.share), Text.short(layer.multiplyAdds),
                layer.multiplyAdds > 0 ? Text.fixed(layer.gflops, 1) : "")
        }
        Swift.print(
            "\(model), weights: \(weights), input \(Text.shape(input)), \(isa), "
                + "\(threads) \(threads == 1 ? "thread" : "threads"), median of \(repeats)")
        table.print(indent: "  ")
        var line =
            "  whole model: \(Text.fixed(milliseconds, 3)) ms, "
            + "\(Text.short(multiplyAdds)) multiply-adds, \(Text.fixed(gflops, 1)) GFLOP/s"
        if executedMultiplyAdds != multiplyAdds {
            let share = Double(executedMultiplyAdds) / Double(multiplyAdds)
            line += ", \(Text.percent(share)) executed"
        }
        Swift.print(line)
    }
}
