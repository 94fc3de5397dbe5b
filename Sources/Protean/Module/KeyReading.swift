/// One way to read the names in a file as a module's keys.
struct KeyReading {
    /// A name in the file, and the key that it stands for.
    struct Entry {
        let name: String
        let key: String
    }

    /// The prefix of every key in the file.
    let prefix: String
    let entries: [Entry]
    /// A remark for the user on how the names were changed; nil if they were not.
    let note: String?

    /// The names under `prefix`, chosen by the caller; other names are ignored.
    init(_ checkpoint: Checkpoint, under chosen: String) {
        let prefix = KeyPrefix.closed(chosen)
        self.prefix = prefix
        entries = checkpoint.names.compactMap { name in
            KeyPrefix.remainder(of: name, behind: prefix).map { Entry(name: name, key: $0) }
        }
        let rest = checkpoint.names.count - entries.count
        note =
            rest == 0 || prefix.isEmpty
            ? nil : "\(rest) keys outside of `\(prefix.escaped)` were not looked at"
    }

    private init(prefix: String, entries: [Entry], note: String?) {
        self.prefix = prefix
        self.entries = entries
        self.note = note
    }

    /// The readings that are tried when the caller chose none: the names as they are, without their
    /// common prefix, and without the parts that wrappers insert.
    static func candidates(_ checkpoint: Checkpoint) -> [KeyReading] {
        // A counter that weight averaging stores next to the model.
        let names = checkpoint.names.filter { $0 != "n_averaged" }
        var found = [KeyReading(checkpoint, under: "")]
        for prefix in KeyPrefix.common(names, depth: KeyPrefix.maximumDepth) {
            let entries = names.compactMap { name in
                KeyPrefix.remainder(of: name, behind: prefix).map { Entry(name: name, key: $0) }
            }
            found.append(
                KeyReading(
                    prefix: prefix, entries: entries,
                    note: "every key begins with `\(prefix.escaped)`, which was taken off"))
        }
        let plain = names.map { Entry(name: $0, key: KeyPrefix.withoutWrappers($0)) }
        if plain.contains(where: { $0.key.utf8.count != $0.name.utf8.count }) {
            found.append(
                KeyReading(
                    prefix: "", entries: plain,
                    note: "parts of keys that wrappers add ("
                        + KeyPrefix.wrappers.prefix(2).map { "`\($0).`" }.joined(separator: ", ")
                        + "…) were taken out"))
        }
        return found
    }

    /// A view of the file under the keys instead of its names; nil if two names give the same key.
    func view(of checkpoint: Checkpoint) -> Checkpoint? {
        guard note != nil || !prefix.isEmpty else { return checkpoint }
        return try? Checkpoint(
            source: checkpoint.source, format: checkpoint.format,
            tensors: entries.compactMap { entry in
                checkpoint[entry.name].map { (entry.key, $0) }
            }, metadata: checkpoint.metadata)
    }
}
