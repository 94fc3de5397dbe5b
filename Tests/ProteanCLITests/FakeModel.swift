import Protean

/// A classifier whose scores are the means of the channels, scaled: small enough to check by hand.
struct ChannelMeans: Layer {
    let scale: Parameter

    init() throws { scale = Parameter(try Tensor([1, 10, 100], shape: [3])) }

    var parameters: [NamedParameter] { [NamedParameter("scale", scale)] }

    func callAsFunction(_ x: Tensor) throws(ProteanError) -> Tensor {
        guard x.rank == 4, x.shape[3] == 3 else {
            throw .shapeMismatch(
                layer: "ChannelMeans", tensor: "x", expected: "[B, H, W, 3]", found: x.shape)
        }
        if x.isShapeOnly { return try Tensor(shapeOnly: [x.shape[0], 3]) }
        let (values, factors) = (x.elements, scale.value.elements)
        let pixels = x.shape[1] * x.shape[2]
        var scores: [Float] = []
        for image in 0..<x.shape[0] {
            for channel in 0..<3 {
                var sum: Float = 0
                for pixel in 0..<pixels { sum += values[(image * pixels + pixel) * 3 + channel] }
                scores.append(sum / Float(pixels) * factors[channel])
            }
        }
        return try Tensor(scores, shape: [x.shape[0], 3])
    }
}

struct FakePlugin: ModelPlugin {
    let name = "fake"
    let summary = "Means of the channels."
    let inputShape = [1, 2, 2, 3]
    var classNames = ["red", "green", "blue"]
    var preprocessing: ImagePreprocessing? = ImagePreprocessing(
        resizeShorterSide: nil, interpolation: .bilinear, cropHeight: 2, cropWidth: 2,
        mean: [0, 0, 0], deviation: [1, 1, 1])

    func makeModel(configuration: ModelConfiguration) throws(ProteanError) -> any Layer {
        do { return try ChannelMeans() } catch { throw .noValues(layer: "\(error)") }
    }
}
