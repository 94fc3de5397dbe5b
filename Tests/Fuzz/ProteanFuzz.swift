import ArgumentParser

/// The command `protean-fuzz`: generated input against limits of time and memory.
@main struct ProteanFuzz: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "protean-fuzz",
        abstract: "Read generated hostile files within limits of time and memory.",
        subcommands: FilesCommand.group)
}
