import ArgumentParser
import CommandSupport
import Protean
import ProteanImage

/// `protean draw offsets`: the sampling positions of a layer with displacements.
struct DrawOffsetsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "offsets",
        abstract: "Draw where a layer with displacements samples an image.",
        discussion: #"""
            Runs a model, or one deformable layer (the names and --config of `protean apply`: \#
            deformable convolutions, ActiveConv2d, DCNv3, DCNv4), on an image, and writes a PNG file: a square marks each chosen output position, lines lead \#
            from where a convolution would read to where the samples are taken, and the larger a \#
            dot, the more its sample counts. Positions of a map in the middle of a network are \#
            scaled to the image.

            Examples:
              protean draw offsets protean_deformable --image shoe.png --output offsets.png
              protean draw offsets resnet50_dcn --image cat.jpg --list
              protean draw offsets resnet50_dcn --weights w.pth --image cat.jpg \
                --layer layer3.5.conv2 --at 4,9 --at 10,2 --output cat.png
              protean draw offsets ModulatedDeformableConv2d --weights layer.safetensors \
                --config '{"in_channels": 3, "out_channels": 8, "kernel_size": 3, "padding": 1}' \
                --image cat.jpg --output cat.png
            """#)

    @OptionGroup var model: ModelOptions

    @Option(help: "The image, PNG or JPEG.", transform: OptionValue.path)
    var image: String

    @Option(
        help: "The PNG file to write; - for standard output, without the table.",
        transform: OptionValue.binaryOutput)
    var output: String?

    @Option(help: "The deformable layer's path (default: the last one that runs).")
    var layer: String?

    @Option(
        name: .customLong("at"), parsing: .unconditionalSingleValue,
        help: "An output position ROW,COLUMN, from 0; may be repeated (default: the middle).")
    var positions: [OutputPosition] = []

    @Option(
        parsing: .unconditional, help: "The group of displacements.",
        transform: OptionValue.wholeNumber(0 ... .max))
    var group = 0

    @Option(
        parsing: .unconditional,
        help: "Pixels of the picture per pixel of the image (default: about 500 in all).",
        transform: OptionValue.wholeNumber(1 ... .max))
    var scale: Int?

    @Flag(help: "List the deformable layers that run, and draw nothing.")
    var list = false

    @OptionGroup var images: ImageOptions

    @OptionGroup var runtime: RuntimeOptions

    func validate() throws {
        guard list || output != nil else { throw ValidationError("Give --output or --list.") }
    }

    func run() throws {
        try runtime.with {
            if let output, !list { try OutputFile.check(output) }
            let source = try OffsetSource.named(by: model)
            let (window, input) = try source.prepare(images.read(image))
            let record = SamplingRecord()
            let progress = ProgressLine()
            progress.show("\(model.model) runs")
            _ = try record.recording { try source.network(input) }
            progress.clear()
            guard !record.entries.isEmpty else {
                throw Failure("'\(model.model)' has no layer with displacements that ran")
            }
            if list { return try Self.print(record.entries) }
            guard let output else { return }
            try draw(try chosen(record.entries), over: window, to: output)
        }
    }

    private func chosen(_ entries: [SamplingRecord.Entry]) throws -> SamplingRecord.Entry {
        guard let layer else { return entries[entries.count - 1] }
        guard let found = entries.last(where: { $0.path == layer }) else {
            throw ProteanError.unknownName(
                kind: "deformable layer", name: layer, known: entries.map(\.path))
        }
        return found
    }

    private func draw(
        _ entry: SamplingRecord.Entry, over window: Image, to path: String
    ) throws {
        let middle = OutputPosition(
            row: entry.outputShape[1] / 2, column: entry.outputShape[2] / 2)
        let longest = max(window.width, window.height)
        var picture = OffsetPicture(
            canvas: try Canvas(window, scale: scale ?? max(1, 500 / longest)),
            inputSize: (entry.inputShape[1], entry.inputShape[2]),
            imageSize: (window.height, window.width))
        var table = Table([
            ("output", .left), ("mean displacement", .right), ("largest", .right),
        ])
        for (index, at) in (positions.isEmpty ? [middle] : positions).enumerated() {
            let points = try entry.points(row: at.row, column: at.column, group: group)
            picture.add(points, color: index)
            let lengths = points.map(\.displacement)
            table.add(
                "\(at.row),\(at.column)",
                Text.fixed(lengths.reduce(0, +) / Double(max(lengths.count, 1)), 2),
                Text.fixed(lengths.max() ?? 0, 2))
        }
        try picture.canvas.image.writePNG(to: path)
        guard path != OptionValue.standardOutput else { return }
        try Standard.print(
            "\(entry.path): input \(Text.shape(entry.inputShape)), output "
                + "\(Text.shape(entry.outputShape)); displacements in pixels of its input")
        try table.print(indent: "  ")
        try Standard.print("  \(path)")
    }

    private static func print(_ entries: [SamplingRecord.Entry]) throws {
        var table = Table([
            ("layer", .left), ("kernel", .left), ("groups", .right), ("input", .left),
            ("output", .left),
        ])
        for entry in entries {
            table.add(
                entry.path, "\(entry.kernelSize)", "\(entry.offsetGroups)",
                Text.shape(entry.inputShape), Text.shape(entry.outputShape))
        }
        try table.print()
    }
}

/// A row and a column of an output.
struct OutputPosition: ExpressibleByArgument {
    let row: Int
    let column: Int

    init(row: Int, column: Int) {
        self.row = row
        self.column = column
    }

    init?(argument: String) {
        let parts = argument.split(separator: ",", omittingEmptySubsequences: false)
        guard parts.count == 2, let row = Int(parts[0]), let column = Int(parts[1]) else {
            return nil
        }
        self.init(row: row, column: column)
    }
}

extension SamplingRecord.Point {
    /// The distance of the sample from the position that an ordinary convolution would read.
    fileprivate var displacement: Double {
        let (dy, dx) = (Double(y) - Double(regularY), Double(x) - Double(regularX))
        return (dy * dy + dx * dx).squareRoot()
    }
}
