import ArgumentParser

/// The command `protean-fuzz`: random and hostile input against what must hold for all of it.
@main struct ProteanFuzz: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "protean-fuzz",
        abstract: "Random and hostile files and options for what Protean accepts from outside.",
        subcommands: FilesCommand.group + [LayersCommand.self])
}
