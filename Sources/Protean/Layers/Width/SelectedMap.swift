/// A map of which every sample has only some channels: those that a layer with dynamic width
/// computed. The others are 0.
///
/// The channels that exist lie next to each other, so that the next layer reads neither zeros nor the
/// weights that would meet them.
public struct SelectedMap: Sendable {
    /// One sample's channels.
    public struct Sample: Sendable {
        /// `[1, height, width, channels that exist]`.
        public let map: Tensor
        /// The channels that exist, ascending; nil for all.
        public let channels: [Int]?
    }

    /// Height, width and channels of the dense map.
    public let size: [Int]
    /// All samples with all channels, if no channel is missing.
    public let dense: Tensor?
    private let compact: [Sample]

    /// A map with all channels.
    ///
    /// - Throws: ``ProteanError/shapeMismatch(layer:tensor:expected:found:)`` when it is no map.
    public init(_ map: Tensor) throws(ProteanError) {
        try Operations.checkMap(map, layer: "SelectedMap")
        size = Array(map.shape.dropFirst())
        dense = map
        compact = []
    }

    init(_ samples: [Sample], size: [Int]) {
        self.size = size
        dense = nil
        compact = samples
    }

    /// Number of samples.
    public var batch: Int { dense?.shape[0] ?? compact.count }

    /// Number of channels of the dense map.
    public var channels: Int { size[2] }

    /// One sample.
    ///
    /// - Throws: ``ProteanError/outOfMemory(layer:bytes:)``.
    public func sample(_ index: Int) throws(ProteanError) -> Sample {
        guard let dense else { return compact[index] }
        let map =
            dense.shape[0] == 1
            ? dense : try Operations.slice(dense, [AxisSlice(index..<index + 1)])
        return Sample(map: map, channels: nil)
    }

    /// `[batch, height, width, channels]` with zeros for the channels that do not exist.
    ///
    /// - Throws: ``ProteanError/outOfMemory(layer:bytes:)``.
    public func map() throws(ProteanError) -> Tensor {
        if let dense { return dense }
        guard !compact.isEmpty else { return try Tensor(zeros: [0] + size) }
        var samples: [Tensor] = []
        for sample in compact { samples.append(try widened(sample)) }
        return samples.count == 1 ? samples[0] : try Operations.concatenate(samples, axis: 0)
    }

    private func widened(_ sample: Sample) throws(ProteanError) -> Tensor {
        guard let list = sample.channels else { return sample.map }
        if list.isEmpty { return try Tensor(zeros: [1] + size) }
        // Channels that do not exist are taken from a channel of zeros behind the others.
        var source = [Int](repeating: list.count, count: channels)
        for (index, channel) in list.enumerated() { source[channel] = index }
        let padded = try Operations.concatenate(
            [sample.map, try Tensor(zeros: [1, size[0], size[1], 1])], axis: 3)
        return try Operations.indexSelect(padded, axis: 3, indices: source)
    }

    /// A number per channel and sample, `[batch, channels]`, from one function of the channels that
    /// exist, `[1, height, width, n]` to `[1, n]`; 0 for the others.
    func statistic(
        _ body: (Tensor) throws(ProteanError) -> Tensor
    ) throws(ProteanError) -> Tensor {
        if let dense { return try body(dense) }
        var values = [Float](repeating: 0, count: batch * channels)
        for (row, sample) in compact.enumerated() {
            let list = sample.channels ?? Array(0..<channels)
            if list.isEmpty { continue }
            for (channel, value) in zip(list, try body(sample.map).elements) {
                values[row * channels + channel] = value
            }
        }
        return try Tensor(values, shape: [batch, channels])
    }

    /// The mean of every channel, `[batch, channels]`.
    ///
    /// - Throws: ``ProteanError`` for maps without pixels.
    public func mean() throws(ProteanError) -> Tensor {
        try statistic { (map) throws(ProteanError) in try Operations.globalAveragePool(map) }
    }
}
