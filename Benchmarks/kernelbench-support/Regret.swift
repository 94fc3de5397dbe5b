import Protean

/// What the choice of a convolution's algorithm costs on this machine: the time of the chosen
/// algorithm against the fastest one that applies.
package struct Regret {
    /// One case under one configuration.
    package struct Choice: Sendable {
        /// The case.
        package let name: String
        /// How it was run.
        package let configuration: Configuration
        /// The algorithm that the estimates chose.
        package let chosen: String
        /// The other algorithms: measured time and estimate, both divided by those of the chosen.
        package let others: [(algorithm: String, measured: Double, estimated: Double)]

        /// The fastest algorithm.
        package var fastest: String {
            guard let best = others.min(by: { $0.measured < $1.measured }), best.measured < 1 else {
                return chosen
            }
            return best.algorithm
        }

        /// Time of the chosen algorithm / time of the fastest - 1; 0 when they are the same.
        package var regret: Double {
            1 / min(1, others.map(\.measured).min() ?? 1) - 1
        }
    }

    /// Times of all cases.
    package internal(set) var results: [BenchmarkResult] = []
    /// Every case that had a choice.
    package internal(set) var choices: [Choice] = []

    /// The convolutions among `cases` whose algorithm is not fixed; throws ``CaseError`` if none is.
    static func cases(among cases: [BenchmarkCase]) throws(CaseError) -> [BenchmarkCase] {
        let found = cases.filter {
            $0.kernel == Conv2dBenchmark.name && $0.values[.algorithm] == nil
        }
        guard !found.isEmpty else {
            throw CaseError(
                place: "--regret", expected: "at least one conv2d case without algorithm=",
                found: "none")
        }
        return found
    }

    /// A table with one row per choice, then mean and maximum per configuration.
    package var text: String {
        let title = "regret: time of the chosen algorithm / time of the fastest - 1"
        let rows =
            [["case", "isa", "threads", "chosen", "fastest", "regret", "measured (estimated)"]]
            + choices.map { one in
                [
                    one.name, one.configuration.isa.rawValue, "\(one.configuration.threads)",
                    one.chosen, one.fastest, Format.percent(one.regret),
                    one.others.map {
                        "\($0.algorithm) \(Format.digits($0.measured))"
                            + " (\(Format.digits($0.estimated)))"
                    }.joined(separator: ", "),
                ]
            }
        return ([title, Self.aligned(rows)] + summary).joined(separator: "\n")
    }

    private static func aligned(_ rows: [[String]]) -> String {
        let widths = rows[0].indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
        return rows.map { row in
            let cells = row.indices.map { column in
                let space = widths[column] - row[column].count
                return row[column]
                    + String(repeating: " ", count: column == row.count - 1 ? 0 : space)
            }
            return cells.joined(separator: "  ")
        }.joined(separator: "\n")
    }

    private var summary: [String] {
        var seen: [Configuration] = []
        for one in choices where !seen.contains(one.configuration) {
            seen.append(one.configuration)
        }
        return seen.map { configuration in
            let regrets = choices.filter { $0.configuration == configuration }.map(\.regret)
            let mean = regrets.reduce(0, +) / Double(regrets.count)
            return "\(configuration.isa.rawValue), \(TableReport.threads(configuration.threads)): "
                + "mean \(Format.percent(mean)), "
                + "maximum \(Format.percent(regrets.max() ?? 0)) of \(regrets.count) choices"
        }
    }
}
