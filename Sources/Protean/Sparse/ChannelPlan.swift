/// The channels of each row of a batch that are computed: for every row an ascending list without
/// repetition.
///
/// ```swift
/// let plan = try ChannelPlan(lists: [[0, 3, 4], [1]], channels: 8)    // two rows of 8 channels
/// let y = try conv(x, outputs: plan)                  // other channels of y are 0
/// ```
public struct ChannelPlan: Sendable, Hashable {
    /// Number of channels of the map, of which the lists choose.
    public let channels: Int
    /// The lists, one after the other.
    let list: [Int32]
    /// Row r's list begins at `offsets[r]` and ends before `offsets[r + 1]`.
    let offsets: [Int]

    /// A list of channels for every row.
    ///
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)`` when a list is not
    ///   ascending, repeats a channel or has one that the map does not have.
    public init(lists: [[Int]], channels: Int) throws(ProteanError) {
        var list: [Int32] = [], offsets = [0]
        for (row, chosen) in lists.enumerated() {
            var least = 0
            for channel in chosen {
                guard channel >= least, channel < channels, channel <= Int(Int32.max) else {
                    throw .invalidOption(
                        layer: "ChannelPlan", option: "lists[\(row)]",
                        expected: "channels of 0..<\(channels) in ascending order",
                        found: "\(chosen)")
                }
                list.append(Int32(channel))
                least = channel + 1
            }
            offsets.append(list.count)
        }
        self.channels = channels
        self.list = list
        self.offsets = offsets
    }

    /// The channels whose gate is not 0, NaN included.
    ///
    /// - Parameter gates: `[rows, channels]`.
    /// - Throws: ``ProteanError`` for another rank or a tensor without values.
    public init(nonzero gates: Tensor) throws(ProteanError) {
        guard gates.rank == 2 else {
            throw .shapeMismatch(
                layer: "ChannelPlan", tensor: "gates", expected: "[rows, channels]",
                found: gates.shape)
        }
        let channels = gates.shape[1]
        var list: [Int32] = [], offsets = [0]
        try gates.withUnsafeBufferPointer { values throws(ProteanError) in
            for row in 0..<gates.shape[0] {
                for channel in 0..<channels where values[row * channels + channel] != 0 {
                    list.append(Int32(channel))
                }
                offsets.append(list.count)
            }
        }
        self.channels = channels
        self.list = list
        self.offsets = offsets
    }

    private init(trusted list: [Int32], _ offsets: [Int], _ channels: Int) {
        self.list = list
        self.offsets = offsets
        self.channels = channels
    }

    /// Number of rows.
    public var batch: Int { offsets.count - 1 }
    /// Number of chosen channels of all rows together.
    public var count: Int { list.count }

    /// Number of chosen channels of a row.
    public func count(of row: Int) -> Int { offsets[row + 1] - offsets[row] }

    /// The chosen channels of a row, ascending.
    public func channels(of row: Int) -> [Int] {
        list[offsets[row]..<offsets[row + 1]].map { Int($0) }
    }

    /// 1 for chosen channels, else 0: `[rows, channels]`.
    ///
    /// - Throws: ``ProteanError/outOfMemory(layer:bytes:)``.
    public func mask() throws(ProteanError) -> Tensor {
        var values = [Float](repeating: 0, count: batch * channels)
        for row in 0..<batch {
            for channel in channels(of: row) { values[row * channels + channel] = 1 }
        }
        return try Tensor(values, shape: [batch, channels])
    }

    /// The lists of some rows.
    ///
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)`` when the plan is of
    ///   another batch.
    public func rows(_ rows: RowPlan) throws(ProteanError) -> ChannelPlan {
        try rows.check(batch: batch, layer: "ChannelPlan")
        var chosen: [Int32] = [], ends = [0]
        for row in rows.rows {
            chosen += list[offsets[row]..<offsets[row + 1]]
            ends.append(chosen.count)
        }
        return ChannelPlan(trusted: chosen, ends, channels)
    }

    /// Throws unless the plan is one of `batch` rows of `channels` channels.
    func check(
        batch: Int, channels: Int, _ option: String, layer: String
    ) throws(ProteanError) {
        guard self.batch == batch, self.channels == channels else {
            throw .invalidOption(
                layer: layer, option: option,
                expected: "a plan of \(batch) rows of \(channels) channels",
                found: "one of \(self.batch) rows of \(self.channels) channels")
        }
    }
}
