/// Names similar to a misspelt one, for suggestions in errors.
enum SimilarNames {
    /// Maximum number of names compared, their maximum length, and the maximum number of
    /// suggestions.
    static let maximumCompared = 10_000, maximumLength = 100, maximumFound = 3
    /// Maximum number of letters inserted, deleted or replaced.
    static let maximumDistance = 3

    /// The names of `known` that end like `name`, or differ from it in a few letters, best first.
    ///
    /// Costs at most ``maximumCompared`` comparisons of
    /// ``maximumLength`` · (2 · ``maximumDistance`` + 1) steps.
    static func find(_ name: String, among known: [String]) -> [String] {
        let wanted = Array(name.utf8)
        guard (1...maximumLength).contains(wanted.count) else { return [] }
        var found: [(distance: Int, name: String)] = []
        for candidate in known.prefix(maximumCompared) {
            let bytes = candidate.utf8
            guard bytes.count <= maximumLength else { continue }
            if isTail(wanted, of: Array(bytes)) || isTail(Array(bytes), of: wanted) {
                found.append((0, candidate))
            } else if let distance = distance(wanted, Array(bytes)),
                distance * 2 <= wanted.count
            {
                found.append((distance, candidate))
            }
        }
        // Ties are broken by index, so that they keep the file's order.
        let order = found.indices.sorted { (found[$0].distance, $0) < (found[$1].distance, $1) }
        return order.prefix(maximumFound).map { found[$0].name }
    }

    /// Whether `whole` is a path that ends with the path `tail`.
    private static func isTail(_ tail: [UInt8], of whole: [UInt8]) -> Bool {
        whole.count > tail.count && !tail.isEmpty && whole.suffix(tail.count).elementsEqual(tail)
            && whole[whole.count - tail.count - 1] == UInt8(ascii: ".")
    }

    /// Levenshtein's distance, or nil when it is above ``maximumDistance``.
    private static func distance(_ a: [UInt8], _ b: [UInt8]) -> Int? {
        let most = maximumDistance
        guard abs(a.count - b.count) <= most else { return nil }
        let far = most + 1
        var row = (0...b.count).map { min($0, far) }
        for i in 0..<a.count {
            // Entries outside the diagonal band exceed the largest allowed distance.
            let band = max(0, i - most)..<max(min(b.count, i + most + 1), max(0, i - most))
            var next = [Int](repeating: far, count: b.count + 1)
            next[0] = min(i + 1, far)
            for j in band {
                let replaced = row[j] + (a[i] == b[j] ? 0 : 1)
                next[j + 1] = min(replaced, row[j + 1] + 1, next[j] + 1, far)
            }
            row = next
        }
        return row[b.count] <= most ? row[b.count] : nil
    }
}
