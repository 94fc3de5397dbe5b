/// What loading did beside setting parameters: a successful load's remarks for people.
public struct LoadingReport: Sendable, Equatable {
    /// What stood in front of every key in the file, with its dot; empty for nothing.
    public let prefix: String
    /// One sentence for each thing that the file's names alone do not say, such as a prefix that was
    /// taken off; empty when there is nothing to remark.
    public let notes: [String]

    /// A report.
    public init(prefix: String = "", notes: [String] = []) {
        self.prefix = prefix
        self.notes = notes
    }
}
