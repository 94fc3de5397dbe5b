import ArgumentParser
import CommandSupport

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
            with 64. PROTEAN_NUM_THREADS and PROTEAN_ISA set defaults for --threads and --isa. \
            An output file is replaced as a whole or not at all; - is standard output.
            """,
        subcommands: [
            RunCommand.self, DemoCommand.self, InfoCommand.self, ApplyCommand.self,
            BenchCommand.self, PluginsCommand.self, UpscaleCommand.self, DrawCommand.self,
            ExitsCommand.self, CurveCommand.self,
        ])

    static func main() {
        CommandProcess.run(Self.self, name: "protean", arguments: ApplyCommand.withLayerHelp)
    }
}
