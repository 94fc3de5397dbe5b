import ArgumentParser
import CommandSupport
import Foundation
import Protean
import ProteanCatalogue

/// `protean apply`: run one layer on tensors from a file, to compare it with its reference.
struct ApplyCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "apply",
        abstract: "Run one layer on tensors from a file.",
        discussion: #"""
            Keys of --config are the reference constructor's arguments, weights have the \#
            reference's state_dict names and axis order, all files are safetensors. Every key \#
            and every weight must be used; nothing is written on failure.

            Examples:
              protean apply --list
              protean apply Conv2d --help
              protean apply MaxPool2d --config '{"kernel_size": 2}' \
                --input in.safetensors --output out.safetensors
              protean apply Linear --config '{"in_features": 8, "out_features": 2}' \
                --weights w.safetensors --input in.safetensors --output y.safetensors
              protean apply MaxPool2d --config '{"kernel_size": 2}' --input in.safetensors \
                --output - | sha256sum
            """#)

    @Argument(help: "The layer's type, such as Conv2d; see --list.")
    var layer: String?

    @Option(help: "The layer's configuration as a JSON object.")
    var config = "{}"

    @Option(
        help: "The layer's weights; not needed for a layer without parameters.",
        transform: OptionValue.path)
    var weights: String?

    @OptionGroup var keys: KeyOptions

    @Option(
        help: "The input tensors: x and what else the layer takes.", transform: OptionValue.path)
    var input: String?

    @Option(
        help: "The file to write: y and what else the layer gives; - for standard output.",
        transform: OptionValue.binaryOutput)
    var output: String?

    @Option(help: "Axis order of maps in the files: nchw or nhwc.")
    var layout = MapLayout.nchw

    @OptionGroup var runtime: RuntimeOptions

    @Flag(help: "Print every layer with its keys, inputs and weights.")
    var list = false

    @Flag(help: "Print one layer's keys, inputs and weights, as LAYER --help does.")
    var helpLayer = false

    /// Turns `apply LAYER --help` into `apply LAYER --help-layer`: the parser keeps `--help` for
    /// the command itself.
    static func withLayerHelp(_ arguments: [String]) -> [String] {
        guard arguments.count >= 3, arguments[0] == "apply", !arguments[1].hasPrefix("-") else {
            return arguments
        }
        return arguments.map { ["--help", "-h"].contains($0) ? "--help-layer" : $0 }
    }

    func validate() throws {
        if list { return }
        guard layer != nil else { throw ValidationError("Give a layer's type, or --list.") }
        if helpLayer { return }
        guard input != nil else { throw ValidationError("Give --input FILE.") }
        guard output != nil else { throw ValidationError("Give --output FILE.") }
    }

    func run() throws {
        if list {
            let pages = LayerCatalogue.entries.map { $0.help.joined(separator: "\n") }
            return try Standard.print(pages.joined(separator: "\n\n"))
        }
        guard let layer else { return }
        let entry = try LayerCatalogue.entry(named: layer)
        if helpLayer { return try Standard.print(entry.help.joined(separator: "\n")) }
        guard let input, let output else { return }
        let run = LayerRun(
            entry: entry, config: config, weights: weights, prefix: keys.prefix,
            container: keys.container, namesAllKeys: keys.all, input: input, output: output,
            layout: layout)
        try runtime.with { try run() }
    }
}
