/// A gate per pixel and group that mixes the aggregate with the pixel's own value, a part of
/// ``DCNv3`` and ``DCNv4``: `s = sigmoid(t · Wᵀ + b)`, `z · (1 − s) + u · s`.
struct CenterFeatureScale: Sendable {
    private let linear: Linear

    init(groups: Int, channels: Int) throws(ProteanError) {
        linear = try Linear.zeros(from: channels, to: groups)
    }

    /// Under the reference's names, which have no dots.
    var parameters: [NamedParameter] {
        linear.parameters.map {
            NamedParameter("center_feature_scale_proj_\($0.name)", $0.parameter)
        }
    }

    func callAsFunction(
        _ z: Tensor, centre u: Tensor, from t: Tensor, layer: String
    ) throws(ProteanError) -> Tensor {
        let gate = try linear(t, activation: .sigmoid)
        return try Operations.blendGroups(z, u, gate: gate, layer: layer)
    }
}

/// A depthwise convolution that keeps the size of a map for odd kernels.
func centredDepthwise(
    channels: Int, kernelSize: Size2d, seed: UInt64
) throws(ProteanError) -> Conv2d {
    try Conv2d(
        inputChannels: channels, outputChannels: channels, kernelSize: kernelSize,
        padding: .symmetric(
            height: (kernelSize.height - 1) / 2, width: (kernelSize.width - 1) / 2),
        groups: channels, seed: seed)
}

/// Throws unless `groups` divides `channels`.
func checkChannels(_ channels: Int, groups: Int, layer: String) throws(ProteanError) {
    guard channels >= 1, channels % groups == 0 else {
        throw .invalidOption(
            layer: layer, option: "channels", expected: "a positive multiple of groups = \(groups)",
            found: "\(channels)")
    }
}

/// Throws unless `x` is a map of `channels`.
func checkMap(_ x: Tensor, channels: Int, place: String) throws(ProteanError) {
    try Shape.checkMap(x.shape, channels: channels, layer: place)
}
