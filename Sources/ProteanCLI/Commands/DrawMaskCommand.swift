import ArgumentParser
import CommandSupport
import Protean
import ProteanImage
import ProteanModels

/// `protean draw mask`: the pixels at which a network computed.
struct DrawMaskCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "mask",
        abstract: "Draw the pixels at which a network's masked layers compute.",
        discussion: """
            Examples:
              protean draw mask smsr_x2 --weights SMSR_X2.pt --image a.png --list
              protean draw mask smsr_x2 --weights SMSR_X2.pt --image a.png \\
                  --layer body.0.body.body.1 --output mask.png

            White pixels are computed, black ones are skipped. --overlay darkens the skipped pixels of \
            the image instead.
            """)

    @OptionGroup var model: ModelOptions

    @Option(help: "The image that the network runs on.", transform: OptionValue.path)
    var image: String

    @Option(help: "The layer whose mask is drawn; see --list. Default: the first.")
    var layer: String?

    @Option(
        help: "The PNG file to write; - for standard output.", transform: OptionValue.binaryOutput)
    var output: String?

    @Flag(help: "List the layers that had a mask, with their densities, and draw nothing.")
    var list = false

    @Flag(help: "Draw the image with its skipped pixels darkened.")
    var overlay = false

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
            let picture = try images.read(image)
            let trace = Trace()
            let progress = ProgressLine()
            progress.show("\(model.plugin.name) runs")
            _ = try trace.recording { try model(try model.input(from: picture)) }
            progress.clear()
            let masks = Self.masks(of: trace)
            guard let first = masks.first else {
                throw Failure("model '\(model.plugin.name)' has no layer with a mask")
            }
            if list { return try Self.print(masks) }
            let found = layer.map { name in masks.first { $0.layer == name } } ?? first
            guard let found, let output else {
                throw Failure(
                    "no layer '\(layer ?? "")' with a mask in '\(model.plugin.name)'; --list shows "
                        + "those there are")
            }
            let part = Self.part(of: found.mask, over: picture, model, trace)
            try
                (overlay
                ? picture.darkened(outside: found.mask, part: part)
                : Image(Self.crop(found.mask.mask(), to: part), 255))
                .writePNG(to: output)
        }
    }

    /// The part of a mask that covers the image: all of it, unless the network padded the image,
    /// which the shape of its first layer's input shows.
    private static func part(
        of mask: MaskPlan, over picture: Image, _ model: Model, _ trace: Trace
    ) -> Size2d {
        guard model.plugin.enlargement != nil, let seen = trace.events.first?.inputShape,
            seen.count == 4, seen[1] >= picture.height, seen[2] >= picture.width
        else { return mask.size }
        return Size2d(
            height: (mask.size.height * picture.height + seen[1] - 1) / seen[1],
            width: (mask.size.width * picture.width + seen[2] - 1) / seen[2])
    }

    private static func crop(_ mask: Tensor, to part: Size2d) throws(ProteanError) -> Tensor {
        try Operations.crop(mask, height: part.height, width: part.width)
    }

    /// The masks of all layers, each layer once, in the order in which they ran.
    private static func masks(of trace: Trace) -> [(layer: String, mask: MaskPlan)] {
        var seen: Set<String> = []
        return trace.events.compactMap { event in
            guard let mask = event.mask, seen.insert(event.path).inserted else { return nil }
            return (event.path, mask)
        }
    }

    private static func print(_ masks: [(layer: String, mask: MaskPlan)]) throws {
        var table = Table([("layer", .left), ("size", .right), ("density", .right)])
        for (layer, mask) in masks {
            table.add(
                layer, "\(mask.size.height) x \(mask.size.width)", Text.percent(mask.density))
        }
        try table.print()
    }
}

extension Image {
    /// Numbers 0...1 as grey.
    fileprivate init(_ map: Tensor, _ white: Float) throws(ProteanError) {
        let pixels = map.elements.map { UInt8(max(0, min(white, $0 * white))) }
        try self.init(width: map.shape[2], height: map.shape[1], channels: 1, pixels: pixels)
    }

    /// The image with pixels darkened where the mask is not active; the upper left `part` of the mask is
    /// spread over the image.
    fileprivate func darkened(
        outside mask: MaskPlan, part: Size2d
    ) throws(ProteanError) -> Image {
        let flags = try mask.mask().elements
        var pixels = rgb.pixels
        for y in 0..<height {
            for x in 0..<width {
                let row = y * part.height / height, column = x * part.width / width
                guard flags[row * mask.size.width + column] == 0 else { continue }
                for at in (y * width + x) * 3..<(y * width + x) * 3 + 3 { pixels[at] /= 4 }
            }
        }
        return try Image(width: width, height: height, channels: 3, pixels: pixels)
    }
}
