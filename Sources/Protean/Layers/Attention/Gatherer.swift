/// The first half of ``GatherExcite``: maps gathered over an extent.
struct Gatherer: Sendable {
    private enum Way: Sendable {
        /// Means over the whole map.
        case all
        /// Means of windows.
        case windows(PoolWindow)
        /// One weight per pixel and channel.
        case weights(Conv2d)
        /// Convolutions of stride 2.
        case convolutions([FusedConv2d])
    }

    /// The convolutions and norms under timm's names.
    let modules: [NamedModule]
    private let way: Way
    private let norm: BatchNorm2d?
    private let addMaximum: Bool
    /// The weights of a convolution as large as the map, as a map of its own.
    private let pixels = Derived<Int, Tensor>()

    init(
        _ channels: Int, _ extent: Int, _ hasParameters: Bool, _ size: Size2d?,
        _ addMaximum: Bool, _ activation: Activation, _ hasNorm: Bool, _ seed: UInt64
    ) throws(ProteanError) {
        try Self.check(extent, hasParameters, size, addMaximum)
        self.addMaximum = addMaximum
        var modules: [NamedModule] = []
        func convolution(
            _ i: Int, _ kernel: Size2d, _ stride: Size2d, _ padding: Padding2d
        ) throws(ProteanError) -> (Conv2d, BatchNorm2d?) {
            let conv = try Conv2d(
                inputChannels: channels, outputChannels: channels, kernelSize: kernel,
                stride: stride, padding: padding, groups: channels, bias: false,
                seed: seed &+ UInt64(i))
            let norm = hasNorm ? try BatchNorm2d(channels: channels) : nil
            modules.append(NamedModule("gather.conv\(i)", conv))
            if let norm { modules.append(NamedModule("gather.norm\(i)", norm)) }
            return (conv, norm)
        }
        var norm: BatchNorm2d?
        if let size {
            let made = try convolution(1, size, 1, 0)
            way = .weights(made.0)
            norm = made.1
        } else if hasParameters {
            var steps: [FusedConv2d] = []
            let count = extent.trailingZeroBitCount
            for i in 1...count {
                let (conv, norm) = try convolution(i, 3, 2, 1)
                steps.append(try FusedConv2d(conv, norm, i < count ? activation : .identity))
            }
            way = .convolutions(steps)
        } else if extent > 0 {
            way = .windows(
                PoolWindow(
                    kernelSize: Size2d(2 * extent - 1), stride: Size2d(extent),
                    padding: Size2d(extent - 1)))
        } else {
            way = .all
        }
        self.norm = norm
        self.modules = modules
    }

    private static func check(
        _ extent: Int, _ hasParameters: Bool, _ size: Size2d?, _ addMaximum: Bool
    ) throws(ProteanError) {
        func refuse(_ option: String, _ expected: String, _ found: String) -> ProteanError {
            .invalidOption(layer: "GatherExcite", option: option, expected: expected, found: found)
        }
        guard (0...OptionLimits.length).contains(extent), extent % 2 == 0 else {
            throw refuse("extent", "an even number in 0...\(OptionLimits.length)", "\(extent)")
        }
        guard !hasParameters || extent == 0 || extent.nonzeroBitCount == 1 else {
            throw refuse("extent", "a power of two with parameters", "\(extent)")
        }
        guard (size != nil) == (hasParameters && extent == 0) else {
            throw refuse(
                "mapSize", "a size with parameters at extent 0, and only there",
                size.map { "\($0)" } ?? "none")
        }
        guard !addMaximum || !hasParameters else {
            throw refuse("addMaximum", "false with parameters", "true")
        }
        try size?.check(atLeast: 1, layer: "GatherExcite", option: "mapSize")
    }

    /// The gathered map; traced under the name and label of its layer.
    func callAsFunction(
        _ x: Tensor, layer: String, label: Label?, place: String
    ) throws(ProteanError) -> Tensor {
        let vector = [x.shape[0], 1, 1, x.shape[3]]
        switch way {
        case .convolutions(let steps):
            var y = x
            for step in steps { y = try step(y) }
            return y
        case .weights(let conv):
            return try traced(
                layer, path: label, input: x,
                cost: {
                    Cost(multiplyAdds: x.count, parameters: conv.weight.count)
                        .folding(norm) + .moving(x, $0)
                }
            ) { () throws(ProteanError) in try weighted(x, conv).reshaped(to: vector) }
        case .all where addMaximum:
            let both = try Operations.split(
                Operations.channelStatistics(x, [.mean, .maximum]), sizes: [1, 1], axis: 1)
            return try Self.halves(both[0], both[1]).reshaped(to: vector)
        case .all:
            return try Operations.globalAveragePool(x).reshaped(to: vector)
        case .windows(let window):
            let means = try Operations.avgPool2d(x, window, countIncludePad: false)
            return addMaximum ? try Self.halves(means, Operations.maxPool2d(x, window)) : means
        }
    }

    private static func halves(_ a: Tensor, _ b: Tensor) throws(ProteanError) -> Tensor {
        try Operations.multiply(Operations.add(a, b), Tensor(repeating: 0.5, shape: [1]))
    }

    /// norm(Σ_p x[n, p, c] · weight[p, c]), `[batch, channels]`.
    private func weighted(_ x: Tensor, _ conv: Conv2d) throws(ProteanError) -> Tensor {
        let map = try pixels.value(for: conv.weight.version) { () throws(ProteanError) in
            let weight = try Operations.permute(conv.weight.value, [1, 2, 3, 0])
            return try weight.reshaped(to: [1, x.shape[1], x.shape[2], x.shape[3]])
        }
        let sums = try Operations.sum(Operations.multiply(x, map), axes: [1, 2])
        guard let norm else { return sums }
        let (scale, shift) = try norm.scaleAndShift()
        return try Operations.scaleShift(sums, scale: scale, shift: shift)
    }
}
