import CProteanKernels

/// A table of vectors, one per index; `torch.nn.Embedding`.
///
/// `y[…, :] = weight[indices[…], :]`. Indices are a Float32 tensor of any shape with whole numbers in
/// 0 ..< `count`, the result is `[…, channels]`. Parameter: `weight` `[count, channels]`. Cost: one read
/// and one write per element of the result.
public final class Embedding: Layer {
    /// Rows of the table.
    public let count: Int
    /// Length of a vector.
    public let channels: Int
    /// The row that training does not change; its initial values are zeros. It does not affect
    /// results.
    public let paddingIndex: Int?
    /// `[count, channels]`.
    public let weight: Parameter
    /// Where the layer stands in a model.
    public let label: Label? = Label()

    /// A table with seeded initial values, uniform with variance 1.
    ///
    /// - Parameters:
    ///   - count: rows, 1...2²⁴, so that every index is a Float32.
    ///   - channels: length of a vector.
    ///   - paddingIndex: a row in 0 ..< count, or counted from the end by -1 ... -count.
    ///   - seed: of the initial values; equal seeds give equal values.
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)``.
    public init(
        count: Int, channels: Int, paddingIndex: Int? = nil, seed: UInt64 = 0
    ) throws(ProteanError) {
        try checkChannels(count, "count", layer: "Embedding")
        try checkChannels(channels, "channels", layer: "Embedding")
        if let paddingIndex {
            try checkOption(
                paddingIndex, "paddingIndex", in: -count...count - 1, layer: "Embedding")
        }
        let padding = paddingIndex.map { $0 < 0 ? $0 + count : $0 }
        self.count = count
        self.channels = channels
        self.paddingIndex = padding
        let bound = Float(3).squareRoot()
        weight = try Parameter(shape: [count, channels], layer: "Embedding") { values in
            guard let base = values.baseAddress else { return }
            ptn_fill_uniform(seed, -bound, bound, values.count, base)
            if let padding {
                (base + padding * channels).update(repeating: 0, count: channels)
            }
        }
    }

    /// A table with the given rows `[count, channels]`.
    ///
    /// - Throws: ``ProteanError/shapeMismatch(layer:tensor:expected:found:)``.
    public init(weight: Tensor) throws(ProteanError) {
        guard weight.rank == 2, weight.shape[0] >= 1,
            weight.shape[0] <= OptionLimits.channels, weight.shape[1] >= 1
        else {
            throw .shapeMismatch(
                layer: "Embedding", tensor: "weight",
                expected: "[1...\(OptionLimits.channels), channels]", found: weight.shape)
        }
        count = weight.shape[0]
        channels = weight.shape[1]
        paddingIndex = nil
        self.weight = Parameter(weight)
    }

    /// `weight`.
    public var parameters: [NamedParameter] { [NamedParameter("weight", weight)] }

    /// The vectors of `indices`.
    ///
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)`` naming the first index that
    ///   is no whole number in 0 ..< `count`.
    public func callAsFunction(_ indices: Tensor) throws(ProteanError) -> Tensor {
        try traced(
            "Embedding", path: label, input: indices,
            cost: { output in
                // Only the selected rows of the table are read.
                Cost(
                    parameters: weight.count,
                    bytes: (indices.count + 2 * output.count) * MemoryLayout<Float>.stride)
            }
        ) { () throws(ProteanError) in
            try Operations.embedding(indices, table: weight.value, layer: place)
        }
    }
}
