/// Remarks on a successful load.
public struct LoadingReport: Sendable, Equatable {
    /// The prefix of every key in the file, with its dot; empty for none.
    public let prefix: String
    /// One sentence for each change of the file's names, such as a removed prefix; empty if there
    /// was none.
    public let notes: [String]

    /// A report.
    public init(prefix: String = "", notes: [String] = []) {
        self.prefix = prefix
        self.notes = notes
    }
}
