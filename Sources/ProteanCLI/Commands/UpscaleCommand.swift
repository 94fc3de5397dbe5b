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

            With --reference the peak signal-to-noise ratio of the luma is printed, borders of the \
            enlargement's width left out. Times are of the network alone, after one run that is \
            not counted.
            """)

    @OptionGroup var model: ModelOptions

    @Option(help: "The image to enlarge.")
    var image: String

    @Option(help: "Write the result to this PNG file.")
    var output: String?

    @Option(help: "An image of the result's size to compare with.")
    var reference: String?

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
    }

    func run() throws {
        try runtime.with {
            let model = try model.load(untrained: false)
            guard let factor = model.plugin.enlargement else {
                throw Failure("model '\(model.plugin.name)' does not enlarge images")
            }
            let input = try Image.decode(image).rgb.tensor()
            _ = try model(input)
            let trace = Trace()
            let start = ContinuousClock.now
            let result = try trace.recording { try model(input) }
            let elapsed = ContinuousClock.now - start
            let enlarged = try Image(result)
            let psnr = try reference.map {
                try enlarged.lumaPSNR(against: try Image.decode($0), border: factor)
            }
            if let output { try enlarged.writePNG(to: output) }
            try report(
                Enlargement(
                    file: image, width: enlarged.width, height: enlarged.height,
                    milliseconds: elapsed.seconds * 1e3,
                    multiplyAdds: trace.totalCost.multiplyAdds,
                    executedMultiplyAdds: trace.totalCost.executedMultiplyAdds, psnr: psnr))
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
