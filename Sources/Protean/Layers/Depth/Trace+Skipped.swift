extension Trace {
    /// Tells the active trace which rows left work out: an event with their multiply-adds, none of
    /// them executed, so that totals know the whole network.
    ///
    /// - Parameters:
    ///   - rows: the rows that were not computed.
    ///   - module: what they left out.
    ///   - input: the shape of its input with all rows.
    ///   - multiplyAdds: of one row; asked for only if a trace is active.
    static func noteSkipped(
        _ rows: RowPlan, by module: some Module, input: [Int],
        multiplyAdds: () throws(ProteanError) -> Int
    ) throws(ProteanError) {
        guard !rows.isEmpty, let trace = current else { return }
        let saved = rows.count * (try multiplyAdds())
        let shape = [rows.count] + input.dropFirst()
        trace.append(
            Event(
                path: module.place, layer: module.typeName, inputShape: shape, outputShape: shape,
                cost: Cost(multiplyAdds: saved, executedMultiplyAdds: 0), seconds: 0, mask: nil,
                rows: try RowScope.origin(batch: rows.batch).narrowed(to: rows),
                executedByRow: [Int](repeating: 0, count: rows.count)))
    }
}
