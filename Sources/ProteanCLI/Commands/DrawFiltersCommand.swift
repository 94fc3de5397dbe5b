import ArgumentParser
import CommandSupport
import Protean
import ProteanImage

/// `protean draw filters`: the filters that a layer predicted for every pixel.
struct DrawFiltersCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "filters",
        abstract: "Draw the filters that a layer predicts for every pixel.",
        discussion: #"""
            Runs a model or a layer on an image, or a layer on tensors from a file as `protean apply` \#
            does, and writes a PNG file with panels side by side. For filters: the image; the centre \#
            of mass of every pixel's filter, its direction as hue (red: right, then \#
            clockwise) and its distance from the middle as saturation; its spread, white for the \#
            widest. For a layer that chooses among filters: the image and the map of choices, one \#
            colour each. Taps count by their absolute value.

            Examples:
              protean draw filters rednet26 --weights w.pth --image cat.jpg --list
              protean draw filters rednet26 --weights w.pth --image cat.jpg --output cat.png
              protean draw filters CARAFEUpsample --weights layer.safetensors \
                --config '{"channels": 3, "scale_factor": 2}' --image cat.jpg --output cat.png
              protean draw filters RegionAwareConv2d --weights layer.safetensors \
                --config '{"in_channels": 16, "out_channels": 32, "kernel_size": 3}' --input in.safetensors \
                --output regions.png
            """#)

    @OptionGroup var recorded: RecordedRun

    @Option(
        help: "The PNG file to write; - for standard output, without the table.",
        transform: OptionValue.binaryOutput)
    var output: String?

    @Option(help: "The path of the layer (default: the last one that runs).")
    var layer: String?

    @Option(
        parsing: .unconditional, help: "The group of channels.",
        transform: OptionValue.wholeNumber(0 ... .max))
    var group = 0

    @Option(
        parsing: .unconditional, help: "The image of the batch.",
        transform: OptionValue.wholeNumber(0 ... .max))
    var sample = 0

    @Flag(help: "List the layers that predicted filters, and draw nothing.")
    var list = false

    @OptionGroup var runtime: RuntimeOptions

    func validate() throws {
        guard list || output != nil else { throw ValidationError("Give --output or --list.") }
    }

    func run() throws {
        try runtime.with {
            if let output, !list { try OutputFile.check(output) }
            let record = FilterRecord()
            let picture = try record.recording { try recorded() }
            guard !record.entries.isEmpty else {
                throw Failure(
                    "'\(recorded.model.model)' has no layer that predicts filters and ran")
            }
            if list { return try Self.print(record.entries) }
            guard let output else { return }
            try draw(try chosen(record.entries), beside: picture, to: output)
        }
    }

    private func chosen(_ entries: [FilterRecord.Entry]) throws -> FilterRecord.Entry {
        guard let layer else { return entries[entries.count - 1] }
        guard let found = entries.last(where: { $0.path == layer }) else {
            throw ProteanError.unknownName(
                kind: "layer with filters", name: layer, known: entries.map(\.path))
        }
        return found
    }

    private func draw(
        _ entry: FilterRecord.Entry, beside image: Image?, to path: String
    ) throws {
        guard sample < entry.outputShape[0] else {
            throw ProteanError.invalidOption(
                layer: entry.path, option: "sample", expected: "0..<\(entry.outputShape[0])",
                found: "\(sample)")
        }
        let panels = try FilterPicture(entry, sample: sample, group: group)
        try panels.image(beside: image).writePNG(to: path)
        guard path != OptionValue.standardOutput else { return }
        try Standard.print(
            "\(entry.path): input \(Text.shape(entry.inputShape)), output "
                + "\(Text.shape(entry.outputShape)); in pixels of its input")
        try panels.table.print(indent: "  ")
        try Standard.print("  \(path)")
    }

    private static func print(_ entries: [FilterRecord.Entry]) throws {
        var table = Table([
            ("layer", .left), ("predicts", .left), ("input", .left), ("output", .left),
        ])
        for entry in entries {
            table.add(
                entry.path, entry.content.summary, Text.shape(entry.inputShape),
                Text.shape(entry.outputShape))
        }
        try table.print()
    }
}

extension FilterRecord.Content {
    fileprivate var summary: String {
        switch self {
        case .filters(_, let kernelSize, _, let groups):
            "\(kernelSize) filters, " + (groups == 1 ? "1 group" : "\(groups) groups")
        case .regions(_, let count): "1 of \(count) filters"
        }
    }
}
