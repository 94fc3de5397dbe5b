import ArgumentParser

/// Random and hostile inputs for what Protean accepts from outside.
@main struct ProteanFuzz: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "protean-fuzz",
        abstract: "Random and hostile inputs for what Protean accepts from outside.",
        subcommands: [LayersCommand.self])
}
