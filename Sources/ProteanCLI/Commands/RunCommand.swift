import ArgumentParser
import CommandSupport
import Protean

/// `protean run`: classify images.
struct RunCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run",
        abstract: "Classify PNG or JPEG images.",
        discussion: """
            Examples:
              protean run protean_tiny --image shoe.png --top 3
              protean run mobilenet_v2 --weights mobilenet_v2.pth --image a.jpg b.jpg
              protean run ./model-directory --image a.jpg --json

            Times are of the network alone, after one run that is not counted. A network with exits \
            that ships with thresholds, or is given --thresholds, stops at the first exit that is \
            sure; the multiply-adds are then those of its last exit, and the share that was executed.
            """)

    @OptionGroup var model: ModelOptions

    @Option(
        name: .long, parsing: .upToNextOption, help: "Images to classify; one or more paths.",
        transform: OptionValue.path)
    var image: [String]

    @Option(
        parsing: .unconditional, help: "How many classes to show per image.",
        transform: OptionValue.wholeNumber(1 ... .max))
    var top = 5

    @Option(
        help: "Thresholds of a network's exits, a file that `protean exits --save` wrote.",
        transform: OptionValue.path)
    var thresholds: String?

    @Option(
        parsing: .unconditional, help: "Of several thresholds those within these multiply-adds.",
        transform: OptionValue.wholeNumber(1 ... .max))
    var budget: Int?

    @Flag(help: "Print JSON: file, predictions, milliseconds, multiply_adds.")
    var json = false

    @OptionGroup var images: ImageOptions

    @OptionGroup var runtime: RuntimeOptions

    func validate() throws {
        guard !image.isEmpty else { throw ValidationError("Give at least one --image.") }
    }

    func run() throws {
        try runtime.with {
            let loaded = try model.load(untrained: false)
            let chosen = try ChosenThresholds.of(loaded, file: thresholds, budget: budget)
            let classifier = try Classifier(
                loaded, orientation: images.orientation, policy: chosen?.policy)
            let progress = ProgressLine()
            progress.show("first run")
            // The image is decoded only once: that may take longer than the network.
            let first = try classifier.image(image[0])
            try classifier.warmUp(first)
            var results: [Classification] = []
            for (number, path) in image.enumerated() {
                progress.show("image \(number + 1) of \(image.count)")
                let picture = number == 0 ? first : try classifier.image(path)
                results.append(try classifier.classify(picture, file: path, top: top))
            }
            progress.clear()
            if json { return try Standard.json(results) }
            for result in results { try Self.printTable(result) }
        }
    }

    private static func printTable(_ result: Classification) throws {
        let share = Double(result.executedMultiplyAdds) / Double(max(1, result.multiplyAdds))
        try Standard.print(
            "\(result.file)  \(Text.fixed(result.milliseconds, 3)) ms, "
                + "\(Text.short(result.multiplyAdds)) multiply-adds"
                + (share < 1 ? ", \(Text.percent(share)) executed" : "")
                + (result.exit.map { ", left at exit \($0)" } ?? ""))
        var table = Table([
            ("rank", .right), ("class", .left), ("probability", .right), ("logit", .right),
        ])
        for (rank, prediction) in result.predictions.enumerated() {
            table.add(
                "\(rank + 1)", prediction.label ?? "\(prediction.index)",
                Text.percent(prediction.probability), Text.fixed(Double(prediction.logit), 4))
        }
        try table.print(indent: "  ")
    }
}
