/// An error in a benchmark case, with its position.
package struct CaseError: Error, Equatable, CustomStringConvertible {
    /// The position of the case: `FILE:LINE`, or `--case` with its position.
    package var place: String
    /// The case's name, once it is known.
    package var name: String?
    /// The key that is wrong; nil if it is the line as a whole.
    package var key: String?
    /// The expected value.
    package var expected: String
    /// The value found.
    package var found: String

    /// Describes a problem.
    package init(
        place: String, name: String? = nil, key: String? = nil, expected: String, found: String
    ) {
        self.place = place
        self.name = name
        self.key = key
        self.expected = expected
        self.found = found
    }

    /// One line that is safe to print on a terminal.
    package var description: String {
        let parts = [
            place, name.map { "case '\($0)'" }, key.map { "key '\($0)'" },
            "expected \(expected), found \(found)",
        ]
        return parts.compactMap(\.self).joined(separator: ": ")
    }
}
