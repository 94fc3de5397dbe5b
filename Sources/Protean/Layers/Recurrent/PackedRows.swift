/// Where the steps of a batch of sequences lie when all that exist are stored one after the other,
/// step by step: `torch.nn.utils.rnn.PackedSequence`.
///
/// Rows are ordered by length, longest first, rows of one length in their own order, so that the
/// rows that have a step t are the first ``counts``[t].
struct PackedRows: Sendable, Equatable {
    /// Rows of the batch, and steps of the padded tensor.
    let batch: Int, time: Int
    /// The row of the batch at each place of the order.
    let order: [Int]
    /// Steps of each row, in the batch's order.
    let lengths: [Int]
    /// Rows that have step t, for each t below the longest length.
    let counts: [Int]
    /// Where step t begins among the packed rows; one more entry than ``counts``.
    let offsets: [Int]

    init(batch: Int, time: Int, lengths: [Int]?) {
        self.batch = batch
        self.time = time
        let lengths = lengths ?? Array(repeating: time, count: batch)
        self.lengths = lengths
        order = lengths.indices.sorted {
            lengths[$0] != lengths[$1] ? lengths[$0] > lengths[$1] : $0 < $1
        }
        var ending = [Int](repeating: 0, count: time + 1)
        for length in lengths { ending[length] += 1 }
        var counts: [Int] = [], offsets = [0], alive = batch - ending[0]
        for t in 0..<time where alive > 0 {
            counts.append(alive)
            offsets.append(offsets[t] + alive)
            alive -= ending[t + 1]
        }
        self.counts = counts
        self.offsets = offsets
    }

    /// Number of packed rows: the sum of all lengths.
    var total: Int { offsets[offsets.count - 1] }

    /// The packed rows of step t.
    func range(_ t: Int) -> Range<Int> { offsets[t]..<offsets[t + 1] }

    /// For each packed row its row in `[batch, time]` or `[time, batch]`, flattened.
    func places(batchFirst: Bool) -> [Int] {
        var places: [Int] = []
        places.reserveCapacity(total)
        for (t, count) in counts.enumerated() {
            for index in 0..<count {
                let row = order[index]
                places.append(batchFirst ? row * time + t : t * batch + row)
            }
        }
        return places
    }
}
