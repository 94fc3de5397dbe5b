/// What is wrong with a benchmark case, and where.
package struct CaseError: Error, Equatable, CustomStringConvertible {
    /// Where the case stands: `FILE:LINE`, or `--case` with its position.
    package var place: String
    /// The case's name, once it is known.
    package var name: String?
    /// The key that is wrong; nil when it is the line as a whole.
    package var key: String?
    /// What would have been right.
    package var expected: String
    /// What was found.
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

    /// One line fit for a terminal.
    package var description: String {
        let parts = [
            place, name.map { "case '\($0)'" }, key.map { "key '\($0)'" },
            "expected \(expected), found \(found)",
        ]
        return parts.compactMap(\.self).joined(separator: ": ")
    }
}
