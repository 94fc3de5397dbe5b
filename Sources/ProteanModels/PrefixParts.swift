import Protean

/// The rows of a batch in parts of equal width: rows that computed equally many channels lie together.
struct PrefixParts {
    private var parts: [(rows: [Int], map: Tensor)]
    private let batch: Int

    /// One part with all rows.
    init(_ x: Tensor) {
        batch = x.shape.first ?? 0
        parts = [(Array(0..<batch), x)]
    }

    private init(_ parts: [(rows: [Int], map: Tensor)], batch: Int) {
        self.parts = parts
        self.batch = batch
    }

    /// The mean of every channel, `[batch, channels]`, in order of the rows; 0 for channels that a row
    /// does not have.
    func means(channels: Int) throws(ProteanError) -> Tensor {
        if parts.contains(where: { $0.map.isShapeOnly }) {
            return try Tensor(shapeOnly: [batch, channels])
        }
        var values = [Float](repeating: 0, count: batch * channels)
        for (rows, map) in parts where !rows.isEmpty {
            let width = map.shape[3], own = try Operations.globalAveragePool(map).elements
            for (position, row) in rows.enumerated() {
                for c in 0..<width { values[row * channels + c] = own[position * width + c] }
            }
        }
        return try Tensor(values, shape: [batch, channels])
    }

    /// The rows of each action as one or more parts of their own; an action that no row chose is not
    /// called.
    func applying(
        _ actions: [Int], _ body: (Tensor, Int) throws(ProteanError) -> Tensor
    ) throws(ProteanError) -> PrefixParts {
        var found: [Int: (rows: [Int], maps: [Tensor])] = [:]
        for (rows, map) in parts {
            let chosen = Set(rows.map { actions[$0] })
            for action in chosen.sorted() {
                let keep = RowPlan(where: rows.map { actions[$0] == action })
                let own = map.isShapeOnly ? map : try Operations.gatherRows(map, keep)
                let kept = keep.rows.map { rows[$0] }
                let scope = try RowPlan(rows: kept.sorted(), batch: batch)
                let result = try RowScope.with(scope) { () throws(ProteanError) in
                    try body(own, action)
                }
                found[action, default: ([], [])].rows += kept
                found[action, default: ([], [])].maps.append(result)
            }
            // An empty batch has no action, but a shape.
            if rows.isEmpty { found[0] = ([], [try body(map, 0)]) }
        }
        var next: [(rows: [Int], map: Tensor)] = []
        for (_, entry) in found.sorted(by: { $0.key < $1.key }) {
            let map =
                entry.maps.count == 1
                ? entry.maps[0] : try Operations.concatenate(entry.maps, axis: 0)
            next.append((entry.rows, map))
        }
        return PrefixParts(next, batch: batch)
    }

    /// One map of all rows in order, with zeros for the channels that a row does not have.
    func joined(channels: Int) throws(ProteanError) -> Tensor {
        var rows: [Int] = [], maps: [Tensor] = []
        for part in parts {
            rows += part.rows
            let missing = channels - part.map.shape[3]
            maps.append(
                missing == 0
                    ? part.map
                    : try Operations.subsampleAndPadChannels(
                        part.map, stride: 1, before: 0, after: missing))
        }
        let joined = maps.count == 1 ? maps[0] : try Operations.concatenate(maps, axis: 0)
        if rows == Array(0..<batch) { return joined }
        var order = [Int](repeating: 0, count: batch)
        for (position, row) in rows.enumerated() { order[row] = position }
        return try Operations.indexSelect(joined, axis: 0, indices: order)
    }
}
