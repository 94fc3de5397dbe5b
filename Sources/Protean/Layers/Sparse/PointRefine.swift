/// PointRend's inference: refines coarse logits where they are least certain.
///
/// Each of `steps` doubles the logits' height and width by bilinear interpolation and replaces them at
/// the `points` most uncertain pixels of every sample, u = −|logit| for one class, else the second
/// largest minus the largest: `logits = predictor(fcₙ(… fc₁(fine ⧺ coarse) ⧺ coarse …) ⧺ coarse)`, each
/// fc followed by ReLU, where fine features and coarse logits are sampled bilinearly (zeros outside)
/// at the pixel's middle. Where a step has no more pixels than `points`, all are computed. Of equally
/// uncertain pixels those that come first in row-major order are taken. Kirillov, Wu, He, Girshick,
/// "PointRend: Image Segmentation as Rendering", arXiv 1912.08193.
///
/// Fine features `[batch, height, width, channels]` of any size, one map or several whose channels
/// follow one another; coarse logits `[batch, h, w, classes]`; output `[batch, h · 2ˢ, w · 2ˢ, classes]`.
/// Parameters: `fc1.weight` `[hidden, channels + classes, 1]`, `fc1.bias`, …, `predictor.weight`
/// `[classes, hidden + classes, 1]`, `predictor.bias`, as in the reference's point head. Cost: the
/// head at `points` of the pixels of each step, reported as such.
public final class PointRefine: Module {
    /// Channels of the fine features, all maps together.
    public let inputChannels: Int
    /// Channels of the logits.
    public let classes: Int
    /// Number of times that height and width are doubled.
    public let steps: Int
    /// Pixels per sample and step that the head computes.
    public let points: Int
    /// Whether the coarse logits join the input of every layer, not only of the first.
    public let coarseEachLayer: Bool
    /// Where the layer stands in a model.
    public let label: Label? = Label()

    private let hidden: [PointwiseConv1d]
    private let predictor: PointwiseConv1d

    /// Enough to enlarge one pixel to the largest supported length.
    private static let mostSteps = 20

