/// Something that a weight file holds beside its tensors: a number, a text, an object of somebody's
/// class. Such objects are inert: they are named, never made and never run.
public struct CheckpointObject: Sendable, Equatable {
    /// Where it lies: the keys that lead to it, joined by dots.
    public let path: String
    /// What it is: `int`, `str`, `dict`, or a class's full name such as `argparse.Namespace`.
    public let typeName: String

    /// Describes one object.
    public init(path: String, typeName: String) {
        self.path = path
        self.typeName = typeName
    }

    /// The most objects that a checkpoint lists.
    public static let maximumCount = 256
}
