/// How keys of a weight file become parameter paths.
///
/// Maps are composed from small ones, applied from left to right:
///
/// ```swift
/// KeyMap.removingPrefix("backbone.")
///     .then(.replacing(".downsample.", with: ".shortcut."))
///     .then(.dropping(prefix: "head."))
/// ```
/// Texts are compared byte by byte.
public struct KeyMap: Sendable {
    /// The path for a key, or nil for a key that the model deliberately does not use.
    let path: @Sendable (String) -> String?

    /// A map given by a function; nil drops a key without an error.
    public init(_ path: @escaping @Sendable (String) -> String?) { self.path = path }

    /// Every key is a path already.
    public static let identity = KeyMap { $0 }

    /// The path for a key; nil for a key that is dropped.
    public func callAsFunction(_ key: String) -> String? { path(key) }

    /// This map, then `next` on its result; a key that either drops is dropped.
    public func then(_ next: KeyMap) -> KeyMap {
        let first = path, second = next.path
        return KeyMap { first($0).flatMap(second) }
    }
}

extension KeyMap {
    /// Removes `prefix`, with its dot, from the keys that begin with it; others stay as they are.
    public static func removingPrefix(_ prefix: String) -> KeyMap {
        replacingPrefix(prefix, with: "")
    }

    /// Puts `prefix`, with its dot, in front of every key.
    public static func addingPrefix(_ prefix: String) -> KeyMap { KeyMap { prefix + $0 } }

    /// Replaces the prefix `prefix` by `other`; keys without it stay as they are.
    public static func replacingPrefix(_ prefix: String, with other: String) -> KeyMap {
        KeyMap { key in
            guard key.utf8.starts(with: prefix.utf8) else { return key }
            return other + String(decoding: key.utf8.dropFirst(prefix.utf8.count), as: UTF8.self)
        }
    }

    /// Replaces every occurrence of `text`, from left to right; an empty `text` changes nothing.
    public static func replacing(_ text: String, with other: String) -> KeyMap {
        let pattern = Array(text.utf8), replacement = Array(other.utf8)
        return KeyMap { key in
            guard !pattern.isEmpty else { return key }
            var result: [UInt8] = []
            var rest = Array(key.utf8)[...]
            while let next = rest.first {
                if rest.starts(with: pattern) {
                    result += replacement
                    rest = rest.dropFirst(pattern.count)
                } else {
                    result.append(next)
                    rest = rest.dropFirst()
                }
            }
            return String(decoding: result, as: UTF8.self)
        }
    }

    /// Drops keys that begin with `prefix`, such as those of a head that the model does not have.
    public static func dropping(prefix: String) -> KeyMap {
        KeyMap { $0.utf8.starts(with: prefix.utf8) ? nil : $0 }
    }
}
