import ArgumentParser
import CommandSupport
import Protean
import ProteanModels

/// `protean plugins`: the models and formats that this build can load, and its runtime settings.
struct PluginsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "plugins",
        abstract: "List models, file formats, instruction sets and threads.",
        discussion: """
            Examples:
              protean plugins
              protean plugins --json
            """)

    @Flag(help: "Print JSON.")
    var json = false

    @OptionGroup var runtime: RuntimeOptions

    private struct Entry: Encodable {
        let name: String
        let summary: String
        let input: [Int]
        let embedded: Bool
        let images: Bool
    }

    private struct Report: Encodable {
        let models: [Entry]
        let formats: [String]
        let isas: [String]
        let isa: String
        let threads: Int
    }

    func run() throws {
        let report = try runtime.with { try Self.report() }
        if json { return try Standard.json(report) }
        try Standard.print("models")
        if report.models.isEmpty { try Standard.print("  none") }
        var table = Table([
            ("", .left), ("", .left), ("", .left), ("", .left),
        ])
        for entry in report.models {
            table.add(
                entry.name, Text.shape(entry.input), entry.embedded ? "embedded" : "",
                entry.summary)
        }
        try table.print(indent: "  ")
        try Standard.print("weight file formats  \(report.formats.joined(separator: ", "))")
        try Standard.print(
            "instruction sets     \(report.isas.joined(separator: ", ")); active: \(report.isa)")
        try Standard.print("threads              \(report.threads)")
    }

    private static func report() throws -> Report {
        let loader = ModelLoader.standard
        return Report(
            models: loader.registry.plugins.map {
                Entry(
                    name: $0.name, summary: $0.summary, input: $0.inputShape,
                    embedded: $0.embeddedWeights != nil, images: $0.preprocessing != nil)
            },
            formats: loader.formats.map(\.name), isas: KernelISA.supported.map(\.rawValue),
            isa: try Runtime.isa().rawValue, threads: try Runtime.threads())
    }
}
