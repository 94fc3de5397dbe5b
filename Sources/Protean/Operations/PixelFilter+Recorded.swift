extension PixelFilter {
    /// What a record keeps of `filters`: normalised, group after group, one per output pixel.
    func recorded(_ filters: Tensor) throws(ProteanError) -> FilterRecord.Content {
        let taps = window.taps
        var values = filters
        if order == .beforeShuffle, factor > 1 {
            values = try Operations.pixelShuffle(values, factor)
        }
        let map = Array(values.shape.prefix(3))
        if order == .tapMajor {
            values = try values.reshaped(to: map + [taps, groups]).transposed()
        }
        values = try normalized(values.reshaped(to: map + [groups, taps]))
        return .filters(
            try values.reshaped(to: map + [groups * taps]), kernelSize: window.kernelSize,
            dilation: window.dilation, groups: groups)
    }

    /// The filters along the last axis, normalised as the kernel does.
    private func normalized(_ filters: Tensor) throws(ProteanError) -> Tensor {
        switch normalization {
        case .none: return filters
        case .softmax: return try filters.softmax()
        case .sigmoid: return try filters.sigmoid()
        case .standardized(let scale):
            let centred = try filters - filters.mean(axes: [-1], keepDimensions: true)
            let deviation = try filters.standardDeviation(
                axes: [-1], unbiased: true, keepDimensions: true)
            return try centred / (deviation + 1e-10) * scale
        }
    }
}
