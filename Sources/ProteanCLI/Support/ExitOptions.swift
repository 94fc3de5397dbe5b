import ArgumentParser
import CommandSupport
import Protean
import ProteanImage

/// Options for labelled images and for the thresholds of a network's exits.
struct ExitOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "A folder of labelled images.",
            discussion: "Either the idx files of MNIST or Fashion-MNIST (t10k-images-idx3-ubyte, "
                + "train-images-idx3-ubyte and their labels, plain or .gz), of which the test images "
                + "are taken, or a folder of PNG and JPEG files per class."),
        transform: OptionValue.path)
    var data: String

    @Option(
        help: ArgumentHelp(
            "A folder of labelled images to fit thresholds on.",
            discussion: "Default: the training images of --data, if it has idx files."),
        transform: OptionValue.path)
    var fit: String?

    @Option(
        parsing: .unconditional,
        help: "How many images to fit on: the last ones, which training must have left out.",
        transform: OptionValue.wholeNumber(1 ... .max))
    var held = 5000

    @Option(
        help: ArgumentHelp(
            "What is compared with thresholds: \(Criterion.names.joined(separator: ", ")).",
            discussion: "Default: that of the thresholds in use, else maximum-probability."),
        transform: ExitOptions.criterion)
    var criterion: Criterion?

    /// The images to report on, with the numbers of their classes.
    func images(for exits: ExitModel) throws -> (images: LabelledImages, labels: [Int]) {
        let images = try LabelledImages(data, part: .test)
        return (images, try exits.labels(of: images))
    }

    /// The images to fit thresholds on; nil if there are none.
    func heldOut(for exits: ExitModel) throws -> (images: LabelledImages, labels: [Int])? {
        let whole: LabelledImages
        if let fit {
            whole = try LabelledImages(fit, part: .train)
        } else {
            // A folder per class has no training images of its own.
            guard PathBytes.kind(of: data) == .directory,
                let train = try? LabelledImages(data, part: .train), train.classNames.isEmpty
            else { return nil }
            whole = train
        }
        let images = whole.last(held)
        return (images, try exits.labels(of: images))
    }

    private static func criterion(_ text: String) throws -> Criterion {
        guard let criterion = Criterion(text) else {
            throw ValidationError("expected one of \(Criterion.names.joined(separator: ", "))")
        }
        return criterion
    }
}

/// Thresholds, and where they come from.
struct ChosenThresholds {
    let criterion: Criterion
    let thresholds: [Float]
    /// In words, for reports.
    let origin: String
    /// The table they are part of, or that would be saved.
    let table: ExitBudgets
    /// The entry of the table.
    let entry: ExitBudgets.Entry

    var policy: ExitPolicy { .threshold(criterion, thresholds) }

    /// The entry of a table within a budget; without a budget the one nearest to half of the full
    /// cost.
    init(_ table: ExitBudgets, budget: Int?, origin: String) throws {
        if let budget {
            entry = try table.entry(within: budget)
        } else {
            let half = Double(table.costs.last ?? 0) / 2
            entry =
                table.entries.min { abs($0.meanCost - half) < abs($1.meanCost - half) }
                ?? table.entries[0]
        }
        self.table = table
        self.origin = origin
        criterion = table.criterion
        thresholds = entry.thresholds
    }

    /// Those in a file, else those that ship with a model; nil for a model that has none.
    ///
    /// - Throws: for a file or a budget and a model without exits.
    static func of(_ model: Model, file: String?, budget: Int?) throws -> ChosenThresholds? {
        guard model.module is any HasExits else {
            guard file == nil, budget == nil else {
                throw Failure("model '\(model.plugin.name)' has no exits, so it has no thresholds")
            }
            return nil
        }
        if let file {
            let table = try ExitBudgets.read(file, for: model)
            return try ChosenThresholds(table, budget: budget, origin: "\(file), \(table.split)")
        }
        guard let table = try ExitBudgets.embedded(in: model) else {
            guard budget == nil else {
                throw Failure(
                    "model '\(model.plugin.name)' ships without thresholds: give --thresholds FILE")
            }
            return nil
        }
        return try ChosenThresholds(
            table, budget: budget, origin: "shipped with the model, fitted on \(table.split)")
    }

    /// Thresholds fitted for a budget; without one for seven, from the first exit's cost to the last
    /// one's, of which the one nearest to half of the full cost is taken.
    init(
        fittedTo heldOut: ExitScores, of images: LabelledImages, _ exits: ExitModel, budget: Int?
    ) throws {
        let costs = try exits.costs()
        let solver = try ThresholdSolver(heldOut, costs: costs)
        let (first, last) = (costs[0], costs[costs.count - 1])
        let budgets = budget.map { [$0] } ?? (1...7).map { first + (last - first) * $0 / 8 }
        let entries = try budgets.map { budget in
            let found = try solver.budget(multiplyAdds: budget)
            return ExitBudgets.Entry(
                thresholds: found,
                outcome: try heldOut.outcome(thresholds: found, costs: costs))
        }
        let table = try ExitBudgets(
            model: exits.model.plugin.name, fingerprint: exits.model.module.fingerprint,
            criterion: heldOut.criterion, split: images.summary, samples: heldOut.samples,
            costs: costs, entries: entries)
        try self.init(table, budget: nil, origin: "fitted on \(images.summary)")
    }
}
