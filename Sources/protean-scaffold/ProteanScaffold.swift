import ArgumentParser

/// The command `protean-scaffold`: files of a new layer, and the table in README.md.
@main struct ProteanScaffold: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "protean-scaffold",
        abstract: "Make the files of a new layer, or bring README.md's table of layers up to date.",
        subcommands: [LayerCommand.self, ReadmeCommand.self],
        defaultSubcommand: LayerCommand.self)
}
