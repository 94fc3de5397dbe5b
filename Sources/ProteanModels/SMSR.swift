import Protean

/// SMSR: super-resolution that computes most channels only where an image has detail.
///
/// Wang, Dong, Wang, Ying, Lin, An, Guo, "Exploring Sparsity in Image Super-Resolution for Efficient
/// Inference", CVPR 2021, arXiv 2006.09603, in inference: head, five ``SparseMaskModule``s, fusion of
/// all their results, pixel shuffle, and bicubic enlargement of the image added in the end. Parameters
/// are named as the published model's. Input `[batch, height, width, 3]`, red, green and blue in
/// 0...255; output `[batch, scale · height, scale · width, 3]`.
///
/// The masks need an even height and width. For an odd size the last row or column is repeated, and
/// the corresponding output is cropped: the result is that of the padded image, with the bicubic
/// part of the original image. (The published program cuts the last row or column off the image
/// instead.)
public final class SMSR: Layer {
    /// Enlargement per axis.
    public let scale: Int

    private let subtractMean, addMean: Conv2d
    private let head: Sequential
    private let modules: [SparseMaskModule]
    private let fuse, refine, tail: Conv2d
    private let fused: FusedConv2d

    /// A network with seeded initial values.
    ///
    /// - Parameters:
    ///   - scale: enlargement per axis, 2 to 4.
    ///   - features: channels of the body.
    ///   - count: number of sparse mask modules.
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)``.
    public init(scale: Int = 2, features: Int = 64, modules count: Int = 5) throws(ProteanError) {
        for (option, value, range) in [
            ("scale", scale, 2...4), ("features", features, 16...4096), ("modules", count, 1...64),
        ] where !range.contains(value) {
            throw .invalidOption(
                layer: "SMSR", option: option,
                expected: "\(range.lowerBound)...\(range.upperBound)", found: "\(value)")
        }
        func conv(
            _ inputs: Int, _ outputs: Int, _ kernel: Int, _ seed: UInt64
        ) throws(ProteanError) -> Conv2d {
            try Conv2d(
                inputChannels: inputs, outputChannels: outputs, kernelSize: Size2d(kernel),
                padding: .symmetric(kernel / 2), seed: seed)
        }
        self.scale = scale
        subtractMean = try conv(3, 3, 1, 1)
        addMean = try conv(3, 3, 1, 2)
        try Self.setShift(subtractMean, sign: -1)
        try Self.setShift(addMean, sign: 1)
        head = try Sequential([
            try conv(3, features, 3, 3), ReLU(), try conv(features, features, 3, 4),
        ])
        var modules: [SparseMaskModule] = []
        for i in 0..<count {
            modules.append(try SparseMaskModule(channels: features, seed: UInt64(1000 * (i + 1))))
        }
        self.modules = modules
        fuse = try conv(features * count, features, 1, 5)
        refine = try conv(features, features, 3, 6)
        tail = try conv(features, 3 * scale * scale, 3, 7)
        fused = try FusedConv2d(fuse, nil, .relu)
    }

    /// The training images' mean colour, subtracted before and added after.
    private static func setShift(_ conv: Conv2d, sign: Float) throws(ProteanError) {
        try conv.weight.set(try Tensor([1, 0, 0, 0, 1, 0, 0, 0, 1], shape: [3, 3, 1, 1]))
        let mean: [Float] = [0.4488, 0.4371, 0.4040]
        try conv.bias?.set(try Tensor(mean.map { sign * 255 * $0 }, shape: [3]))
    }

    /// All parts under the published model's names.
    public var submodules: [NamedModule] {
        [NamedModule("sub_mean", subtractMean), NamedModule("head", head)]
            + modules.enumerated().map { NamedModule("body.\($0)", $1) }
            + [
                NamedModule("collect.0", fuse), NamedModule("collect.2", refine),
                NamedModule("tail.0", tail), NamedModule("add_mean", addMean),
            ]
    }

    /// The enlarged images, neither rounded nor clamped to 0...255.
    ///
    /// - Throws: ``ProteanError`` when `x` does not fit.
    public func callAsFunction(_ x: Tensor) throws(ProteanError) -> Tensor {
        guard x.rank == 4, x.shape[1] > 0, x.shape[2] > 0, x.shape[3] == 3 else {
            throw .shapeMismatch(
                layer: "SMSR", tensor: "x", expected: "[batch, height, width, 3], not empty",
                found: x.shape)
        }
        let even = try Operations.replicatePad(x, bottom: x.shape[1] % 2, right: x.shape[2] % 2)
        return try Operations.crop(
            try enlarged(even), height: scale * x.shape[1], width: scale * x.shape[2])
    }

    /// The enlarged images of an even height and width.
    private func enlarged(_ x: Tensor) throws(ProteanError) -> Tensor {
        let centred = try subtractMean(x)
        let features = try head(centred)
        var results: [Tensor] = []
        for module in modules { results.append(try module(results.last ?? features)) }
        let body = try refine(
            try fused(concatenating: results),
            epilogue: Conv2dEpilogue(residual: features))
        let detail = try Operations.pixelShuffle(try tail(body), scale)
        let enlarged = try Operations.resize(
            centred, by: Scale2d(Double(scale)), mode: .bicubic(alignCorners: false))
        return try addMean(try Operations.add(detail, enlarged))
    }
}
