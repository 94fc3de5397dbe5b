import ArgumentParser
import CommandSupport
import Protean
import ProteanModels

/// `protean info`: the content of a weight file or a model.
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

    @OptionGroup var keys: KeyOptions

    @Flag(help: "Print JSON.")
    var json = false

    func run() throws {
        guard !subject.isEmpty else { throw Failure("the path or model's name is empty") }
        let kind = PathBytes.kind(of: subject)
        let exists = kind != nil
        if exists, kind != .directory {
            let checkpoint = try Checkpoint.open(
                subject, formats: ModelLoader.standard.formats, selection: keys.selection)
            KeyOptions.say(checkpoint.notes)
            let report = try FileReport(checkpoint, under: keys.prefix)
            return json ? try Standard.json(report) : try report.print(all: keys.all)
        }
        let loader = ModelLoader.standard
        let isPath = subject.contains("/") || subject.contains(".")
        guard exists || !isPath || loader.registry.names.contains(subject) else {
            throw ProteanError.fileAccess(file: subject, reason: "No such file or directory")
        }
        guard exists || !keys.isGiven else {
            throw Failure(
                "--prefix and --container say how a file is read: \(subject) is no file")
        }
        let made = try keys.explaining {
            try exists
                ? loader.load(subject, prefix: keys.prefix, container: keys.container)
                : loader.makeModel(subject)
        }
        KeyOptions.say(made.notes)
        let report = try ModelReport(made)
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
    /// Number of values in all tensors except batch norms' statistics and counters.
    let parameters: Int
    /// Number of values in batch norms' statistics and counters; a file does not distinguish other
    /// buffers from parameters.
    let buffers: Int
    let bytes: Int
    let metadata: [String: String]
    /// The common prefix of all names, with its dots; may be empty.
    let prefix: String
    /// Other objects in the file, by path, with their types; they are listed, never constructed.
    let otherObjects: [String: String]

    init(_ checkpoint: Checkpoint, under chosen: String?) throws {
        let start = chosen ?? ""
        let found = checkpoint.names.compactMap { name in
            name.utf8.starts(with: start.utf8) ? checkpoint[name].map { (name, $0) } : nil
        }
        guard !found.isEmpty || start.isEmpty else {
            throw Failure("\(checkpoint.source): no name begins with '\(start)'")
        }
        file = checkpoint.source
        format = checkpoint.format
        tensors = found.map { name, tensor in
            Entry(
                name: name, type: tensor.type.rawValue, shape: tensor.shape,
                parameters: tensor.count)
        }
        let all = found.reduce(0) { $0 + $1.1.count }
        buffers = found.reduce(0) { $0 + (BatchNorm2d.isBuffer($1.0) ? $1.1.count : 0) }
        parameters = all - buffers
        bytes = found.reduce(0) { $0 + $1.1.byteCount }
        metadata = checkpoint.metadata
        prefix = checkpoint.commonPrefix
        otherObjects = Dictionary(
            checkpoint.otherObjects.map { ($0.path, $0.typeName) },
            uniquingKeysWith: { first, _ in first })
    }

    /// `all`: every other object by name, not only the first few.
    func print(all: Bool) throws {
        try Standard.print(
            "\(file): \(format), \(tensors.count) tensors, "
                + "\(Text.counts(parameters, buffers)), \(Text.grouped(bytes)) bytes")
        for (name, text) in metadata.sorted(by: { $0.key < $1.key }) {
            try Standard.print("  \(name.escaped): \(text.escaped)")
        }
        try printOtherObjects(all ? otherObjects.count : 5)
        if !prefix.isEmpty {
            try Standard.print("  every name begins with `\(prefix.escaped)`")
        }
        guard !tensors.isEmpty else { return }
        var table = Table([
            ("tensor", .left), ("type", .left), ("shape", .left), ("numbers", .right),
        ])
        for tensor in tensors {
            table.add(
                tensor.name, tensor.type, Text.shape(tensor.shape), Text.grouped(tensor.parameters))
        }
        try table.print(indent: "  ")
    }

    private func printOtherObjects(_ most: Int) throws {
        guard !otherObjects.isEmpty else { return }
        let named = otherObjects.sorted { $0.key < $1.key }.prefix(most).map {
            "\($0.key.escaped) (\($0.value.escaped))"
        }
        let more = otherObjects.count - named.count
        try Standard.print(
            "  beside the tensors: " + named.joined(separator: ", ")
                + (more > 0 ? " and \(more) more (--all names them)" : ""))
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
        let buffers: Int
        let multiplyAdds: Int
    }

    let model: String
    let summary: String
    let weights: String
    let input: [Int]
    let output: [Int]
    let layers: [Entry]
    let parameters: Int
    let buffers: Int
    let multiplyAdds: Int

    init(_ made: Model) throws {
        model = made.plugin.name
        summary = made.plugin.summary
        weights = made.source
        input = made.inputShape
        let trace = try made.trace(for: input)
        layers = trace.events.map {
            Entry(
                path: $0.path, layer: $0.layer, input: $0.inputShape, output: $0.outputShape,
                parameters: $0.cost.parameters, buffers: $0.cost.buffers,
                multiplyAdds: $0.cost.multiplyAdds)
        }
        output = try made.outputShape(for: input)
        parameters = made.parameterCount
        buffers = made.bufferCount
        multiplyAdds = trace.totalCost.multiplyAdds
    }

    func print() throws {
        try Standard.print("\(model): \(summary)")
        try Standard.print(
            "  input \(Text.shape(input)), output \(Text.shape(output)), "
                + "\(Text.counts(parameters, buffers)), "
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
