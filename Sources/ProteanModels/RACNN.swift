import Protean

/// Recurrent attention over scales: a network classifies the image and proposes a square; the square
/// is enlarged for the next network. Three scales, each an exit.
///
/// Fu, Zheng, Mei, "Look Closer to See Better: Recurrent Attention Convolutional Neural Network for
/// Fine-grained Image Recognition", CVPR 2017, with the layers and names of jeong-tae/RACNN-pytorch:
/// three VGG-19 with batch norm (`b1`, `b2`, `b3`), two attention proposals (`apn1`, `apn2`) and
/// `classifier1` … `classifier3`. A proposal is sigmoid(linear(tanh(linear(map)))) · side, see
/// ``AttentionCrop``. Input `[batch, imageSize, imageSize, 3]`, output the third scale's logits,
/// `[batch, classes]`.
public final class RACNN: HasExits {
    /// Sizes of the network.
    public struct Options: Sendable, Hashable {
        /// Channels of the convolutions by stage; every stage but the last ends in a maximum over
        /// 2 × 2 pixels.
        public var stages = [
            [64, 64], [128, 128], [256, 256, 256, 256], [512, 512, 512, 512], [512, 512, 512, 512],
        ]
        /// Height and width of the image; 2^stages times a whole number.
        public var imageSize = 448
        /// Height and width of the enlarged squares, half the image's.
        public var cropSize = 224
        /// Hidden units of the proposals.
        public var attentionHidden = 1024
        /// Classes.
        public var classes = 200
        /// Hidden units of the VGGs' own classifiers, which the published files hold and the network
        /// does not use; nil for networks without.
        public var backboneHidden: Int? = 4096

        /// The published network.
        public init() {}

        /// Side of the last stage's maps for an image of `size` pixels.
        func mapSize(_ size: Int) -> Int { size >> (stages.count - 1) }

        func check() throws(ProteanError) {
            let unit = 1 << stages.count
            guard (1...8).contains(stages.count), stages.allSatisfy({ !$0.isEmpty }),
                stages.joined().allSatisfy((1...1 << 16).contains)
            else {
                throw .invalidOption(
                    layer: "RACNN", option: "stages",
                    expected: "1 to 8 lists of channels in 1...65536", found: "\(stages)")
            }
            guard (unit...1 << 14).contains(imageSize), imageSize % unit == 0,
                cropSize == imageSize / 2
            else {
                throw .invalidOption(
                    layer: "RACNN", option: "imageSize, cropSize",
                    expected: "a multiple of \(unit) up to 16384, and its half",
                    found: "\(imageSize), \(cropSize)")
            }
        }

        /// Parameters of a network of these sizes, without building it; 636,871,638 for the published
        /// one.
        public var parameterCount: Int {
            var backbone = 0, inputs = 3
            for channels in stages.joined() {
                backbone += 9 * inputs * channels + 3 * channels
                inputs = channels
            }
            if let width = backboneHidden {
                let first = inputs * 49 * width + width, second = width * width + width
                backbone += first + second + width * 1000 + 1000
            }
            let map = inputs * mapSize(cropSize) * mapSize(cropSize)
            let proposal = (map + 1) * attentionHidden + 3 * (attentionHidden + 1)
            return 3 * backbone + 2 * proposal + 3 * (inputs + 1) * classes
        }
    }

    /// The sizes.
    public let options: Options
    /// The network with one exit per scale.
    public let exits: ExitNetwork
    /// Where the network stands in a model.
    public let label: Label? = Label()

    /// A network with seeded initial values.
    ///
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)``.
    public init(_ options: Options = Options()) throws(ProteanError) {
        try options.check()
        self.options = options
        var scales: [RACNNScale] = [], heads: [Linear] = []
        for index in 0..<3 {
            scales.append(try RACNNScale(options, index: index))
            heads.append(
                try Linear(
                    inputFeatures: scales[index].backbone.channels, outputFeatures: options.classes)
            )
        }
        let numbers = 1...3
        let parts =
            numbers.map { NamedModule("b\($0)", scales[$0 - 1].backbone) }
            + numbers.compactMap { number in
                scales[number - 1].proposal.map { NamedModule("apn\(number)", $0) }
            } + numbers.map { NamedModule("classifier\($0)", heads[$0 - 1]) }
        exits = try ExitNetwork(
            parts: parts, stages: scales, heads: heads.map { LayerHead($0, reads: "seen") })
    }

    /// `b1` …, `apn1`, `apn2`, `classifier1` ….
    public var submodules: [NamedModule] { exits.submodules }

    /// The third scale's logits.
    ///
    /// - Throws: ``ProteanError`` when `x` does not fit.
    public func callAsFunction(_ x: Tensor) throws(ProteanError) -> Tensor { try exits(x) }
}

