import ArgumentParser
import CommandSupport
import Protean
import ProteanCharts
import ProteanImage
import ProteanModels

/// `protean curve`: accuracy over cost of a network with exits.
struct CurveCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "curve",
        abstract: "Draw accuracy over cost of a network with exits.",
        discussion: """
            Examples:
              protean curve protean_exits --data /usr/share/datasets/fashion-mnist \\
                  --output curve.svg --csv curve.csv
              protean curve msdnet_cifar100 --weights w.pth --data D --fit F --output curve.svg

            Anytime: every image is stopped at the same exit; at a budget the deepest exit that \
            fits counts, which gives a staircase. Budgeted: images leave where they are sure, by \
            thresholds that are fitted on held-out images for q = 0.05, 0.10, ... (MSDNet's solver); \
            the cost is the mean over the images. The upper chart is over multiply-adds, the lower \
            one over time per image: of single images for anytime, of batches for budgeted, measured \
            for every third q.
            """)

    @OptionGroup var model: ModelOptions

    @OptionGroup var options: ExitOptions

    @Option(help: "The SVG file to write; - for standard output.", transform: OptionValue.path)
    var output: String?

    @Option(help: "The CSV file to write; - for standard output.", transform: OptionValue.path)
    var csv: String?

    @Option(
        parsing: .unconditional, help: "Sets of thresholds: q = 0.05, 0.10, ...",
        transform: OptionValue.wholeNumber(1...10_000))
    var points = 39

    @Flag(help: "Where a point is no better on the held-out images than one before, show that one.")
    var flatCurve = false

    @Option(
        parsing: .unconditional, help: "Images per batch.",
        transform: OptionValue.wholeNumber(1 ... .max))
    var batch = 64

    @Option(
        parsing: .unconditional, help: "Images that times are measured on; 0 for no times.",
        transform: OptionValue.wholeNumber(0 ... .max))
    var timed = 500

    @OptionGroup var runtime: RuntimeOptions

    func validate() throws {
        guard output != nil || csv != nil else {
            throw ValidationError("Give --output, --csv or both.")
        }
        guard output != "-" || csv != "-" else {
            throw ValidationError("Only one of --output and --csv can be standard output.")
        }
    }

    func run() throws {
        for path in [output, csv].compactMap({ $0 }) where path != "-" {
            try OutputFile.check(path)
        }
        try runtime.with {
            let exits = try ExitModel(model.load(untrained: false))
            let progress = ProgressLine()
            let report = try CurveReport(
                exits, options: options, points: points, flat: flatCurve, batch: batch,
                timed: timed, progress: progress)
            progress.clear()
            try write(report.svg, to: output)
            try write(report.csv, to: csv)
            guard output != "-", csv != "-" else { return }
            try report.print()
        }
    }

    private func write(_ text: String, to path: String?) throws {
        guard let path else { return }
        path == "-" ? try Standard.write(text) : try OutputFile.write(Array(text.utf8), to: path)
    }
}
