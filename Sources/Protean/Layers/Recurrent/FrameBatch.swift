/// Frames or clips `[batch, time, …]` of which a network sees the chosen ones, gathered.
struct FrameBatch: Sendable {
    let batch: Int, time: Int
    private let flat: Tensor

    /// - Parameter axes: of the tensor; nil for at least three.
    init(_ x: Tensor, axes: Int? = 5, layer: String) throws(ProteanError) {
        guard axes == nil ? x.rank >= 3 : x.rank == axes else {
            throw .shapeMismatch(
                layer: layer, tensor: "frames",
                expected: axes == nil
                    ? "[batch, time, …]" : "[batch, time, height, width, channels]",
                found: x.shape)
        }
        batch = x.shape[0]
        time = x.shape[1]
        flat = try x.reshaped(to: [batch * time] + x.shape[2...])
    }

    /// The shape of one frame as a batch of one.
    var frameShape: [Int] { [1] + flat.shape.dropFirst() }

    /// All frames, `[batch · time, …]`.
    var all: Tensor { flat }

    /// The frames at these places.
    func frames(_ places: [SequencePlace]) throws(ProteanError) -> Tensor {
        try Operations.indexSelect(flat, axis: 0, indices: places.map { $0.row * time + $0.step })
    }
}

extension Layer {
    /// The layer's result as `[batch, features]`.
    func vectors(_ x: Tensor) throws(ProteanError) -> Tensor {
        let y = try self(x)
        return try y.reshaped(to: [y.shape.first ?? 0, y.shape.dropFirst().reduce(1, *)])
    }

    /// Multiply-adds for one sample of a batch of this shape.
    func multiplyAdds(forOne shape: [Int]) throws(ProteanError) -> Int {
        try cost(for: [1] + shape.dropFirst()).multiplyAdds
    }
}

extension Tensor {
    /// For each row the mean of its entries among `values`, whose rows belong to `owners`, added in
    /// order; zeros for a row without any. The divisor is at least 1.
    static func means(
        of values: Tensor, owners: [Int], batch: Int
    ) throws(ProteanError) -> Tensor {
        let size = values.shape[1]
        var sums = try Tensor(zeros: [batch, size])
        var counts = [Int](repeating: 0, count: batch)
        // One pass per rank among a row's entries, so that every row adds in its own order.
        var ranks: [[Int]] = []
        for (index, owner) in owners.enumerated() {
            if ranks.count == counts[owner] { ranks.append([]) }
            ranks[counts[owner]].append(index)
            counts[owner] += 1
        }
        for entries in ranks {
            let sorted = entries.sorted { owners[$0] < owners[$1] }
            let part = try Operations.indexSelect(values, axis: 0, indices: sorted)
            let plan = RowPlan(trusted: sorted.map { owners[$0] }, batch: batch)
            try Operations.addRows(part, plan, to: &sums)
        }
        let divisors = try Tensor(counts.map { Float(max($0, 1)) }, shape: [batch, 1])
        return try sums / divisors
    }
}
