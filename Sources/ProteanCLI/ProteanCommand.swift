import ArgumentParser
import Foundation

/// The command `protean`.
@main struct ProteanCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "protean",
        abstract: "Dynamic neural networks on CPUs.",
        discussion: """
            Examples:
              protean demo
              protean run protean_tiny --image photo.png
              protean info weights.safetensors
              protean apply Conv2d --help

            Failures are one line on standard error and exit status 1; wrong arguments exit \
            with 64. PROTEAN_NUM_THREADS and PROTEAN_ISA set defaults for --threads and --isa.
            """,
        subcommands: [
            RunCommand.self, DemoCommand.self, InfoCommand.self, ApplyCommand.self,
            BenchCommand.self, PluginsCommand.self, DrawCommand.self,
        ])

    static func main() {
        let arguments = Array(CommandLine.arguments.dropFirst())
        do {
            var command = try parseAsRoot(ApplyCommand.withLayerHelp(arguments))
            try command.run()
        } catch {
            guard let line = Failure.line(for: error) else { exit(withError: error) }
            Standard.error("protean: \(line)")
            Foundation.exit(1)
        }
    }
}
