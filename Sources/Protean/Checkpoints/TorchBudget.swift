/// A count of work that a file causes, with a limit that grows with the file's length.
struct TorchBudget {
    private let what: String
    /// How much may be spent.
    var limit = 0
    private var spent = 0

    /// A budget named as in errors.
    init(_ what: String) { self.what = what }

    /// - Throws: ``WeightFileProblem/limitExceeded(what:limit:found:)`` when nothing is left.
    mutating func spend(_ amount: Int) throws(WeightFileProblem) {
        spent += amount
        guard spent <= limit else {
            throw .limitExceeded(what: what, limit: limit, found: spent)
        }
    }
}
