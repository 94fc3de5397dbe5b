/// Prefixes of keys: whole parts of a path with the dot after them. Names are compared by bytes.
enum KeyPrefix {
    /// The maximum number of parts of a prefix that is detected automatically.
    static let maximumDepth = 4
    /// The maximum number of groups of keys with a common first part that are examined.
    static let maximumGroups = 16
    /// Parts that wrappers also insert into the middle of a path, when they wrap a part of a model.
    static let wrappers = [
        "module", "_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module",
    ]

    /// `prefix` with the dot that ends it; empty for an empty prefix.
    static func closed(_ prefix: String) -> String {
        prefix.isEmpty || prefix.utf8.last == UInt8(ascii: ".") ? prefix : prefix + "."
    }

    /// The part of `name` after `prefix`; nil if `name` does not begin with it or ends there.
    static func remainder(of name: String, behind prefix: String) -> String? {
        let (bytes, start) = (name.utf8, prefix.utf8)
        guard bytes.count > start.count, bytes.starts(with: start) else { return nil }
        return prefix.isEmpty ? name : String(decoding: bytes.dropFirst(start.count), as: UTF8.self)
    }

    /// Everything before the last part of a path.
    static func parent(of name: String) -> String {
        guard let dot = name.utf8.lastIndex(of: UInt8(ascii: ".")) else { return "" }
        return String(decoding: name.utf8[..<dot], as: UTF8.self)
    }

    /// The prefixes that all of `names` have, of one part, of two and so on up to `depth`.
    static func common(_ names: [String], depth: Int) -> [String] {
        guard let first = names.first else { return [] }
        var found: [String] = []
        for (index, byte) in first.utf8.enumerated() where byte == UInt8(ascii: ".") {
            guard found.count < depth else { break }
            let prefix = String(decoding: first.utf8.prefix(index + 1), as: UTF8.self)
            guard names.allSatisfy({ remainder(of: $0, behind: prefix) != nil }) else { break }
            found.append(prefix)
        }
        return found
    }

    /// The distinct first parts of `names` in the file's order, as prefixes; none if there are more
    /// than ``maximumGroups``.
    static func groups(_ names: [String]) -> [String] {
        var seen: Set<ExactName> = []
        var found: [String] = []
        for name in names {
            guard let dot = name.utf8.firstIndex(of: UInt8(ascii: ".")) else { continue }
            let prefix = String(decoding: name.utf8[...dot], as: UTF8.self)
            guard seen.insert(ExactName(prefix)).inserted else { continue }
            guard found.count < maximumGroups else { return [] }
            found.append(prefix)
        }
        return found
    }

    /// `name` without the parts that wrappers add, wherever they stand.
    static func withoutWrappers(_ name: String) -> String {
        let parts = name.utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        let kept = parts.filter { part in
            !wrappers.contains { part.elementsEqual($0.utf8) }
        }
        guard kept.count < parts.count else { return name }
        let bytes = Array(kept.joined(separator: [UInt8(ascii: ".")]))
        return String(decoding: bytes, as: UTF8.self)
    }
}
