/// How keys of a weight file become parameter paths.
public struct KeyMap: Sendable {
    /// The path for a key, or nil for a key that the model does not use on purpose.
    let path: @Sendable (String) -> String?

    /// A map given by a function; nil drops a key without complaint.
    public init(_ path: @escaping @Sendable (String) -> String?) { self.path = path }

    /// Every key is a path already.
    public static let identity = KeyMap { $0 }
}
