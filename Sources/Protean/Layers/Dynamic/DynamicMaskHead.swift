/// Masks of instances by networks of their own: CondInst's mask head.
///
/// For every instance a few 1 × 1 convolutions with ReLU between them, whose numbers a controller has
/// predicted, run over the features of its image: inputs `[rel_x, rel_y, features]`, `channels`
/// outputs in each hidden layer, one output at the end; then the logits are enlarged by
/// featureStride / outputStride, pixel i to pixel 2 i + 1 for a factor of 2.
/// `rel = (location − (stride · index + ⌊stride / 2⌋)) / sizesOfInterest[level]`. Tian, Shen, Chen,
/// "Conditional Convolutions for Instance Segmentation", arXiv 2003.05664; names as
/// `DynamicMaskHead` of AdelaiDet.
///
/// Input `[batch, height, width, inputChannels]`, and per instance: parameters `[instances, count]`
/// (169 numbers for 8 channels and 3 layers: the layers' weights, each `[out, in]` row by row, then
/// their biases), locations `[instances, 2]` (x, y), its sample and its level. Output
/// `[instances, height', width', 1]`, logits. Buffers: `sizes_of_interest` `[levels + 1]`, the last
/// one twice the one before, and `_iter` `[1]`, a counter of training that is not used.
///
/// Cost: instances · pixels · parameters multiply-adds.
public final class DynamicMaskHead: Module {
    /// Channels of the features.
    public let inputChannels: Int
    /// Channels of the hidden layers.
    public let channels: Int
    /// Number of layers.
    public let layers: Int
    /// Whether the position relative to the instance's is an input.
    public let usesCoordinates: Bool
    /// Image pixels per pixel of the features.
    public let featureStride: Int
    /// Image pixels per pixel of the output; a divisor of ``featureStride``.
    public let outputStride: Int
    /// Where the layer stands in a model.
    public let label: Label? = Label()

    private let sizes: Parameter, iteration: Parameter

    /// A head with the reference's defaults.
    ///
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)`` naming the option.
    public init(
        inputChannels: Int = 8, channels: Int = 8, layers: Int = 3, usesCoordinates: Bool = true,
        featureStride: Int = 8, outputStride: Int = 4,
        sizesOfInterest: [Float] = [64, 128, 256, 512]
    ) throws(ProteanError) {
        let layer = "DynamicMaskHead"
        try checkOption(inputChannels, "inputChannels", in: 1...64, layer: layer)
        try checkOption(channels, "channels", in: 1...64, layer: layer)
        try checkOption(layers, "layers", in: 2...8, layer: layer)
        try checkOption(featureStride, "featureStride", in: 1...OptionLimits.length, layer: layer)
        guard outputStride >= 1, featureStride % outputStride == 0,
            featureStride / outputStride <= 64
        else {
            throw .invalidOption(
                layer: layer, option: "outputStride",
                expected: "a divisor of \(featureStride), at most 64 times smaller",
                found: "\(outputStride)")
        }
        guard let largest = sizesOfInterest.last, (1...1024).contains(sizesOfInterest.count) else {
            throw .invalidOption(
                layer: layer, option: "sizesOfInterest", expected: "1...1024 sizes",
                found: "\(sizesOfInterest.count)")
        }
        self.inputChannels = inputChannels
        self.channels = channels
        self.layers = layers
        self.usesCoordinates = usesCoordinates
        self.featureStride = featureStride
        self.outputStride = outputStride
        sizes = Parameter(
            buffer: try Tensor(
                sizesOfInterest + [2 * largest], shape: [sizesOfInterest.count + 1]))
        iteration = Parameter(buffer: try Tensor(zeros: [1]))
    }

    /// `sizes_of_interest` and `_iter`.
    public var parameters: [NamedParameter] {
        [NamedParameter("sizes_of_interest", sizes), NamedParameter("_iter", iteration)]
    }

    /// Numbers of one instance.
    public var parameterCount: Int {
        let inputs = inputChannels + (usesCoordinates ? 2 : 0)
        return (inputs + 1) * channels + (layers - 2) * channels * (channels + 1) + channels + 1
    }

    /// The instances of one call.
    public struct Instances: Sendable {
        /// `[instances, parameterCount]`.
        public var parameters: Tensor
        /// The sample of each instance.
        public var samples: [Int]
        /// `[instances, 2]`: x and y in image pixels; nil where the head does not use coordinates.
        public var locations: Tensor?
        /// The level of the pyramid from which each instance comes; empty where the head does not use
        /// coordinates.
        public var levels: [Int]

        /// The given instances.
        public init(
            parameters: Tensor, samples: [Int], locations: Tensor? = nil, levels: [Int] = []
        ) {
            self.parameters = parameters
            self.samples = samples
            self.locations = locations
            self.levels = levels
        }
    }

    /// The logits of the instances' masks, `[instances, height', width', 1]`.
    ///
    /// - Throws: ``ProteanError`` when a tensor, a sample or a level does not fit.
    public func callAsFunction(
        _ features: Tensor, _ instances: Instances
    ) throws(ProteanError) -> Tensor {
        try Shape.checkMap(features.shape, channels: inputChannels, layer: place)
        let factor = featureStride / outputStride
        return try traced(
            "DynamicMaskHead", path: label, input: features,
            cost: { cost(features, instances, output: $0) }
        ) { () throws(ProteanError) in
            let coordinates = try coordinates(of: instances)
            let logits = try Operations.maskHead(
                features, parameters: instances.parameters, samples: instances.samples,
                coordinates: coordinates, hiddenChannels: channels, layers: layers, layer: place)
            return try Operations.alignedBilinear(logits, factor: factor, layer: place)
        }
    }

    private func coordinates(
        of instances: Instances
    ) throws(ProteanError) -> (locations: Tensor, sizes: Tensor, stride: Int)? {
        guard usesCoordinates else { return nil }
        let known = sizes.value.elements, count = instances.samples.count
        guard let locations = instances.locations, instances.levels.count == count else {
            throw .invalidOption(
                layer: place, option: "instances",
                expected: "a location and a level for each of \(count)",
                found: "\(instances.locations?.shape ?? []) and \(instances.levels.count)")
        }
        if let wrong = instances.levels.first(where: { !known.indices.contains($0) }) {
            throw .invalidOption(
                layer: place, option: "levels", expected: "0...\(known.count - 1)",
                found: "\(wrong)")
        }
        let chosen = try Tensor(instances.levels.map { known[$0] }, shape: [count])
        return (locations, chosen, featureStride)
    }

    private func cost(_ features: Tensor, _ instances: Instances, output: Tensor) -> Cost {
        let pixels = features.shape[1] * features.shape[2], count = instances.samples.count
        let hidden = (layers - 1) * channels + 1
        return Cost(
            multiplyAdds: count * pixels * (parameterCount - hidden),
            buffers: sizes.count + iteration.count,
            bytes: (features.count + instances.parameters.count + output.count)
                * MemoryLayout<Float>.stride)
    }
}
