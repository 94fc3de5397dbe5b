import ArgumentParser
import CommandSupport
import Protean
import ProteanImage
import ProteanModels

/// `protean bench`: the time of a model and of its layers.
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
              protean bench protean_exits --dynamic --data D --batch 64

            --dynamic compares a network that decides with its static twin, which runs everything \
            and decides nothing: the saving in theory, 1 - executed / all multiply-adds, the saving \
            in time, and where the difference goes.
            """)

    @OptionGroup var model: ModelOptions

    @Option(
        parsing: .unconditional, help: "Numbers of threads, such as 1,2 (default: physical cores).",
        transform: BenchCommand.counts)
    var threads: [Int]?

    @Option(
        help: "Instruction set: scalar, avx2, avx512 or neon (default: the widest).",
        transform: OptionValue.isa)
    var isa: KernelISA?

    @Option(
        parsing: .unconditional, help: "Runs per figure.",
        transform: OptionValue.wholeNumber(1 ... .max))
    var `repeat` = 10

    @Option(
        parsing: .unconditional,
        help: "Runs before the first that counts; the first of them packs the weights.",
        transform: OptionValue.wholeNumber(1 ... .max))
    var warmUp = 3

    @Option(
        parsing: .unconditional, help: "Images per run.",
        transform: OptionValue.wholeNumber(1 ... .max))
    var batch = 1

    @Option(help: "An image to run on instead of random values.", transform: OptionValue.path)
    var image: String?

    @OptionGroup var images: ImageOptions

    @Flag(help: "Leave the layers out.")
    var whole = false

    @Option(
        help: "Write the input 'x' and its output 'y' to this safetensors file.",
        transform: OptionValue.path)
    var save: String?

    @Flag(help: "Compare with the network's static twin.")
    var dynamic = false

    @Option(
        help: "With --dynamic: a folder of labelled images to run on; see `protean exits`.",
        transform: OptionValue.path)
    var data: String?

    @Option(
        help: "With --dynamic: thresholds of exits that `protean exits --save` wrote.",
        transform: OptionValue.path)
    var thresholds: String?

    @Flag(help: "Print JSON.")
    var json = false

    func validate() throws {
        guard dynamic || (data == nil && thresholds == nil) else {
            throw ValidationError("--data and --thresholds go with --dynamic.")
        }
        guard !dynamic || (save == nil && !whole) else {
            throw ValidationError("--dynamic goes without --save and --whole.")
        }
        guard data == nil || image == nil else {
            throw ValidationError("Give --data or --image, not both.")
        }
        guard image == nil || batch == 1 else {
            throw ValidationError("--image is one image; leave --batch out.")
        }
        guard save != "-", save != OptionValue.standardOutput else {
            throw ValidationError("--save: expected a file; standard output has the figures.")
        }
    }

    func run() throws {
        if let save { try OutputFile.check(save) }
        let made = try model.load(untrained: true)
        if dynamic { return try compareWithTwin(made) }
        let input =
            try image.map { path in try made.input(from: images.read(path)) }
            ?? Self.input(made.inputShape, batch: batch)
        let plan = BenchPlan(warmUps: warmUp, repeats: `repeat`, layers: !whole)
        var reports: [BenchReport] = []
        for count in threads.map({ $0.map(Optional.some) }) ?? [nil] {
            reports.append(
                try Runtime.with(isa: isa, threads: count) {
                    try BenchReport(made, input: input, plan: plan)
                })
        }
        if let save {
            let output = try Runtime.with(isa: isa) { try made(input) }
            try Checkpoint.writeSafetensors(to: save, tensors: [("x", input), ("y", output)])
        }
        if json { return try Standard.json(reports) }
        for report in reports { try report.print() }
    }

    /// `--dynamic`.
    private func compareWithTwin(_ made: Model) throws {
        let input: Tensor
        if let data {
            let exits = try LabelledImages(data).subset(0..<batch)
            input = try Decisions.batch(made, exits, 0..<exits.count)
        } else {
            input =
                try image.map { path in try made.input(from: images.read(path)) }
                ?? Self.input(made.inputShape, batch: batch)
        }
        let policy = try ChosenThresholds.of(made, file: thresholds, budget: nil)?.policy
        let plan = BenchPlan(warmUps: warmUp, repeats: `repeat`, layers: true)
        var reports: [DynamicBenchReport] = []
        for count in threads.map({ $0.map(Optional.some) }) ?? [nil] {
            reports.append(
                try Runtime.with(isa: isa, threads: count) {
                    try DynamicBenchReport(made, input: input, policy: policy, plan: plan)
                })
        }
        if json { return try Standard.json(reports) }
        for report in reports { try report.print() }
    }

    /// The thread counts of a list.
    private static func counts(_ text: String) throws -> [Int] {
        try text.split(separator: ",", omittingEmptySubsequences: false).map { part in
            guard let count = Int(part), (1...Runtime.maximumThreads).contains(count) else {
                throw ValidationError(
                    "expected whole numbers of 1...\(Runtime.maximumThreads) such as 1,2")
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
