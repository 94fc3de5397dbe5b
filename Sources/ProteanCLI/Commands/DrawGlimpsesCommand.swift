import ArgumentParser
import CommandSupport
import Protean
import ProteanImage
import ProteanModels

/// `protean draw glimpses`: the parts of an image that a network looked at.
struct DrawGlimpsesCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "glimpses",
        abstract: "Draw the parts of an image that a network looks at, in their order.",
        discussion: """
            Examples:
              protean draw glimpses ram_mnist --weights ram.pth --image seven.png \\
                  --output seven-glimpses.png
              protean draw glimpses ram_mnist --weights ram.pth --image seven.png --list

            Frames over the network's input: the first one red, then orange, green, blue and violet; \
            lines join their centres. Several crops around one centre are several frames.
            """)

    @OptionGroup var model: ModelOptions

    @Option(help: "The image that the network runs on.", transform: OptionValue.path)
    var image: String

    @Option(
        help: "The PNG file to write; - for standard output.", transform: OptionValue.binaryOutput)
    var output: String?

    @Flag(help: "List the regions and draw nothing.")
    var list = false

    @Option(
        parsing: .unconditional,
        help: "Pixels per pixel of the input (default: a picture of about 400).",
        transform: OptionValue.wholeNumber(1...64))
    var scale: Int?

    @OptionGroup var images: ImageOptions

    @OptionGroup var runtime: RuntimeOptions

    func validate() throws {
        guard list != (output != nil) else {
            throw ValidationError("Give either --output or --list.")
        }
    }

    func run() throws {
        try runtime.with {
            if let output { try OutputFile.check(output) }
            let model = try model.load(untrained: false)
            guard let preprocessing = model.preprocessing else {
                throw Failure("model '\(model.plugin.name)' does not take images")
            }
            let x = try model.input(from: images.read(image))
            let record = GlimpseRecord()
            let progress = ProgressLine()
            progress.show("\(model.plugin.name) runs")
            _ = try record.recording { try model(x) }
            progress.clear()
            let glimpses = Self.glimpses(of: record, on: x)
            guard !glimpses.isEmpty else {
                throw Failure("model '\(model.plugin.name)' looks at no parts of its input")
            }
            if list { return try Self.print(glimpses) }
            guard let output else { return }
            let seen = try Image(unprepared: x, preprocessing)
            let factor = scale ?? max(1, 400 / max(seen.width, seen.height))
            var picture = GlimpsePicture(canvas: try Canvas(seen.rgb, scale: factor))
            for glimpse in glimpses { picture.add(glimpse) }
            try picture.canvas.image.writePNG(to: output)
        }
    }

    /// The regions of the first row, in pixels of the network's input.
    static func glimpses(of record: GlimpseRecord, on x: Tensor) -> [GlimpsePicture.Frame] {
        var frames: [GlimpsePicture.Frame] = []
        for (step, entry) in record.entries.enumerated() {
            guard let index = entry.rows.rows.firstIndex(of: 0), entry.mapSize.height > 0,
                entry.mapSize.width > 0
            else { continue }
            let down = Double(x.shape[1]) / Double(entry.mapSize.height)
            let across = Double(x.shape[2]) / Double(entry.mapSize.width)
            frames += entry.regions[index].map { region in
                GlimpsePicture.Frame(
                    step: step, layer: entry.layer, top: Double(region.row) * down,
                    left: Double(region.column) * across,
                    height: Double(region.size.height) * down,
                    width: Double(region.size.width) * across)
            }
        }
        return frames
    }

    private static func print(_ frames: [GlimpsePicture.Frame]) throws {
        var table = Table([
            ("step", .right), ("layer", .left), ("top", .right), ("left", .right),
            ("height", .right), ("width", .right),
        ])
        for frame in frames {
            table.add(
                ["\(frame.step + 1)", frame.layer]
                    + [frame.top, frame.left, frame.height, frame.width].map { Text.fixed($0, 1) })
        }
        try table.print()
    }
}

/// Regions drawn over a network's input.
struct GlimpsePicture {
    /// A region, in pixels of the input.
    struct Frame: Equatable {
        /// From 0.
        let step: Int
        let layer: String
        let top, left, height, width: Double
    }

    private(set) var canvas: Canvas
    private var last: (x: Double, y: Double)?

    private static let colors: [Canvas.Color] = [
        .init(230, 60, 60), .init(240, 160, 20), .init(40, 170, 80), .init(60, 110, 240),
        .init(170, 70, 200), .init(20, 170, 190),
    ]
    private static let white = Canvas.Color(255, 255, 255)

    init(canvas: Canvas) { self.canvas = canvas }

    /// Draws a frame, and a line from the centre of the one before.
    mutating func add(_ frame: Frame) {
        let color = Self.colors[frame.step % Self.colors.count]
        // Position 0 is the centre of the first pixel, so its edge is at -0.5.
        let (left, top) = (frame.left - 0.5, frame.top - 0.5)
        let (right, bottom) = (left + frame.width, top + frame.height)
        let corners = [(left, top), (right, top), (right, bottom), (left, bottom)]
        for (thickness, shade) in [(4.0, Self.white), (2.0, color)] {
            for (index, corner) in corners.enumerated() {
                let next = corners[(index + 1) % 4]
                canvas.line(
                    x: corner.0, y: corner.1, toX: next.0, toY: next.1, thickness: thickness, shade)
            }
        }
        let center = ((left + right) / 2, (top + bottom) / 2)
        if let last {
            canvas.line(
                x: last.x, y: last.y, toX: center.0, toY: center.1, thickness: 1.5, color)
        }
        canvas.disc(x: center.0, y: center.1, radius: 4, Self.white)
        canvas.disc(x: center.0, y: center.1, radius: 3, color)
        last = center
    }
}

extension Image {
    /// A network's input as an image again: value · deviation + mean.
    fileprivate init(unprepared x: Tensor, _ preprocessing: ImagePreprocessing) throws {
        let channels = x.shape[3], values = x.elements
        let (mean, deviation) = (preprocessing.mean, preprocessing.deviation)
        guard mean.count == channels, deviation.count == channels else {
            throw Failure("the network's input has \(channels) channels, and is no image")
        }
        let pixels = values.indices.map { index in
            let channel = index % channels
            let value = (values[index] * deviation[channel] + mean[channel]) * 255
            return UInt8(max(0, min(255, value.rounded())))
        }
        try self.init(width: x.shape[2], height: x.shape[1], channels: channels, pixels: pixels)
    }
}
