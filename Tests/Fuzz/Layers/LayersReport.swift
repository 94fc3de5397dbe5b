import Foundation

/// Sums over outcomes, and what is to be mended.
struct LayersReport: Codable {
    /// What happened to one layer's cases.
    struct Layer: Codable {
        var ran = 0
        var refused = 0
    }

    var seed: UInt64
    var sets: [String]
    var cases = 0
    var layers: [String: Layer] = [:]
    var slowest: CaseOutcome?
    var largest: CaseOutcome?
    var findings: [CaseOutcome] = []

    mutating func add(_ outcome: CaseOutcome) {
        cases += 1
        switch outcome.result {
        case .ran: layers[outcome.layer, default: Layer()].ran += 1
        case .refused: layers[outcome.layer, default: Layer()].refused += 1
        case .failed, .crashed: findings.append(outcome)
        }
        if outcome.seconds > slowest?.seconds ?? 0 { slowest = outcome }
        if outcome.mebibytes > largest?.mebibytes ?? 0 { largest = outcome }
    }

    /// Layers of which not one case gave a result.
    func neverRan(of names: [String]) -> [String] { names.filter { layers[$0]?.ran ?? 0 == 0 } }

    /// Lines for a terminal.
    func lines(reproduce: (Int) -> String) -> [String] {
        var lines = layers.sorted { $0.key < $1.key }.map { name, layer in
            "\(name): \(layer.ran) ran, \(layer.refused) refused"
        }
        for outcome in findings {
            lines.append(
                "case \(outcome.number) \(outcome.layer) (\(outcome.kind)) \(outcome.result.rawValue): "
                    + outcome.note)
            lines.append("  again: \(reproduce(outcome.number))")
        }
        if let slowest {
            lines.append(
                "slowest: case \(slowest.number), \(slowest.layer), "
                    + String(format: "%.2f s of processor time", slowest.seconds))
        }
        if let largest {
            lines.append(
                "largest: case \(largest.number), \(largest.layer), "
                    + String(format: "%.0f MiB", largest.mebibytes))
        }
        let ran = layers.values.reduce(0) { $0 + $1.ran }
        lines.append(
            "\(cases) cases on \(sets.joined(separator: ", ")): \(ran) ran, "
                + "\(cases - ran - findings.count) refused, \(findings.count) findings")
        return lines
    }
}
