import ArgumentParser
import CommandSupport
import Protean
import ProteanImage
import ProteanModels

/// `protean upscale`: enlarge images.
struct UpscaleCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "upscale",
        abstract: "Enlarge PNG or JPEG images with a super-resolution model.",
        discussion: """
            Examples:
              protean upscale smsr_x2 --weights SMSR_X2.pt --image small.png --output large.png
              protean upscale smsr_x2 --weights SMSR_X2.pt --image lr.png --reference hr.png

              protean upscale smsr_x2 --weights SMSR_X2.pt --image lr.png --reference hr.png \
                  --repeat 10 --against-dense

            With --reference the peak signal-to-noise ratio of the luma is printed, borders of the \
            enlargement's width left out. Images of any size are enlarged; networks that need an \
            even size get the last row or column twice, and that part of the result is cut off. Times are of the network alone, after one run that is \
            not counted, the median where they repeat. With --dense \
            every channel of sparse mask blocks is computed at all pixels, beside the masks: what \
            the same network would cost if nothing were left out; the picture is then another one. \
            With --against-dense both networks run in turns, and the median ratio is printed.
            """)

    @OptionGroup var model: ModelOptions

    @Option(help: "The image to enlarge.", transform: OptionValue.path)
    var image: String

    @Option(
        help: """
            Write the result to this PNG file; - for standard output, the line of figures then \
            goes to standard error.
            """, transform: OptionValue.binaryOutput)
    var output: String?

    @Option(
        help: "An image of the result's size to compare with.", transform: OptionValue.path)
    var reference: String?

    @Option(
        name: .customLong("repeat"), parsing: .unconditional, help: "How many runs to time.",
        transform: OptionValue.wholeNumber(1 ... .max))
    var repetitions = 1

    @Flag(help: "Leave nothing out and compute everything, to compare times.")
    var dense = false

    @Flag(help: "Time the network with everything computed too, in turns.")
    var againstDense = false

    @Flag(
        help: """
            Print JSON: file, width, height, milliseconds, multiply_adds, \
            executed_multiply_adds, psnr; with --against-dense dense_milliseconds and \
            time_ratio.
            """)
    var json = false

    @OptionGroup var images: ImageOptions

    @OptionGroup var runtime: RuntimeOptions

    func validate() throws {
        guard output != nil || reference != nil else {
            throw ValidationError("Give --output, --reference or both.")
        }
        guard !(dense && againstDense) else {
            throw ValidationError("Give --dense or --against-dense, not both.")
        }
        guard !json || output != OptionValue.standardOutput else {
            throw ValidationError("Give --json or --output -, not both: one standard output.")
        }
    }

    func run() throws {
        try runtime.with {
            if let output { try OutputFile.check(output) }
            let plugin = try model.plugin()
            guard let factor = plugin.enlargement else {
                throw Failure("model '\(plugin.name)' does not enlarge images")
            }
            let model = try model.load(untrained: false)
            if dense { try Self.computeAll(of: model) }
            let picture = try images.read(image)
            let reference = try self.reference.map { path in try images.read(path) }
            try check(picture, reference, factor)
            let input = try picture.rgb.tensor()
            let progress = ProgressLine()
            progress.show("\(model.plugin.name): first run")
            let trace = Trace()
            // This run only counts the multiply-adds; it is not timed.
            let result = try trace.recording { try model(input) }
            let times = try time(model, against: try twin(), on: input, progress)
            progress.clear()
            let enlarged = try Image(result)
            let psnr = try reference.map {
                try enlarged.lumaPSNR(against: $0, border: factor)
            }
            if let output { try enlarged.writePNG(to: output) }
            try report(
                Enlargement(
                    file: image, width: enlarged.width, height: enlarged.height,
                    milliseconds: Text.median(times.map(\.masked)) * 1e3,
                    multiplyAdds: trace.totalCost.multiplyAdds,
                    executedMultiplyAdds: trace.totalCost.executedMultiplyAdds, psnr: psnr,
                    denseMilliseconds: median(times.map(\.dense)).map { $0 * 1e3 },
                    timeRatio: median(times.map { run in run.dense.map { run.masked / $0 } })))
        }
    }

    /// Throws, before anything is computed, if the result could not be written or compared
    /// afterwards.
    private func check(_ picture: Image, _ reference: Image?, _ factor: Int) throws {
        let (width, height) = (picture.width * factor, picture.height * factor)
        guard height <= Image.maximumPixels / width else {
            throw Failure(
                "\(image.escaped): enlarged it has \(width) x \(height) pixels, expected at most "
                    + "\(Image.maximumPixels)")
        }
        guard let reference, let path = self.reference?.escaped else { return }
        guard reference.width == width, reference.height == height else {
            throw Failure(
                "\(path): expected the result's size, \(width) x \(height) pixels, found "
                    + "\(reference.width) x \(reference.height)")
        }
        guard min(width, height) > 2 * factor else {
            throw Failure(
                "\(path): expected more than the borders that are left out, \(2 * factor) pixels "
                    + "per axis, found \(width) x \(height)")
        }
    }

    /// The same network with all channels computed everywhere, if requested.
    private func twin() throws -> Model? {
        guard againstDense else { return nil }
        let twin = try model.load(untrained: false, isAgain: true)
        try Self.computeAll(of: twin)
        return twin
    }

    /// Times of all runs in seconds.
    private func time(
        _ model: Model, against twin: Model?, on input: Tensor, _ progress: ProgressLine
    ) throws -> [(masked: Double, dense: Double?)] {
        func seconds(_ model: Model) throws -> Double {
            let start = ContinuousClock.now
            _ = try model(input)
            return (ContinuousClock.now - start).seconds
        }
        if let twin { _ = try seconds(twin) }
        return try (1...repetitions).map { run in
            progress.show("\(model.plugin.name): run \(run) of \(repetitions)")
            return (try seconds(model), try twin.map(seconds))
        }
    }

    private func median(_ values: [Double?]) -> Double? {
        let known = values.compactMap { $0 }
        return known.isEmpty ? nil : Text.median(known)
    }

    /// Makes every channel of every sparse mask block a dense one.
    private static func computeAll(of model: Model) throws {
        let kinds = model.allParameters().filter { $0.name.hasSuffix("ch_mask") }
        guard !kinds.isEmpty else {
            throw Failure(
                "model '\(model.plugin.name)' has no sparse mask blocks to be computed densely")
        }
        for kind in kinds {
            let values = (0..<kind.parameter.count).map { Float(1 - $0 % 2) }
            try kind.parameter.set(try Tensor(values, shape: kind.parameter.shape))
        }
    }

    private func report(_ result: Enlargement) throws {
        if json { return try Standard.json(result) }
        let share = Double(result.executedMultiplyAdds) / Double(max(1, result.multiplyAdds))
        let line =
            "\(result.file)  \(result.width) x \(result.height)  "
            + "\(Text.fixed(result.milliseconds, 1)) ms, \(Text.short(result.multiplyAdds)) "
            + "multiply-adds, \(Text.percent(share)) executed"
            + (result.psnr.map { ", PSNR \(Text.fixed($0, 3)) dB" } ?? "")
            + Self.comparison(result)
        // With `-` only the image is written to standard output; text goes to standard error.
        if output == OptionValue.standardOutput { return Standard.error(line) }
        try Standard.print(line)
    }
}

extension UpscaleCommand {
    private static func comparison(_ result: Enlargement) -> String {
        guard let dense = result.denseMilliseconds, let ratio = result.timeRatio else { return "" }
        return ", dense \(Text.fixed(dense, 1)) ms, ratio \(Text.fixed(ratio, 2))"
    }
}

/// The measurements of enlarging an image.
struct Enlargement: Encodable {
    let file: String
    let width, height: Int
    /// The network alone, without reading and writing images.
    let milliseconds: Double
    let multiplyAdds, executedMultiplyAdds: Int
    /// PSNR of the luma against a reference, in decibels.
    let psnr: Double?
    /// The time of the network with all channels computed everywhere, and the median of the runs'
    /// ratios.
    let denseMilliseconds, timeRatio: Double?
}
