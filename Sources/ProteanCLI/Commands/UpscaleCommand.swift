import ArgumentParser
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
                  --repeat 10 --dense

            With --reference the peak signal-to-noise ratio of the luma is printed, borders of the \
            enlargement's width left out. Times are of the network alone, after one run that is \
            not counted, the median where they repeat. With --dense \
            every channel of sparse mask blocks is computed at all pixels: what the same network \
            would cost without its masks; the picture is then another one.
            """)

    @OptionGroup var model: ModelOptions

    @Option(help: "The image to enlarge.")
    var image: String

    @Option(help: "Write the result to this PNG file.")
    var output: String?

    @Option(help: "An image of the result's size to compare with.")
    var reference: String?

    @Option(name: .customLong("repeat"), help: "How many runs to time.")
    var repetitions = 1

    @Flag(help: "Leave masks out and compute everything, to compare times.")
    var dense = false

    @Flag(
        help: """
            Print JSON: file, width, height, milliseconds, multiply_adds, \
            executed_multiply_adds, psnr.
            """)
    var json = false

    @OptionGroup var runtime: RuntimeOptions

    func validate() throws {
        guard output != nil || reference != nil else {
            throw ValidationError("Give --output, --reference or both.")
        }
        guard repetitions >= 1 else { throw ValidationError("--repeat must be at least 1.") }
    }

    func run() throws {
        try runtime.with {
            let model = try model.load(untrained: false)
            guard let factor = model.plugin.enlargement else {
                throw Failure("model '\(model.plugin.name)' does not enlarge images")
            }
            if dense { try Self.leaveOutMasks(of: model) }
            let input = try Image.decode(image).rgb.tensor()
            let trace = Trace()
            // Not counted, but for the multiply-adds.
            let result = try trace.recording { try model(input) }
            let progress = Progress()
            var seconds: [Double] = []
            for run in 1...repetitions {
                progress.show("run \(run) of \(repetitions)")
                let start = ContinuousClock.now
                _ = try model(input)
                seconds.append((ContinuousClock.now - start).seconds)
            }
            progress.finish()
            let enlarged = try Image(result)
            let psnr = try reference.map {
                try enlarged.lumaPSNR(against: try Image.decode($0), border: factor)
            }
            if let output { try enlarged.writePNG(to: output) }
            try report(
                Enlargement(
                    file: image, width: enlarged.width, height: enlarged.height,
                    milliseconds: Text.median(seconds) * 1e3,
                    multiplyAdds: trace.totalCost.multiplyAdds,
                    executedMultiplyAdds: trace.totalCost.executedMultiplyAdds, psnr: psnr))
        }
    }

    /// Makes every channel of every sparse mask block a dense one.
    private static func leaveOutMasks(of model: Model) throws {
        let kinds = model.allParameters().filter { $0.name.hasSuffix("ch_mask") }
        guard !kinds.isEmpty else {
            throw Failure("model '\(model.plugin.name)' has no sparse mask blocks for --dense")
        }
        for kind in kinds {
            let values = (0..<kind.parameter.count).map { Float(1 - $0 % 2) }
            try kind.parameter.set(try Tensor(values, shape: kind.parameter.shape))
        }
    }

    private func report(_ result: Enlargement) throws {
        if json { return try Standard.json(result) }
        let share = Double(result.executedMultiplyAdds) / Double(max(1, result.multiplyAdds))
        print(
            "\(result.file)  \(result.width) x \(result.height)  "
                + "\(Text.fixed(result.milliseconds, 1)) ms, \(Text.short(result.multiplyAdds)) "
                + "multiply-adds, \(Text.percent(share)) executed"
                + (result.psnr.map { ", PSNR \(Text.fixed($0, 3)) dB" } ?? ""))
    }
}

/// What enlarging an image took and gave.
struct Enlargement: Encodable {
    let file: String
    let width, height: Int
    /// The network alone, without reading and writing images.
    let milliseconds: Double
    let multiplyAdds, executedMultiplyAdds: Int
    /// Decibels of the luma against a reference.
    let psnr: Double?
}
