import ArgumentParser
import ProteanCatalogue

/// `protean-scaffold readme`: the table of layers in README.md.
struct ReadmeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "readme",
        abstract: "Write the table of layers in README.md from the catalogue.")

    @Option(help: ArgumentHelp("The repository.", valueName: "folder"))
    var root = "."

    func run() throws {
        let repository = try Repository(root)
        let old = try repository.text("README.md")
        let new = try LayerTable.replaced(in: old, entries: LayerCatalogue.entries)
        guard new != old else { return print("README.md is up to date") }
        try repository.write(new, to: "README.md")
        print("README.md has a new table of layers")
    }
}
