/// What layers share whose kernels are sampled from a larger one, the scope.
enum SampledKernel {
    private static let largest = 1 << 10

    /// Refuses a scope or a kernel size out of 1...1024.
    static func check(scope: Size2d, kernelSize: Int, layer: String) throws(ProteanError) {
        guard (1...largest).contains(kernelSize) else {
            throw .invalidOption(
                layer: layer, option: "kernelSize", expected: "1...\(largest)",
                found: "\(kernelSize)")
        }
        try scope.check(atLeast: 1, layer: layer, option: "scope")
        guard max(scope.height, scope.width) <= largest else {
            throw .invalidOption(
                layer: layer, option: "scope", expected: "at most \(largest)", found: "\(scope)")
        }
    }

    /// The scope of a depthwise layer, `[channels, 1, height, width]`, uniform in ±1/kernelSize;
    /// sizes are checked.
    static func depthwise(
        channels: Int, scope: Size2d, kernelSize: Int, seed: UInt64, layer: String
    ) throws(ProteanError) -> Parameter {
        guard channels >= 1 else {
            throw .invalidOption(
                layer: layer, option: "channels", expected: "at least 1", found: "\(channels)")
        }
        try check(scope: scope, kernelSize: kernelSize, layer: layer)
        return Parameter(
            try Initializer.uniform(
                [channels, 1, scope.height, scope.width], fanIn: kernelSize * kernelSize,
                seed: seed))
    }
}

extension Conv2d {
    /// A convolution of zeros: what predicts positions begins so, as in the references.
    static func zeros(
        from inputs: Int, to outputs: Int, kernelSize: Size2d, stride: Size2d, padding: Padding2d,
        dilation: Size2d
    ) throws(ProteanError) -> Conv2d {
        try Conv2d(
            weight: try Tensor(zeros: [outputs, inputs, kernelSize.height, kernelSize.width]),
            bias: try Tensor(zeros: [outputs]), stride: stride, padding: padding,
            dilation: dilation)
    }
}
