import ArgumentParser
import CommandSupport
import Protean
import ProteanCharts
import ProteanImage
import ProteanModels

/// `protean draw decisions`: which parts of a network ran for which image.
struct DrawDecisionsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "decisions",
        abstract: "Draw which parts of a network ran for which image.",
        discussion: """
            Examples:
              protean draw decisions protean_exits --data /usr/share/datasets/fashion-mnist \\
                  --output decisions.svg
              protean draw decisions skipnet38 --weights w.pth --data D --count 1000 --rows 60 \\
                  --output decisions.svg

            One row per image, one column per stage or per place at which the network decides. The \
            different ways that images took are counted over all --count images; the picture shows \
            the first --rows of them. Networks with exits use --thresholds or those that ship with \
            the model.
            """)

    @OptionGroup var model: ModelOptions

    @Option(help: "A folder of labelled images; see `protean exits`.", transform: OptionValue.path)
    var data: String

    @Option(help: "A file of thresholds that `protean exits --save` wrote.")
    var thresholds: String?

    @Option(
        parsing: .unconditional, help: "Mean multiply-adds per image.",
        transform: OptionValue.wholeNumber(1 ... .max))
    var budget: Int?

    @Option(
        parsing: .unconditional, help: "How many images to run.",
        transform: OptionValue.wholeNumber(1 ... .max))
    var count = 200

    @Option(
        parsing: .unconditional, help: "How many of them to draw.",
        transform: OptionValue.wholeNumber(1...2000))
    var rows = 40

    @Option(help: "The SVG file to write; - for standard output.", transform: OptionValue.path)
    var output: String

    @OptionGroup var runtime: RuntimeOptions

    func run() throws {
        if output != "-" { try OutputFile.check(output) }
        try runtime.with {
            let model = try model.load(untrained: false)
            let images = try LabelledImages(data).subset(0..<count)
            let progress = ProgressLine()
            let decisions = try Decisions(
                of: model, images, policy: policy(for: model), progress: progress)
            progress.clear()
            let text = decisions.chart(rows: rows).drawing.file(
                label: "decisions of \(model.plugin.name)")
            if output == "-" { return try Standard.write(text) }
            try OutputFile.write(Array(text.utf8), to: output)
            try Standard.print(
                "\(model.plugin.name): \(images.count) images took \(decisions.uniquePaths) "
                    + "different ways through \(decisions.columns.count) places")
        }
    }

    /// The policy of a network with exits; nil for networks without.
    private func policy(for model: Model) throws -> ExitPolicy? {
        let chosen = try ChosenThresholds.of(model, file: thresholds, budget: budget)
        guard chosen != nil || !(model.module is any HasExits) else {
            throw Failure(
                "model '\(model.plugin.name)' ships without thresholds: give --thresholds FILE")
        }
        return chosen?.policy
    }
}

/// What a network decided for some images.
struct Decisions {
    /// Stages, or places that decide.
    let columns: [String]
    /// `cells[image][column]` as in ``kinds``.
    let cells: [[Int?]]
    let kinds: [CellChart.Kind]
    let title: String
    /// The images' names.
    let names: [String]

    /// The number of different rows of ``cells``.
    var uniquePaths: Int { Set(cells).count }

    /// Throws for a network that decides nothing.
    init(
        of model: Model, _ images: LabelledImages, policy: ExitPolicy?, progress: ProgressLine
    ) throws {
        var exitTaken: [Int] = []
        var table: [String: [[Choice.Pick]]] = [:], sites: [String] = []
        for start in stride(from: 0, to: images.count, by: 50) {
            progress.show("\(model.plugin.name): image \(start) of \(images.count)")
            let range = start..<min(start + 50, images.count)
            let trace = DecisionTrace()
            let x = try Self.batch(model, images, range)
            if let policy, let network = (model.module as? any HasExits)?.exits {
                exitTaken += try trace.recording { try network.dynamic(x, policy: policy) }.exits
            } else {
                _ = try trace.recording { try model(x) }
            }
            for site in trace.sites where !sites.contains(site) { sites.append(site) }
            let found = trace.table
            for site in sites {
                let rows = found[site] ?? Array(repeating: [], count: range.count)
                var known = table[site] ?? Array(repeating: [], count: start)
                known += (0..<range.count).map { rows.indices.contains($0) ? rows[$0] : [] }
                table[site] = known
            }
        }
        let stages = policy == nil ? 0 : ((model.module as? any HasExits)?.exits.exitCount ?? 0)
        guard stages + sites.count > 0 else {
            throw Failure("model '\(model.plugin.name)' decided nothing for these images")
        }
        columns = (0..<stages).map { "stage \($0 + 1)" } + sites
        var most = 0
        cells = images.labels.indices.map { image in
            var row: [Int?] = []
            for stage in 0..<stages {
                let exit = exitTaken[image]
                row.append(stage < exit ? 1 : stage == exit ? 2 : 0)
            }
            for site in sites {
                let actions = table[site]?[image].map(\.action) ?? []
                most = max(most, actions.max() ?? 0)
                row.append(actions.isEmpty ? 0 : actions[0] == 0 ? 1 : 2 + actions[0])
            }
            return row
        }
        var kinds: [CellChart.Kind] = [
            .init("not run", .empty), .init(sites.isEmpty ? "run" : "run (part 1)", .series(0)),
            .init("run, left here", .series(1)),
        ]
        if most > 0 {
            kinds += (1...most).map { .init("part \($0 + 1)", .series($0 + 1)) }
        }
        self.kinds = kinds
        title = "\(model.plugin.name): \(images.summary)"
        names = images.labels.enumerated().map { index, label in
            let named = model.classNames.indices.contains(label)
            return "\(index) \(named ? model.classNames[label] : "class \(label)")"
        }
    }

    /// Images as one batch.
    static func batch(
        _ model: Model, _ images: LabelledImages, _ range: Range<Int>
    ) throws -> Tensor {
        var values: [Float] = []
        var shape = model.inputShape
        for index in range {
            let x = try model.input(from: images.image(index))
            shape = x.shape
            values += x.elements
        }
        shape[0] = range.count
        return try Tensor(values, shape: shape)
    }

    /// The picture of the first images.
    func chart(rows: Int) -> CellChart {
        CellChart(
            "\(title), \(uniquePaths) different ways", rows: Array(names.prefix(rows)),
            columns: columns, cells: Array(cells.prefix(rows)), kinds: kinds)
    }
}
