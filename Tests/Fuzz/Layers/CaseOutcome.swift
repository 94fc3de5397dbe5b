/// What came of one case.
struct CaseOutcome: Codable {
    enum Result: String, Codable {
        /// The layer gave a result that passed all checks.
        case ran
        /// A typed error.
        case refused
        /// A check failed.
        case failed
        /// The process ended.
        case crashed
    }

    var number: Int
    var layer: String
    var kind: String
    var result: Result
    /// The error, or which check failed.
    var note: String
    /// The most processor seconds that building or one run took.
    var seconds: Double = 0
    /// Peak of resident memory above what the process had before, in MiB.
    var mebibytes: Double = 0
    /// Instruction sets that gave a result.
    var sets: [String] = []
}
