import ArgumentParser

/// `protean draw`: pictures of what a dynamic network decided.
struct DrawCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "draw",
        abstract: "Draw what a dynamic network decided for an image.",
        subcommands: [DrawMaskCommand.self])
}
