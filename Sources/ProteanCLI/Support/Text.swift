import Foundation

/// Numbers in readable form.
enum Text {
    /// `1234567` as `1,234,567`.
    static func grouped(_ number: Int) -> String {
        var digits = Array(String(number.magnitude))
        var place = digits.count - 3
        while place > 0 {
            digits.insert(",", at: place)
            place -= 3
        }
        return (number < 0 ? "-" : "") + String(digits)
    }

    /// A count with three digits and a unit of a thousand, a million or a billion.
    static func short(_ number: Int) -> String {
        switch Double(number) {
        case 1e9...: String(format: "%.2f G", Double(number) / 1e9)
        case 1e6...: String(format: "%.2f M", Double(number) / 1e6)
        case 1e3...: String(format: "%.1f k", Double(number) / 1e3)
        default: "\(number)"
        }
    }

    static func milliseconds(_ seconds: Double) -> String {
        String(format: "%.3f", seconds * 1e3)
    }

    static func percent(_ share: Double) -> String { String(format: "%.1f %%", share * 100) }

    /// A share with two decimals of a percent, as accuracies are given.
    static func percent2(_ share: Double) -> String { String(format: "%.2f %%", share * 100) }

    static func fixed(_ number: Double, _ digits: Int) -> String {
        String(format: "%.\(digits)f", number)
    }

    static func shape(_ sizes: [Int]) -> String {
        "[" + sizes.map(String.init).joined(separator: ", ") + "]"
    }

    /// The middle value, the mean of the two middle ones for an even count; 0 for none.
    static func median(_ values: [Double]) -> Double {
        guard !values.isEmpty else { return 0 }
        let sorted = values.sorted()
        let middle = sorted.count / 2
        return sorted.count % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
    }

    /// Such as `1,024 parameters` or `1,024 parameters and 64 numbers in buffers`.
    static func counts(_ parameters: Int, _ buffers: Int) -> String {
        let trained = "\(grouped(parameters)) parameters"
        return buffers == 0 ? trained : "\(trained) and \(grouped(buffers)) numbers in buffers"
    }
}

extension Duration {
    /// The duration in seconds.
    var seconds: Double { self / .seconds(1) }
}
