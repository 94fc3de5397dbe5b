import ArgumentParser
import CommandSupport
import Protean
import ProteanCatalogue
import ProteanImage

/// Options for a run of a model or a layer of which something is recorded: on an image, or on tensors
/// from a file.
struct RecordedRun: ParsableArguments {
    @OptionGroup var model: ModelOptions

    @Option(help: "The image, PNG or JPEG.", transform: OptionValue.path)
    var image: String?

    @Option(
        help: "Instead of the image: the tensors of a layer, x and what else it takes.",
        transform: OptionValue.path)
    var input: String?

    @Option(help: "Axis order of maps in --input: nchw or nhwc.")
    var layout = MapLayout.nchw

    @OptionGroup var images: ImageOptions

    func validate() throws {
        guard (image == nil) != (input == nil) else {
            throw ValidationError("Give either --image or --input.")
        }
    }

    /// Runs the network; returns the picture that it saw, nil if its input is not one.
    func callAsFunction() throws -> Image? {
        if let image {
            let source = try OffsetSource.named(by: model)
            let (window, input) = try source.prepare(images.read(image))
            let progress = ProgressLine()
            progress.show("\(model.model) runs")
            defer { progress.clear() }
            _ = try source.network(input)
            return window
        }
        guard let input else { return nil }
        let run = LayerRun(
            entry: try LayerCatalogue.entry(named: model.model), config: model.config ?? "{}",
            weights: model.weights, prefix: model.keys.prefix, container: model.keys.container,
            namesAllKeys: model.keys.all, input: input, output: "", layout: layout)
        _ = try run.applied()
        return nil
    }
}
