import ArgumentParser
import Protean
import ProteanImage
import ProteanModels

/// `protean bench`: where a model spends its time.
struct BenchCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bench",
        abstract: "Measure a model, whole and layer by layer.",
        discussion: """
            The whole model is timed without recording; layers are timed in further runs with \
            recording on. Every figure is a median over --repeat runs after --warm-up others. \
            GFLOP/s count two operations per executed multiply-add. The input is random but the \
            same in every run, or an image, for models whose work depends on what they see; a model \
            without weights runs on seeded initial values. Peak memory \
            of activations is what tensors take at most during a run, the input left out.

            Examples:
              protean bench protean_tiny --image shoe.png
              protean bench mobilenet_v2 --weights mobilenet_v2.pth --threads 1,2 --repeat 20
              protean bench resnet50 --whole --json
            """)

    @OptionGroup var model: ModelOptions

    @Option(help: "Numbers of threads, such as 1,2 (default: physical cores).")
    var threads: String?

    @Option(help: "Instruction set: scalar, avx2, avx512 or neon (default: the widest).")
    var isa: String?

    @Option(help: "Runs per figure.")
    var `repeat` = 10

    @Option(help: "Runs before the first that counts; the first of them packs the weights.")
    var warmUp = 3

    @Option(help: "Images per run.")
    var batch = 1

    @Option(help: "An image to run on instead of random values.")
    var image: String?

    @OptionGroup var images: ImageOptions

    @Flag(help: "Leave the layers out.")
    var whole = false

    @Option(help: "Write the input 'x' and its output 'y' to this safetensors file.")
    var save: String?

    @Flag(help: "Print JSON.")
    var json = false

    func validate() throws {
        guard `repeat` >= 1 else { throw ValidationError("--repeat must be at least 1.") }
        guard warmUp >= 1 else { throw ValidationError("--warm-up must be at least 1.") }
        guard batch >= 1 else { throw ValidationError("--batch must be at least 1.") }
        guard image == nil || batch == 1 else {
            throw ValidationError("--image is one image; leave --batch out.")
        }
        _ = try threadCounts()
    }

    func run() throws {
        let chosen = try isa.map { name in try KernelISA.named(name) }
        let made = try model.load(untrained: true)
        let input =
            try image.map { path in try made.input(from: images.read(path)) }
            ?? Self.input(made.plugin.inputShape, batch: batch)
        let plan = BenchPlan(warmUps: warmUp, repeats: `repeat`, layers: !whole)
        var reports: [BenchReport] = []
        for count in try threadCounts() {
            reports.append(
                try Runtime.with(isa: chosen, threads: count) {
                    try BenchReport(made, input: input, plan: plan)
                })
        }
        if let save {
            let output = try Runtime.with(isa: chosen) { try made(input) }
            try Checkpoint.writeSafetensors(to: save, tensors: [("x", input), ("y", output)])
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
