extension FilterRecord.Entry {
    /// Where the filters of every output pixel lie: centre of mass and spread, in pixels of the
    /// layer's input, weighted by the taps' absolute values.
    ///
    /// With `w = |filter|` and a tap's position `p` relative to the middle of the kernel: centre
    /// `c = Σ w·p / Σ w`, spread `√(Σ w·|p − c|² / Σ w)`. A filter of zeros has centre and spread 0.
    ///
    /// - Parameter group: of channels.
    /// - Returns: `[batch, height, width, 3]`: row and column of the centre, and the spread.
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)`` for a group that is
    ///   not there, or if the layer predicted regions; ``ProteanError/noValues(layer:)`` after a
    ///   run without values.
    public func moments(group: Int = 0) throws(ProteanError) -> Tensor {
        guard case .filters(let filters, let kernelSize, let dilation, let groups) = content else {
            throw .invalidOption(
                layer: path, option: "content", expected: "filters", found: "regions")
        }
        guard (0..<groups).contains(group) else {
            throw .invalidOption(
                layer: path, option: "group", expected: "0..<\(groups)", found: "\(group)")
        }
        guard !filters.isShapeOnly else { throw .noValues(layer: path) }
        let taps = kernelSize.height * kernelSize.width
        let weights = try filters.slice(axis: 3, from: group * taps, to: (group + 1) * taps)
            .absolute()
        let positions = try Self.positions(kernelSize, dilation)
        let sums = try weights.reshaped(to: [weights.count / taps, taps]).matmul(positions)
        let total = try sums.slice(axis: 1, from: 0, to: 1)
        // A filter of zeros divides zero by the smallest normal number instead of by zero.
        let mean = try sums / Operations.maximum(total, Tensor([.leastNormalMagnitude], shape: [1]))
        let centre = try mean.slice(axis: 1, from: 1, to: 3)
        let square = try (centre * centre).sum(axes: [1], keepDimensions: true)
        let zero = try Tensor([0], shape: [1])
        let variance = try Operations.maximum(mean.slice(axis: 1, from: 3, to: 4) - square, zero)
        let all = try Operations.concatenate([centre, variance.sqrt()], axis: 1)
        return try all.reshaped(to: Array(filters.shape.dropLast()) + [3])
    }

    /// `[taps, 4]`: 1, row, column and their squares' sum, relative to the middle of the kernel.
    private static func positions(
        _ kernel: Size2d, _ dilation: Size2d
    ) throws(ProteanError) -> Tensor {
        var values: [Float] = []
        for row in 0..<kernel.height {
            for column in 0..<kernel.width {
                let y = (Float(row) - Float(kernel.height - 1) / 2) * Float(dilation.height)
                let x = (Float(column) - Float(kernel.width - 1) / 2) * Float(dilation.width)
                values += [1, y, x, y * y + x * x]
            }
        }
        return try Tensor(values, shape: [kernel.height * kernel.width, 4])
    }
}
