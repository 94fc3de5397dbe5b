import ArgumentParser
import CommandSupport
import Protean
import ProteanModels

/// `protean info`: what a weight file or a model holds.
struct InfoCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "info",
        abstract: "Describe a weight file or a model.",
        discussion: """
            A path that exists is a weight file (or a model's directory); anything else is a \
            model's name.

            Examples:
              protean info weights.safetensors
              protean info mobilenet_v2
              protean info mobilenet_v2 --json
            """)

    @Argument(
        help: "A weight file, a directory with config.json, or a model's name.",
        transform: OptionValue.path)
    var subject: String

    @Flag(help: "Print JSON.")
    var json = false

    func run() throws {
        let kind = PathBytes.kind(of: subject)
        let exists = kind != nil
        if exists, kind != .directory {
            let report = FileReport(
                try Checkpoint.open(subject, formats: ModelLoader.standard.formats))
            return json ? try Standard.json(report) : try report.print()
        }
        let loader = ModelLoader.standard
        let isPath = subject.contains("/") || subject.contains(".")
        guard exists || !isPath || loader.registry.names.contains(subject) else {
            throw ProteanError.fileAccess(file: subject, reason: "No such file or directory")
        }
        let report = try ModelReport(
            exists ? loader.load(subject) : loader.makeModel(subject))
        json ? try Standard.json(report) : try report.print()
    }
}

/// A weight file's tensors.
private struct FileReport: Encodable {
    struct Entry: Encodable {
        let name: String
        let type: String
        let shape: [Int]
        let parameters: Int
    }

    let file: String
    let format: String
    let tensors: [Entry]
    let parameters: Int
    let bytes: Int
    let metadata: [String: String]

    init(_ checkpoint: Checkpoint) {
        let found = checkpoint.names.compactMap { name in checkpoint[name].map { (name, $0) } }
        file = checkpoint.source
        format = checkpoint.format
        tensors = found.map { name, tensor in
            Entry(
                name: name, type: tensor.type.rawValue, shape: tensor.shape,
                parameters: tensor.count)
        }
        parameters = found.reduce(0) { $0 + $1.1.count }
        bytes = found.reduce(0) { $0 + $1.1.byteCount }
        metadata = checkpoint.metadata
    }

    func print() throws {
        try Standard.print(
            "\(file): \(format), \(tensors.count) tensors, "
                + "\(Text.grouped(parameters)) parameters, \(Text.grouped(bytes)) bytes")
        for (name, text) in metadata.sorted(by: { $0.key < $1.key }) {
            try Standard.print("  \(name): \(text)")
        }
        guard !tensors.isEmpty else { return }
        var table = Table([
            ("tensor", .left), ("type", .left), ("shape", .left), ("parameters", .right),
        ])
        for tensor in tensors {
            table.add(
                tensor.name, tensor.type, Text.shape(tensor.shape), Text.grouped(tensor.parameters))
        }
        try table.print(indent: "  ")
    }
}

/// A model's layers for an input of its declared shape.
private struct ModelReport: Encodable {
    struct Entry: Encodable {
        let path: String
        let layer: String
        let input: [Int]
        let output: [Int]
        let parameters: Int
        let multiplyAdds: Int
    }

    let model: String
    let summary: String
    let weights: String
    let input: [Int]
    let output: [Int]
    let layers: [Entry]
    let parameters: Int
    let multiplyAdds: Int

    init(_ made: Model) throws {
        model = made.plugin.name
        summary = made.plugin.summary
        weights = made.source
        input = made.plugin.inputShape
        let trace = try made.trace(for: input)
        layers = trace.events.map {
            Entry(
                path: $0.path, layer: $0.layer, input: $0.inputShape, output: $0.outputShape,
                parameters: $0.cost.parameters, multiplyAdds: $0.cost.multiplyAdds)
        }
        output = try made.outputShape(for: input)
        parameters = made.parameterCount
        multiplyAdds = trace.totalCost.multiplyAdds
    }

    func print() throws {
        try Standard.print("\(model): \(summary)")
        try Standard.print(
            "  input \(Text.shape(input)), output \(Text.shape(output)), "
                + "\(Text.grouped(parameters)) parameters, "
                + "\(Text.grouped(multiplyAdds)) multiply-adds")
        try Standard.print("  weights: \(weights)")
        var table = Table([
            ("path", .left), ("layer", .left), ("output", .left), ("parameters", .right),
            ("multiply-adds", .right),
        ])
        for layer in layers {
            table.add(
                layer.path, layer.layer, Text.shape(layer.output), Text.grouped(layer.parameters),
                Text.grouped(layer.multiplyAdds))
        }
        try table.print(indent: "  ")
    }
}