/// One scale: crop by the proposal of the scale before, backbone, proposal for the next.
private final class RACNNScale: Stage {
    let backbone: RACNNBackbone
    let proposal: Sequential?
    private let index, side: Int
    private let crop: AttentionCrop
    private let pool: MaxPool2d

    init(_ options: RACNN.Options, index: Int) throws(ProteanError) {
        self.index = index
        side = index == 0 ? options.imageSize : options.cropSize
        backbone = try RACNNBackbone(options)
        crop = try AttentionCrop(size: Size2d(options.cropSize))
        pool = try MaxPool2d(kernelSize: 2)
        let map = options.mapSize(options.cropSize)
        let inputs = backbone.channels * map * map
        proposal =
            index == 2
            ? nil
            : try Sequential {
                () throws(ProteanError) in
                try Linear(inputFeatures: inputs, outputFeatures: options.attentionHidden)
                Tanh()
                try Linear(inputFeatures: options.attentionHidden, outputFeatures: 3)
                Sigmoid()
            }
    }

    func run(_ features: inout Features) throws(ProteanError) {
        var x = try features.tensor("x")
        if index > 0 { x = try crop(x, places: try features.take("place")) }
        guard x.rank == 4, Array(x.shape.dropFirst()) == [side, side, 3] else {
            throw .shapeMismatch(
                layer: "RACNN", tensor: "x", expected: "[batch, \(side), \(side), 3]",
                found: x.shape)
        }
        let map = try backbone.features(x)
        try features.set("seen", try Operations.globalAveragePool(map))
        guard let proposal else { return }
        let small = index == 0 ? try pool(map) : map
        let share = try proposal(try Operations.flatten(small))
        try features.set("place", try share * Float(side))
        try features.set("x", x)
    }
}

/// VGG with batch norm, without the last maximum.
private final class RACNNBackbone: Module {
    let channels: Int
    private let named: [NamedModule]
    private let stages: [[FusedConv2d]]
    private let pool: MaxPool2d

    init(_ options: RACNN.Options) throws(ProteanError) {
        var named: [NamedModule] = [], stages: [[FusedConv2d]] = [], inputs = 3, at = 0
        for list in options.stages {
            var steps: [FusedConv2d] = []
            for outputs in list {
                let conv = try Conv2d(
                    inputChannels: inputs, outputChannels: outputs, kernelSize: 3, padding: 1)
                let norm = try BatchNorm2d(channels: outputs)
                steps.append(try FusedConv2d(conv, norm, .relu))
                named += [
                    NamedModule("features.\(at)", conv), NamedModule("features.\(at + 1)", norm),
                ]
                (inputs, at) = (outputs, at + 3)
            }
            stages.append(steps)
            at += 1
        }
        if let width = options.backboneHidden {
            named += [
                NamedModule(
                    "classifier.0", try Linear(inputFeatures: 49 * inputs, outputFeatures: width)),
                NamedModule(
                    "classifier.3", try Linear(inputFeatures: width, outputFeatures: width)),
                NamedModule("classifier.6", try Linear(inputFeatures: width, outputFeatures: 1000)),
            ]
        }
        channels = inputs
        self.named = named
        self.stages = stages
        pool = try MaxPool2d(kernelSize: 2)
    }

    var submodules: [NamedModule] { named }

    func features(_ x: Tensor) throws(ProteanError) -> Tensor {
        var y = x
        for (index, steps) in stages.enumerated() {
            if index > 0 { y = try pool(y) }
            for step in steps { y = try step(y) }
        }
        return y
    }
}
