/// A kind of file that is often mistaken for a readable weight file: what it is, and what to do
/// about it.
///
/// See ``ForeignFormat/recognise(_:)``.
public struct ForeignFormat: Equatable, Sendable {
    /// The kind of file, such as `an ONNX model`.
    public let name: String
    /// Advice to the user.
    public let advice: String

    /// A kind of file.
    public init(name: String, advice: String) {
        self.name = name
        self.advice = advice
    }
}
