/// A budget for the work that a file causes, with a limit proportional to the file's length.
struct TorchBudget {
    private let what: String
    /// The maximum amount.
    var limit = 0
    private var spent = 0

    /// A budget with a name for errors.
    init(_ what: String) { self.what = what }

    /// - Throws: ``WeightFileProblem/limitExceeded(what:limit:found:)`` when the budget is
    ///   exceeded.
    mutating func spend(_ amount: Int) throws(WeightFileProblem) {
        spent += amount
        guard spent <= limit else {
            throw .limitExceeded(what: what, limit: limit, found: spent)
        }
    }
}
