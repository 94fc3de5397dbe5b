import Protean

/// Turns the logits of a plate reader into text.
///
/// The most likely class of every step, repetitions merged, blanks dropped: greedy decoding of
/// connectionist temporal classification (Graves, Fernández, Gomez, Schmidhuber, ICML 2006). Ties go
/// to the lower class. (The script of the published network also drops the first step's character
/// unless a blank comes before it; here it is kept, as the definition has it.)
public struct PlateAlphabet: Sendable, Hashable {
    /// The characters in order of their classes; the last is the blank.
    public let characters: [String]

    /// An alphabet of the given characters, the last of which is the blank.
    ///
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)`` for fewer than two.
    public init(_ characters: [String]) throws(ProteanError) {
        guard characters.count >= 2 else {
            throw .invalidOption(
                layer: "PlateAlphabet", option: "characters", expected: "at least 2",
                found: "\(characters.count)")
        }
        self.characters = characters
    }

    private init(trusted characters: [String]) { self.characters = characters }

    /// Number of classes.
    public var count: Int { characters.count }

    /// The published network's 68 classes: 31 provinces, digits, letters and the blank.
    public static let published = PlateAlphabet(
        trusted: """
            京沪津渝冀晋蒙辽吉黑苏浙皖闽赣鲁豫鄂湘粤桂琼川贵云藏陕甘青宁新\
            0123456789ABCDEFGHJKLMNPQRSTUVWXYZIO-
            """.map { String($0) })

    /// The text of every plate.
    ///
    /// - Parameter logits: `[batch, steps, classes]`.
    /// - Throws: ``ProteanError/shapeMismatch(layer:tensor:expected:found:)``, or
    ///   ``ProteanError/noValues(layer:)`` for logits without values.
    public func read(_ logits: Tensor) throws(ProteanError) -> [String] {
        guard logits.rank == 3, logits.shape[2] == count else {
            throw .shapeMismatch(
                layer: "PlateAlphabet", tensor: "logits", expected: "[batch, steps, \(count)]",
                found: logits.shape)
        }
        guard !logits.isShapeOnly else { throw .noValues(layer: "PlateAlphabet") }
        let (batch, steps) = (logits.shape[0], logits.shape[1])
        guard logits.count > 0 else { return [String](repeating: "", count: batch) }
        let classes = try Operations.argMax(logits, axis: 2).elements.map { Int($0) }
        return (0..<batch).map { text(classes[$0 * steps..<($0 + 1) * steps]) }
    }

    /// Repetitions merged, blanks dropped.
    private func text(_ classes: ArraySlice<Int>) -> String {
        var text = "", before = count - 1
        for found in classes {
            if found != before, found != count - 1 { text += characters[found] }
            before = found
        }
        return text
    }
}
