import ArgumentParser
import ProteanCatalogue

/// `protean-scaffold LAYER --family F`: the files of a new layer.
struct LayerCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "layer",
        abstract: "Make the files of a new layer, in the folders of its family.",
        discussion: """
            What is made compiles and says by the word SCAFFOLD what has to be completed; tests fail \
            until none is left. No file is replaced.

            Example: protean-scaffold SimAM --family Attention
            """)

    @Argument(help: "The layer's Swift type, such as SimAM.")
    var layer: String

    @Option(
        help: ArgumentHelp(
            "The family: \(LayerFamily.allCases.map(\.rawValue).joined(separator: ", ")).",
            valueName: "name"))
    var family: LayerFamily

    @Option(
        help: ArgumentHelp(
            "The name in snake case, where that of the type's capitals is ugly: roi_align.",
            valueName: "name"))
    var stem: String?

    @Flag(help: "A kernel in C, too, with its operation.")
    var kernel = false

    @Option(help: ArgumentHelp("The repository.", valueName: "folder"))
    var root = "."

    func run() throws {
        let names = try LayerNames(layer, family: family, stem: stem)
        let repository = try Repository(root)
        let files = try LayerFiles(names, kernel: kernel, in: repository)
        try files.write(to: repository)
        print("made")
        for file in files.new { print("  \(file.path)") }
        print("one more entry in")
        for file in files.changed { print("  \(file.path)") }
        print("left to do")
        for (index, step) in files.steps.enumerated() { print("  \(index + 1). \(step)") }
    }
}

extension LayerFamily: ExpressibleByArgument {}
