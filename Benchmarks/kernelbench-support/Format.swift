import Foundation

/// Numbers in readable form.
package enum Format {
    /// `1.23 ms`: three digits and a fitting unit.
    package static func seconds(_ value: Double) -> String {
        switch value {
        case ..<1e-6: digits(value * 1e9) + " ns"
        case ..<1e-3: digits(value * 1e6) + " us"
        case ..<1: digits(value * 1e3) + " ms"
        default: digits(value) + " s"
        }
    }

    /// Three significant digits, never an exponent.
    package static func digits(_ value: Double) -> String {
        guard value.isFinite else { return "-" }
        switch abs(value) {
        case ..<9.995: return String(format: "%.2f", value)
        case ..<99.95: return String(format: "%.1f", value)
        default: return String(format: "%.0f", value)
        }
    }

    /// `12.3%` of a share.
    package static func percent(_ share: Double) -> String {
        share.isFinite ? String(format: "%.1f%%", share * 100) : "-"
    }

    /// `1.5 GiB`.
    package static func bytes(_ value: Double) -> String {
        let units = ["bytes", "KiB", "MiB", "GiB", "TiB"]
        var scaled = value
        var unit = 0
        while scaled >= 1024, unit + 1 < units.count {
            scaled /= 1024
            unit += 1
        }
        return digits(scaled) + " " + units[unit]
    }
}