    /// A layer with seeded initial values, uniform in ±1/√inputs; options have the reference's
    /// defaults.
    ///
    /// - Parameters:
    ///   - inputChannels: channels of the fine features.
    ///   - classes: channels of the logits.
    ///   - hiddenChannels: outputs of each hidden layer.
    ///   - hiddenLayers: number of hidden layers, 0...1024.
    ///   - coarseEachLayer: whether the coarse logits join the input of every layer.
    ///   - steps: 0...20; each doubles height and width.
    ///   - points: pixels per sample and step, 0...2³⁰.
    ///   - seed: of the initial values.
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)``.
    public init(
        inputChannels: Int, classes: Int, hiddenChannels: Int = 256, hiddenLayers: Int = 3,
        coarseEachLayer: Bool = true, steps: Int = 5, points: Int = 784, seed: UInt64 = 0
    ) throws(ProteanError) {
        let positive = [
            ("inputChannels", inputChannels), ("classes", classes),
            ("hiddenChannels", hiddenChannels),
        ]
        for (option, value) in positive {
            try checkChannels(value, option, layer: "PointRefine")
        }
        let counts = [
            ("hiddenLayers", hiddenLayers, OptionLimits.depth), ("steps", steps, Self.mostSteps),
            ("points", points, OptionLimits.points),
        ]
        for (option, value, most) in counts {
            try checkOption(value, option, in: 0...most, layer: "PointRefine")
        }
        self.inputChannels = inputChannels
        self.classes = classes
        self.steps = steps
        self.points = points
        self.coarseEachLayer = coarseEachLayer
        var width = inputChannels + classes
        var layers: [PointwiseConv1d] = []
        for index in 0..<hiddenLayers {
            layers.append(
                try PointwiseConv1d(
                    inputs: width, outputs: hiddenChannels, seed: seed &+ UInt64(index),
                    layer: "PointRefine"))
            width = hiddenChannels + (coarseEachLayer ? classes : 0)
        }
        hidden = layers
        predictor = try PointwiseConv1d(
            inputs: width, outputs: classes, seed: seed &+ UInt64(hiddenLayers),
            layer: "PointRefine")
    }

    /// `fc1`, `fc2`, …, `predictor`.
    public var submodules: [NamedModule] {
        hidden.enumerated().map { NamedModule("fc\($0.offset + 1)", $0.element) }
            + [NamedModule("predictor", predictor)]
    }

    /// The refined logits.
    ///
    /// - Parameters:
    ///   - x: fine features.
    ///   - coarse: coarse logits.
    /// - Throws: ``ProteanError`` when a map does not fit or the result would be too large.
    public func callAsFunction(_ x: Tensor, coarse: Tensor) throws(ProteanError) -> Tensor {
        try callAsFunction([x], coarse: coarse)
    }

    /// The refined logits, with fine features from several maps.
    ///
    /// - Throws: ``ProteanError`` when a map does not fit or the result would be too large.
    public func callAsFunction(_ features: [Tensor], coarse: Tensor) throws(ProteanError) -> Tensor
    {
        try check(features, coarse)
        try checkResult(coarse.shape)
        var logits = coarse
        for _ in 0..<steps {
            logits = try Operations.resize(logits, by: 2, mode: .bilinear(alignCorners: false))
            let chosen = try uncertainPixels(of: logits)
            let rows = try head(at: chosen, features, coarse)
            logits = try Operations.scatter(rows, at: chosen, into: consume logits)
        }
        return logits
    }

    /// Checks the size of the final result before the first step.
    private func checkResult(_ coarse: [Int]) throws(ProteanError) {
        let factor = 1 << steps
        let height = coarse[1].multipliedReportingOverflow(by: factor)
        let width = coarse[2].multipliedReportingOverflow(by: factor)
        guard !height.overflow, !width.overflow else {
            throw .sizeOverflow(layer: place, what: "the refined map")
        }
        let count = try Shape.elementCount(
            [coarse[0], height.partialValue, width.partialValue, classes], layer: place)
        try Memory.check(count, of: Float.self, layer: place)
    }

    private func check(_ features: [Tensor], _ coarse: Tensor) throws(ProteanError) {
        guard coarse.rank == 4, coarse.shape[3] == classes, coarse.shape[1] > 0,
            coarse.shape[2] > 0
        else {
            throw .shapeMismatch(
                layer: place, tensor: "coarse", expected: "[batch, height, width, \(classes)]",
                found: coarse.shape)
        }
        for x in features {
            guard x.rank == 4, x.shape[0] == coarse.shape[0], x.shape[1] > 0, x.shape[2] > 0 else {
                throw .shapeMismatch(
                    layer: place, tensor: "x",
                    expected: "[\(coarse.shape[0]), height, width, channels]", found: x.shape)
            }
        }
        let channels = features.reduce(0) { $0 + $1.shape[3] }
        guard channels == inputChannels else {
            throw .shapeMismatch(
                layer: place, tensor: "x", expected: "\(inputChannels) channels in all maps",
                found: features.last?.shape ?? [])
        }
    }

    /// Values decide which pixels are chosen, but not how many; for a tensor that carries a shape
    /// only, the first pixels are taken.
    private func uncertainPixels(of logits: Tensor) throws(ProteanError) -> MaskPlan {
        let scores =
            logits.isShapeOnly
            ? try Tensor(zeros: Array(logits.shape.dropLast()) + [1])
            : try Operations.uncertainty(logits)
        return try MaskPlan(highest: points, of: scores)
    }

    private func head(
        at pixels: MaskPlan, _ features: [Tensor], _ coarse: Tensor
    ) throws(ProteanError) -> Tensor {
        let grid = try pixels.centres()
        let coarseRows = try sample(coarse, grid)
        var rows = coarseRows
        if let first = features.first {
            var parts = [try sample(first, grid)]
            for x in features.dropFirst() { parts.append(try sample(x, grid)) }
            rows = try Operations.concatenate(parts + [coarseRows], axis: 1)
        }
        for layer in hidden {
            rows = try layer(rows, .relu, of: pixels.pixelCount)
            if coarseEachLayer { rows = try Operations.concatenate([rows, coarseRows], axis: 1) }
        }
        return try predictor(rows, .identity, of: pixels.pixelCount)
    }

    /// The map at the same number of points of every sample, as rows.
    private func sample(_ map: Tensor, _ grid: Tensor) throws(ProteanError) -> Tensor {
        let batch = map.shape[0], channels = map.shape[3]
        let count = batch == 0 ? 0 : grid.shape[0] / batch
        let rows = try Operations.gridSample(
            map, grid: try grid.reshaped(to: [batch, 1, count, 2]), layer: place)
        return try rows.reshaped(to: [grid.shape[0], channels])
    }
}
