import ArgumentParser
import CommandSupport
import Protean
import ProteanImage
import ProteanModels

/// `protean exits`: what each exit of a network costs and gives, and who leaves where.
struct ExitsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "exits",
        abstract: "Report each exit of a network: cost, accuracy, who leaves there.",
        discussion: """
            Examples:
              protean exits protean_exits --data /usr/share/datasets/fashion-mnist
              protean exits protean_exits --data D --budget 2000000
              protean exits msdnet_cifar100 --weights w.pth --data D --criterion entropy \\
                  --save thresholds.json
              protean exits msdnet_cifar100 --weights w.pth --data D --thresholds thresholds.json

            Thresholds are those of --thresholds, else those that ship with the model, else they \
            are fitted on held-out images for --budget (by default for seven budgets, of which the \
            report shows the one nearest to half of the last exit's cost). --criterion, --fit and \
            --save fit them too. Multiply-adds count the heads that an image \
            passes. Times are of one image up to an exit, and of whole batches.
            """)

    @OptionGroup var model: ModelOptions

    @OptionGroup var options: ExitOptions

    @Option(
        parsing: .unconditional, help: "Mean multiply-adds per image.",
        transform: OptionValue.wholeNumber(1 ... .max))
    var budget: Int?

    @Option(help: "A file of thresholds that --save wrote.", transform: OptionValue.path)
    var thresholds: String?

    @Option(help: "Write the fitted thresholds to this JSON file.", transform: OptionValue.path)
    var save: String?

    @Option(
        parsing: .unconditional, help: "Images per batch.",
        transform: OptionValue.wholeNumber(1 ... .max))
    var batch = 64

    @Option(
        parsing: .unconditional, help: "Images that times are measured on.",
        transform: OptionValue.wholeNumber(1 ... .max))
    var timed = 1000

    @Flag(help: "Print JSON.")
    var json = false

    @OptionGroup var runtime: RuntimeOptions

    func validate() throws {
        guard thresholds == nil || (options.criterion == nil && save == nil && options.fit == nil)
        else {
            throw ValidationError(
                "--thresholds gives thresholds and their criterion; leave --criterion, --fit and "
                    + "--save out.")
        }
    }

    func run() throws {
        if let save, save != "-" { try OutputFile.check(save) }
        try runtime.with {
            let exits = try ExitModel(model.load(untrained: false))
            let (images, labels) = try options.images(for: exits)
            let progress = ProgressLine()
            let chosen = try choose(exits, progress)
            let scores = try exits.scores(
                of: images, labels: labels, criterion: chosen.criterion, progress: progress)
            let report = try ExitsReport(
                exits, images: images, scores: scores, chosen: chosen, batch: batch,
                timed: timed, progress: progress)
            progress.clear()
            if let save {
                save == "-"
                    ? try Standard.write(chosen.table.json) : try chosen.table.write(to: save)
            }
            if save != "-" { json ? try Standard.json(report) : try report.print() }
        }
    }

    /// The thresholds: given, shipped or fitted.
    private func choose(
        _ exits: ExitModel, _ progress: ProgressLine
    ) throws -> ChosenThresholds {
        let fits = options.criterion != nil || options.fit != nil || save != nil
        if thresholds != nil || (!fits && exits.model.shipsThresholds) {
            let found = try ChosenThresholds.of(exits.model, file: thresholds, budget: budget)
            if let found { return found }
        }
        guard let (images, labels) = try options.heldOut(for: exits) else {
            throw Failure(
                "no images to fit thresholds on: give --fit FOLDER or --thresholds FILE")
        }
        let scores = try exits.scores(
            of: images, labels: labels, criterion: options.criterion ?? .maximumProbability,
            progress: progress)
        return try ChosenThresholds(fittedTo: scores, of: images, exits, budget: budget)
    }
}
