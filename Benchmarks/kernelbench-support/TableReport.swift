import Protean

/// Results as a table of plain text.
package enum TableReport {
    static let header = [
        "case", "threads", "isa", "time", "spread", "GFLOP/s", "GB/s", "roofline", "p10", "bound",
        "speed-up", "executed", "of direct",
    ]

    static func cells(_ result: BenchmarkResult) -> [String] {
        [
            result.name, "\(result.configuration.threads)", result.configuration.isa.rawValue,
            Format.seconds(result.seconds), Format.percent(result.timing.spread),
            Format.digits(result.gflops), Format.digits(result.gbs),
            Format.percent(result.rooflineShare), Format.percent(result.undisturbedShare),
            result.bound.rawValue,
            result.speedup.map { Format.digits($0) + "x" } ?? "-",
            Format.percent(result.executedShare),
            result.realised.map(Format.percent) ?? "-",
        ]
    }

    /// The limits of the machine, one line each.
    package static func machine(_ rooflines: [Roofline]) -> String {
        var lines = ["\(MachineInfo.cpu), \(MachineInfo.processors) processors"]
        for one in rooflines {
            lines.append(
                "\(one.configuration.isa.rawValue), \(threads(one.configuration.threads)): "
                    + "multiply-add peak \(Format.digits(one.peakGflops)) GFLOP/s, "
                    + "copy \(Format.digits(one.copyGBs)) GB/s "
                    + "(read + written, \(Roofline.copyBytes >> 20) MiB), "
                    + "loads \(Format.digits(one.loadGBs)) GB/s (first-level cache)")
        }
        return lines.joined(separator: "\n")
    }

    static func threads(_ count: Int) -> String { count == 1 ? "1 thread" : "\(count) threads" }

    /// The table, one row per case and configuration. Names to the left, numbers to the right; the
    /// last column only if a case was measured in turns.
    package static func text(_ results: [BenchmarkResult]) -> String {
        let isCompared = results.contains { $0.realised != nil }
        let columns = header.indices.dropLast(isCompared ? 0 : 1)
        let rows = ([header] + results.map(cells)).map { Array($0[columns]) }
        let widths = columns.map { column in rows.map { $0[column].count }.max() ?? 0 }
        let leftAligned: Set<Int> = [0, 2, 9]
        return rows.map { row in
            let padded = row.indices.map { column in
                let space = String(repeating: " ", count: widths[column] - row[column].count)
                return leftAligned.contains(column) ? row[column] + space : space + row[column]
            }
            var line = padded.joined(separator: "  ")
            while line.last == " " { line.removeLast() }
            return line
        }.joined(separator: "\n")
    }
}
