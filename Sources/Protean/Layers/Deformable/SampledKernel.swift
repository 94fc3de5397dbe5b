/// Shared by layers whose kernels are sampled from a larger one, the scope.
enum SampledKernel {
    private static let largest = 1 << 10

    /// Throws for a scope or a kernel size out of 1...1024.
    static func check(scope: Size2d, kernelSize: Int, layer: String) throws(ProteanError) {
        try checkOption(kernelSize, "kernelSize", in: 1...largest, layer: layer)
        try scope.check(in: 1...largest, layer: layer, option: "scope")
    }

    /// Number of channels that predict `numbers` values for every tap; throws if a layer may not
    /// have that many.
    static func predicted(
        taps: Size2d, numbers: Int, layer: String
    ) throws(ProteanError) -> Int {
        try taps.check(atLeast: 1, layer: layer, option: "kernelSize")
        let most = OptionLimits.channels
        let (count, overflow) = (taps.height * taps.width).multipliedReportingOverflow(by: numbers)
        guard !overflow, count <= most else {
            throw .invalidOption(
                layer: layer, option: "kernelSize",
                expected: "at most \(most / numbers) taps, with \(numbers) numbers for each",
                found: taps.description)
        }
        return count
    }

    /// The scope of a depthwise layer, `[channels, 1, height, width]`, uniform in ±1/kernelSize;
    /// sizes must have been checked.
    static func depthwise(
        channels: Int, scope: Size2d, kernelSize: Int, seed: UInt64, layer: String
    ) throws(ProteanError) -> Parameter {
        try checkChannels(channels, "channels", layer: layer)
        try check(scope: scope, kernelSize: kernelSize, layer: layer)
        return try Parameter(
            uniform: [channels, 1, scope.height, scope.width], fanIn: kernelSize * kernelSize,
            seed: seed, layer: layer)
    }
}

extension Conv2d {
    /// A convolution with zero weights: the initial state of position predictions, as in the
    /// references.
    static func zeros(
        from inputs: Int, to outputs: Int, kernelSize: Size2d, stride: Size2d, padding: Padding2d,
        dilation: Size2d
    ) throws(ProteanError) -> Conv2d {
        let geometry = try Conv2dGeometry(
            inputChannels: inputs, outputChannels: outputs, kernelSize: kernelSize, stride: stride,
            padding: padding, dilation: dilation)
        return Conv2d(
            geometry: geometry,
            weight: try Parameter(repeating: 0, shape: geometry.weightShape, layer: "Conv2d"),
            bias: try Parameter(repeating: 0, shape: [outputs], layer: "Conv2d"))
    }
}
