#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// One axis of a chart: its title, its range and how its numbers are written.
public struct Axis: Sendable, Equatable {
    /// The distance of values along the axis.
    public enum Scale: Sendable { case linear, logarithmic }

    /// How an axis writes its numbers.
    public enum Format: Sendable {
        /// Such as 0.25 or 1,500.
        case plain
        /// A share of one as percent, such as 92.5 %.
        case percent
        /// With k, M or G for a thousand, a million or a billion, such as 2.5 M.
        case short
    }

    /// What the numbers are, with their unit.
    public let title: String
    /// How values are written.
    public let format: Format
    /// The distance of values along the axis.
    public let scale: Scale
    /// The least and the largest value; nil for those of the data.
    public let range: ClosedRange<Double>?

    /// An axis. A logarithmic one leaves out values that are not above 0.
    public init(
        _ title: String, range: ClosedRange<Double>? = nil, scale: Scale = .linear,
        format: Format = .plain
    ) {
        self.title = title
        self.range = range
        self.scale = scale
        self.format = format
    }

    /// The axis with a range that holds `values`, widened to whole ticks; 0...1 without any, and a
    /// range around a single one.
    func fitted(to values: [Double]) -> Axis {
        let usable = values.filter { $0.isFinite && (scale == .linear || $0 > 0) }
        var low = range?.lowerBound ?? usable.min() ?? 0
        var high = range?.upperBound ?? usable.max() ?? 1
        if scale == .logarithmic {
            low = max(low, .leastNormalMagnitude)
            high = max(high, low)
            if low == high { (low, high) = (low / 2, high * 2) }
        } else {
            if low == high {
                let margin = low == 0 ? 1 : abs(low) / 10
                (low, high) = (low - margin, high + margin)
            }
            if range == nil {
                let step = Self.step(low, high)
                low = (low / step).rounded(.down) * step
                high = (high / step).rounded(.up) * step
            }
        }
        return Axis(title, range: low...high, scale: scale, format: format)
    }

    /// Where a value lies, from 0 at the least to 1 at the largest; NaN for what a logarithmic axis
    /// cannot show.
    func position(_ value: Double) -> Double {
        guard let range else { return .nan }
        switch scale {
        case .linear:
            return (value - range.lowerBound) / (range.upperBound - range.lowerBound)
        case .logarithmic:
            guard value > 0 else { return .nan }
            return log(value / range.lowerBound) / log(range.upperBound / range.lowerBound)
        }
    }

    /// The values at which a line is drawn.
    var ticks: [Double] {
        guard let range else { return [] }
        let (low, high) = (range.lowerBound, range.upperBound)
        if scale == .logarithmic {
            let decades = Int(log10(low).rounded(.down))...Int(log10(high).rounded(.up))
            let factors: [Double] = decades.count > 4 ? [1] : [1, 2, 5]
            return decades.flatMap { decade in factors.map { $0 * pow(10, Double(decade)) } }
                .filter { $0 >= low * 0.999 && $0 <= high * 1.001 }
        }
        let step = Self.step(low, high)
        let first = Int((low / step - 1e-6).rounded(.up)),
            last = Int((high / step + 1e-6).rounded(.down))
        return first <= last ? (first...last).map { Double($0) * step } : []
    }

    /// A step of 1, 2 or 5 times a power of ten that gives four to eight intervals.
    private static func step(_ low: Double, _ high: Double) -> Double {
        let raw = (high - low) / 8
        let power = pow(10, log10(raw).rounded(.down))
        let factor: Double = raw <= power ? 1 : raw <= 2 * power ? 2 : raw <= 5 * power ? 5 : 10
        return factor * power
    }

    /// A value as the axis writes it.
    func label(_ value: Double) -> String {
        switch format {
        case .plain: Self.digits(value)
        case .percent: Self.digits(value * 100) + " %"
        case .short:
            switch abs(value) {
            case 1e9...: Self.digits(value / 1e9) + " G"
            case 1e6...: Self.digits(value / 1e6) + " M"
            case 1e3...: Self.digits(value / 1e3) + " k"
            default: Self.digits(value)
            }
        }
    }

    /// At most four significant decimals, without trailing zeros.
    static func digits(_ value: Double) -> String {
        guard value.isFinite else { return value.isNaN ? "NaN" : value > 0 ? "∞" : "-∞" }
        guard abs(value) < 1e15 else { return "\(value)" }
        var decimals = 0
        while decimals < 9 {
            let scaled = abs(value) * pow(10, Double(decimals))
            let isWhole = abs(scaled - scaled.rounded()) < 1e-6 * max(1, scaled)
            if isWhole || scaled >= 1000 { break }
            decimals += 1
        }
        let factor = pow(10, Double(decimals))
        let number = (abs(value) * factor).rounded()
        let whole = (number / factor).rounded(.down)
        var text = (value < 0 && number > 0 ? "-" : "") + "\(Int(whole))"
        if decimals > 0 {
            let rest = "\(Int((number - whole * factor).rounded()))"
            text += "." + String(repeating: "0", count: max(0, decimals - rest.count)) + rest
            while text.last == "0" { text.removeLast() }
            if text.last == "." { text.removeLast() }
        }
        return text
    }
}
