/// A name that equals another only if both have the same UTF-8 bytes.
///
/// Swift's `String` compares by canonical equivalence: `é` in one scalar equals `é` in two, and long
/// runs of combining characters are normalised in quadratic time. Names in files are bytes to
/// PyTorch and safetensors, so tables of names use this as their key.
package struct ExactName: Hashable, Sendable {
    /// The name.
    package let text: String

    /// A key for `text`; linear in its length.
    package init(_ text: String) {
        var text = text
        text.makeContiguousUTF8()
        self.text = text
    }

    package static func == (left: ExactName, right: ExactName) -> Bool {
        left.text.utf8.elementsEqual(right.text.utf8)
    }

    package func hash(into hasher: inout Hasher) {
        var text = text
        text.withUTF8 { hasher.combine(bytes: UnsafeRawBufferPointer($0)) }
        hasher.combine(0xFF as UInt8)
    }
}
