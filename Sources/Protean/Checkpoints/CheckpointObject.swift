/// An object in a weight file that is not a tensor: a number, a text, an object of some class. Such
/// objects are inert: they are listed, but never constructed and never run.
public struct CheckpointObject: Sendable, Equatable {
    /// The object's path: the keys that lead to it, joined by dots.
    public let path: String
    /// The object's type: `int`, `str`, `dict`, or a class's full name such as
    /// `argparse.Namespace`.
    public let typeName: String

    /// Describes one object.
    public init(path: String, typeName: String) {
        self.path = path
        self.typeName = typeName
    }

    /// The most objects that a checkpoint lists.
    public static let maximumCount = 256
}
