extension ImagePreprocessing {
    /// The longest side that `input_size` and `crop_pct` may give.
    static let maximumSide = 16_384

    /// How timm prepares images for weights with this `pretrained_cfg`, with timm's defaults for
    /// missing keys: 3 × 224 × 224, bicubic, `crop_pct` 0.875, crop mode `center`, ImageNet's mean
    /// and deviation.
    ///
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)`` naming a key whose
    ///   value this type cannot describe: other filters, borders added around an image, a different
    ///   number of channels.
    init(pretrained: ModelConfiguration, channels: Int) throws(ProteanError) {
        func bad(_ option: String, _ expected: String, _ found: String) -> ProteanError {
            .invalidOption(
                layer: "configuration", option: option, expected: expected, found: found)
        }
        let size = try pretrained.integers("input_size") ?? [channels, 224, 224]
        guard size.count == 3, size[0] == channels,
            size[1...].allSatisfy((1...Self.maximumSide).contains)
        else {
            throw bad(
                "input_size", "[\(channels), height, width], at most \(Self.maximumSide)", "\(size)"
            )
        }
        let filter = try pretrained.string("interpolation", default: "bicubic")
        guard let interpolation = Interpolation(rawValue: filter) else {
            throw bad("interpolation", "bilinear or bicubic", "'\(filter)'")
        }
        // In timm 0 means the default.
        let given = try pretrained.number("crop_pct", default: 0.875)
        let share = given == 0 ? 0.875 : given
        let sides = size[1...].map { (Double($0) / share).rounded(.down) }
        guard sides.allSatisfy({ $0 >= 1 && $0 <= Double(Self.maximumSide) }) else {
            throw bad(
                "crop_pct", "a share that leaves sides of 1 to \(Self.maximumSide)", "\(given)")
        }
        let target = Size2d(height: Int(sides[0]), width: Int(sides[1]))
        let resizing: Resizing
        switch try pretrained.string("crop_mode", default: "center") {
        case "center":
            resizing =
                target.height == target.width ? .shorterSide(target.height) : .covering(target)
        case "squash": resizing = .exactly(target)
        case let other: throw bad("crop_mode", "center or squash", "'\(other)'")
        }
        let standard = (Self.imageNetMean, Self.imageNetDeviation)
        let mean = try pretrained.numbers("mean")?.map(Float.init) ?? standard.0
        let deviation = try pretrained.numbers("std")?.map(Float.init) ?? standard.1
        guard mean.count == channels, mean.allSatisfy(\.isFinite) else {
            throw bad("mean", "\(channels) numbers", "\(mean)")
        }
        guard deviation.count == channels, deviation.allSatisfy({ $0.isFinite && $0 > 0 }) else {
            throw bad("std", "\(channels) numbers above 0", "\(deviation)")
        }
        if let offset = try pretrained.integer("label_offset"), offset != 0 {
            throw bad("label_offset", "0", "\(offset)")
        }
        self.init(
            resizing: resizing, interpolation: interpolation, cropHeight: size[1],
            cropWidth: size[2], mean: mean, deviation: deviation)
    }
}
