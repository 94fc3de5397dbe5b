/// The differences between a checkpoint and a model as one line: counts, the first names of each
/// kind, and their common pattern, if there is one.
struct MismatchText {
    /// Number of names of each kind in a short line.
    static let shortLimit = 5

    let missing, unused: [String]
    let misshapen: [MisshapenParameter]
    let hints: [String]

    /// The line, with at most `limit` names of each kind.
    func line(file: String, limit: Int) -> String {
        var parts: [String] = []
        if !missing.isEmpty {
            parts.append("missing \(missing.count): " + list(missing.map(\.escaped), limit))
        }
        if !unused.isEmpty {
            parts.append("unused \(unused.count): " + list(unused.map(\.escaped), limit))
        }
        if !misshapen.isEmpty {
            let shown = misshapen.prefix(limit).map {
                "\($0.name.escaped) expected \($0.expected) found \($0.found)"
            }
            parts.append(
                "misshapen \(misshapen.count): " + list(shown, limit, of: misshapen.count))
        }
        return "\(file.escaped): weights do not fit the model: "
            + (parts + patterns + hints).joined(separator: "; ")
    }

    private func list(_ names: [String], _ limit: Int, of count: Int? = nil) -> String {
        let rest = (count ?? names.count) - min(names.count, limit)
        return names.prefix(limit).joined(separator: ", ") + (rest > 0 ? " and \(rest) more" : "")
    }

    /// The common pattern of all names or shapes of a kind.
    private var patterns: [String] {
        var found: [String] = []
        if let classifier { found.append(classifier) }
        if let transposed { found.append(transposed) }
        for (kind, names) in [("missing", missing), ("unused", unused)] where names.count > 1 {
            if let prefix = KeyPrefix.common(names, depth: KeyPrefix.maximumDepth).last,
                !hints.contains(where: { $0.contains("`\(prefix.escaped)`") })
            {
                found.append("every \(kind) key begins with `\(prefix.escaped)`")
            }
        }
        return found
    }

    /// Only the sizes of the last layer's outputs differ.
    private var classifier: String? {
        guard missing.isEmpty, unused.isEmpty, let first = misshapen.first,
            let wanted = first.expected.first, let given = first.found.first, wanted != given,
            misshapen.count <= 2
        else { return nil }
        let layer = KeyPrefix.parent(of: first.name)
        for entry in misshapen {
            guard KeyPrefix.parent(of: entry.name) == layer, entry.expected.first == wanted,
                entry.found.first == given, entry.expected.dropFirst() == entry.found.dropFirst()
            else { return nil }
        }
        return "only the classifier differs: \(given) classes in the file instead of \(wanted)"
    }

    /// The file's axes are the model's in a different order.
    private var transposed: String? {
        guard !misshapen.isEmpty else { return nil }
        for entry in misshapen {
            let isTurned = entry.found == entry.expected.reversed()
            let isOther =
                entry.found.count == 4 && entry.expected.count == 4
                && [[2, 3, 1, 0], [0, 2, 3, 1]].contains { order in
                    order.map { entry.expected[$0] } == entry.found
                }
            guard isTurned || isOther else { return nil }
        }
        return "the file's shapes are the model's with axes in another order (transposed)"
    }
}
