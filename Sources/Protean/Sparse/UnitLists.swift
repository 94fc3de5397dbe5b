/// For every row of a batch the units (output channels, neurons, experts) that it computes.
public struct UnitLists: Sendable, Hashable {
    /// Number of units that a row could compute.
    public let width: Int
    /// Where each row's list begins in ``units``; one more entry than rows.
    let offsets: [Int]
    /// The lists one after the other, each ascending.
    let units: [Int32]

    /// The lists of a decision, whose actions are the units.
    public init(_ choice: Choice) {
        width = choice.actions
        var offsets = [0], units: [Int32] = []
        for picks in choice.picks {
            units += picks.map { Int32($0.action) }
            offsets.append(units.count)
        }
        self.offsets = offsets
        self.units = units
    }

    /// Lists, checked.
    ///
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)`` when a list is not
    ///   ascending or has a unit out of range.
    public init(_ lists: [[Int]], width: Int) throws(ProteanError) {
        try checkChannels(width, "width", layer: "UnitLists")
        for (row, list) in lists.enumerated() {
            let ascends = zip(list, list.dropFirst()).allSatisfy { $0 < $1 }
            guard ascends, list.allSatisfy({ (0..<width).contains($0) }) else {
                throw .invalidOption(
                    layer: "UnitLists", option: "row \(row)",
                    expected: "ascending units of 0..<\(width)", found: "\(list)")
            }
        }
        self.width = width
        offsets = lists.reduce(into: [0]) { $0.append($0[$0.count - 1] + $1.count) }
        units = lists.flatMap { $0.map { Int32($0) } }
    }

    /// Number of rows.
    public var rows: Int { offsets.count - 1 }

    /// Number of units of all rows.
    public var count: Int { units.count }

    /// A row's units, ascending.
    public subscript(row: Int) -> [Int] {
        units[offsets[row]..<offsets[row + 1]].map { Int($0) }
    }
}
