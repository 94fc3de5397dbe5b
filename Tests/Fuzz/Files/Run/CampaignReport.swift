import Foundation
import Protean

/// What a run came to, by format.
struct CampaignReport: Encodable {
    struct Row: Encodable {
        var format: FileFormat
        var cases = 0
        var read = 0
        var worstSeconds = 0.0
        var worstSecondsCase = 0
        var worstBytes = 0
        var worstBytesCase = 0
    }

    private(set) var rows: [Row] = []
    private(set) var failures: [CaseResult] = []

    mutating func add(_ result: CaseResult) {
        let place = rows.firstIndex { $0.format == result.format } ?? rows.count
        if place == rows.count { rows.append(Row(format: result.format)) }
        rows[place].cases += 1
        rows[place].read += result.isRead ? 1 : 0
        if result.seconds > rows[place].worstSeconds {
            rows[place].worstSeconds = result.seconds
            rows[place].worstSecondsCase = result.index
        }
        if let bytes = result.bytes, bytes > rows[place].worstBytes {
            rows[place].worstBytes = bytes
            rows[place].worstBytesCase = result.index
        }
        if !result.problems.isEmpty { failures.append(result) }
    }

    var cases: Int { rows.reduce(0) { $0 + $1.cases } }

    /// A table, then a paragraph per failure with how to see it again.
    func text(_ plan: CampaignPlan) -> String {
        var lines = [
            "format         cases    read   worst CPU s (case)   worst MiB (case)"
        ]
        for row in rows {
            lines.append(
                pad(row.format.rawValue, 12) + left(row.cases, 8) + left(row.read, 8)
                    + String(format: "%14.3f", row.worstSeconds) + " (\(row.worstSecondsCase))"
                    + String(format: "%12.1f", Double(row.worstBytes) / 0x1p20)
                    + " (\(row.worstBytesCase))")
        }
        for failure in failures {
            lines.append("")
            lines.append(
                "case \(failure.index): \(failure.format.rawValue), \(failure.label), "
                    + "\(failure.size) bytes")
            lines += failure.problems.map { "  " + $0.escaped }
            lines.append(
                "  again: protean-fuzz files " + plan.arguments.joined(separator: " ")
                    + " --only \(failure.index)")
        }
        lines.append("")
        lines.append("\(cases) cases, \(failures.count) failures")
        return lines.joined(separator: "\n")
    }

    private func pad(_ text: String, _ width: Int) -> String {
        text + String(repeating: " ", count: max(0, width - text.count))
    }

    private func left(_ number: Int, _ width: Int) -> String {
        String(repeating: " ", count: max(0, width - "\(number)".count)) + "\(number)"
    }
}
