/// The values that a pickle has memoised, by number.
///
/// Writers count upwards, so most values are stored in an array, which is never much longer than
/// twice the number of values in it; numbers far beyond its end are stored in a table.
struct PickleMemo {
    private var dense: [UInt32] = []
    private var sparse: [UInt32: PickleValue] = [:]
    /// Number of memoised values.
    private(set) var count = 0

    /// Marks a number without a value; no value has these bits.
    private static let empty = UInt32.max

    subscript(index: Int) -> PickleValue? {
        get {
            guard index < dense.count else { return sparse[UInt32(truncatingIfNeeded: index)] }
            return dense[index] == Self.empty ? nil : PickleValue(bits: dense[index])
        }
        set {
            guard let value = newValue else { return }
            if self[index] == nil { count += 1 }
            if index >= dense.count, index <= 2 * count + 256 {
                while dense.count <= index { appendPlace() }
            }
            if index < dense.count {
                dense[index] = value.bits
            } else {
                sparse[UInt32(truncatingIfNeeded: index)] = value
            }
        }
    }

    private mutating func appendPlace() {
        let moved = sparse.isEmpty ? nil : sparse.removeValue(forKey: UInt32(dense.count))
        dense.append(moved?.bits ?? Self.empty)
    }
}
