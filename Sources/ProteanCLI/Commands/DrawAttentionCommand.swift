import ArgumentParser
import CommandSupport
import Protean
import ProteanImage

/// `protean draw attention`: the gates by which an attention layer multiplied its map.
struct DrawAttentionCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "attention",
        abstract: "Draw the gates by which an attention layer multiplies its map.",
        discussion: #"""
            Runs a model or a layer on an image, or a layer on tensors from a file as `protean apply` \#
            does, and writes a PNG file with panels side by side: the image; where gates differ \#
            between pixels, a heat map over the image, blue for the smallest gate, red for the \#
            largest; where they differ between channels, a bar for each, up to its gate, the upper \#
            edge 1 or the largest gate. Gates per element are shown both ways, by their means.

            Examples:
              protean draw attention rlfn_x4 --weights w.pth --image cat.jpg --list
              protean draw attention rlfn_x4 --weights w.pth --image cat.jpg --layer B2.esa \
                --output cat.png
              protean draw attention SqueezeExcitation --weights layer.safetensors \
                --config '{"variant": "linear", "channel": 16}' --input in.safetensors \
                --output gates.png
            """#)

    @OptionGroup var recorded: RecordedRun

    @Option(
        help: "The PNG file to write; - for standard output, without the table.",
        transform: OptionValue.binaryOutput)
    var output: String?

    @Option(help: "The path of the layer (default: the last one that runs).")
    var layer: String?

    @Option(
        parsing: .unconditional, help: "The image of the batch.",
        transform: OptionValue.wholeNumber(0 ... .max))
    var sample = 0

    @Flag(help: "List the layers that computed gates, and draw nothing.")
    var list = false

    @OptionGroup var runtime: RuntimeOptions

    func validate() throws {
        guard list || output != nil else { throw ValidationError("Give --output or --list.") }
    }

    func run() throws {
        try runtime.with {
            if let output, !list { try OutputFile.check(output) }
            let record = AttentionRecord()
            let picture = try record.recording { try recorded() }
            guard !record.entries.isEmpty else {
                throw Failure("'\(recorded.model.model)' has no layer with gates that ran")
            }
            if list { return try Self.print(record.entries) }
            guard let output else { return }
            try draw(try chosen(record.entries), beside: picture, to: output)
        }
    }

    /// The gates of the chosen layer's last application: several entries if it has gates of several
    /// kinds.
    private func chosen(
        _ entries: [AttentionRecord.Entry]
    ) throws -> [AttentionRecord.Entry] {
        let path = layer ?? entries[entries.count - 1].path
        var found: [AttentionRecord.Entry] = []
        for entry in entries where entry.path == path {
            found.removeAll { $0.kind == entry.kind }
            found.append(entry)
        }
        guard !found.isEmpty else {
            throw ProteanError.unknownName(
                kind: "layer with gates", name: path, known: entries.map(\.path))
        }
        return found
    }

    private func draw(
        _ entries: [AttentionRecord.Entry], beside image: Image?, to path: String
    ) throws {
        let map = entries[0].inputShape
        var row = PanelRow(height: map[1], width: map[2], beside: image)
        var tables: [Table] = []
        for entry in entries {
            guard sample < entry.inputShape[0] else {
                throw ProteanError.invalidOption(
                    layer: entry.path, option: "sample", expected: "0..<\(entry.inputShape[0])",
                    found: "\(sample)")
            }
            let panels = try AttentionPanels(entry, sample: sample)
            panels.add(to: &row, over: image)
            tables.append(panels.table)
        }
        try row.image().writePNG(to: path)
        guard path != OptionValue.standardOutput else { return }
        for (entry, table) in zip(entries, tables) {
            try Standard.print(
                "\(entry.path): map \(Text.shape(entry.inputShape)), gates "
                    + "\(Text.shape(entry.gates.shape))")
            try table.print(indent: "  ")
        }
        try Standard.print("  \(path)")
    }

    private static func print(_ entries: [AttentionRecord.Entry]) throws {
        var table = Table([("layer", .left), ("gates", .left), ("map", .left)])
        for entry in entries {
            table.add(entry.path, entry.kind, Text.shape(entry.inputShape))
        }
        try table.print()
    }
}

extension AttentionRecord.Entry {
    /// What shares a gate.
    fileprivate var kind: String {
        switch (gates.shape[1] * gates.shape[2] > 1, gates.shape[3] > 1) {
        case (false, _): "per channel"
        case (true, false): "per pixel"
        case (true, true): "per element"
        }
    }
}
