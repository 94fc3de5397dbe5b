extension Tensor: CustomStringConvertible, CustomDebugStringConvertible {
    /// Shape and values, such as `Tensor [3]: [1.0, 2.0, 3.0]`.
    ///
    /// Up to ``fullDescriptionCount`` elements are all written. For a larger tensor each axis shows
    /// its first and last three entries with `…` between them, one line per row, and axes before
    /// the last four only their first entry: the cost does not grow with the tensor. Elements of
    /// more than eight axes are written as one list.
    public var description: String {
        guard let storage else { return "Tensor \(shape), without values" }
        let writer = ElementWriter(
            base: storage.base, shape: rank > 8 ? [count] : shape,
            edge: count > Self.fullDescriptionCount ? 3 : nil)
        let text = count == 0 ? "[]" : withExtendedLifetime(storage) { writer.text() }
        return "Tensor \(shape):\(text.contains("\n") ? "\n" : " ")\(text)"
    }

    /// ``description``.
    public var debugDescription: String { description }

    /// The most elements that ``description`` writes without leaving any out, as in NumPy.
    public static let fullDescriptionCount = 1000
}

/// Writes elements as nested lists.
private struct ElementWriter {
    let base: UnsafePointer<Float>
    let shape: [Int]
    /// Number of entries shown at each end of an axis; nil for all.
    let edge: Int?

    func text() -> String { text(axis: 0, offset: 0) }

    private func text(axis: Int, offset: Int) -> String {
        guard axis < shape.count else { return "\(base[offset])" }
        let stride = shape[(axis + 1)...].reduce(1, *)
        let (head, tail) = shown(axis)
        var parts = head.map { text(axis: axis + 1, offset: offset + $0 * stride) }
        if head.count + tail.count < shape[axis] { parts.append("…") }
        parts += tail.map { text(axis: axis + 1, offset: offset + $0 * stride) }
        let isRow = axis == shape.count - 1
        let indent = String(repeating: " ", count: axis + 1)
        return "[\(parts.joined(separator: isRow ? ", " : ",\n" + indent))]"
    }

    /// The entries of an axis that are written.
    private func shown(_ axis: Int) -> (head: Range<Int>, tail: Range<Int>) {
        let size = shape[axis]
        guard let edge else { return (0..<size, size..<size) }
        let kept = axis < shape.count - 4 ? (1, 0) : (edge, edge)
        if size <= kept.0 + kept.1 { return (0..<size, size..<size) }
        return (0..<kept.0, size - kept.1..<size)
    }
}
