import Protean

/// The position of a key of timm's EfficientNet family (`conv_stem`, `blocks.1.0.conv_pw`, …) in
/// the network.
struct TimmKey {
    /// The part of the network to which the key's tensor belongs.
    enum Place: Equatable {
        case stem
        case stemNorm
        /// A convolution of a block: expansion, depthwise, projection.
        case convolution(Role)
        /// The norm after a convolution of a block.
        case norm(Role)
        case head
        case headNorm
        case classifier
    }

    /// The function of a block's convolution.
    enum Role { case expand, depthwise, project }

    let place: Place
    /// The block's number in the whole network, 0 outside blocks.
    let block: Int
    /// The parameter's own name, such as `weight`.
    let parameter: String

    /// Reads a key; nil for a key of another family.
    ///
    /// - Parameter repeats: number of blocks of each stage. The first stage's blocks do not expand.
    init?(_ key: String, repeats: [Int]) {
        let parts = key.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
        guard let last = parts.last else { return nil }
        parameter = last
        if parts.count == 2 {
            let places: [String: Place] = [
                "conv_stem": .stem, "bn1": .stemNorm, "conv_head": .head, "bn2": .headNorm,
                "classifier": .classifier,
            ]
            guard let found = places[parts[0]] else { return nil }
            (place, block) = (found, 0)
            return
        }
        guard parts.count == 5, parts[0] == "blocks", let stage = Int(parts[1]),
            repeats.indices.contains(stage), let index = Int(parts[2]),
            (0..<repeats[stage]).contains(index)
        else { return nil }
        block = repeats[..<stage].reduce(0, +) + index
        // The projection of a block that does not expand is called `conv_pw`, its norm `bn2`.
        let roles: [String: Place] =
            stage == 0
            ? [
                "conv_dw": .convolution(.depthwise), "bn1": .norm(.depthwise),
                "conv_pw": .convolution(.project), "bn2": .norm(.project),
            ]
            : [
                "conv_pw": .convolution(.expand), "bn1": .norm(.expand),
                "conv_dw": .convolution(.depthwise), "bn2": .norm(.depthwise),
                "conv_pwl": .convolution(.project), "bn3": .norm(.project),
            ]
        guard let found = roles[parts[3]] else { return nil }
        place = found
    }

    /// Whether a file's keys are timm's, with any prefix.
    static func areUsed(in checkpoint: Checkpoint) -> Bool {
        let name = "conv_stem.weight"
        return checkpoint.names.contains { $0 == name || $0.hasSuffix("." + name) }
    }
}
