/// Order statistics of samples.
package enum Statistics {
    /// The value below which the share `q` of the samples lies, interpolated between neighbours.
    /// NaN without samples.
    package static func quantile(_ q: Double, of samples: [Double]) -> Double {
        guard !samples.isEmpty else { return .nan }
        let sorted = samples.sorted()
        let position = min(max(q, 0), 1) * Double(sorted.count - 1)
        let lower = Int(position)
        let upper = min(lower + 1, sorted.count - 1)
        return sorted[lower] + (sorted[upper] - sorted[lower]) * (position - Double(lower))
    }

    /// The middle sample, or the mean of the two in the middle. NaN without samples.
    package static func median(_ samples: [Double]) -> Double { quantile(0.5, of: samples) }

    /// Two samples between which the true median lies with a probability of 95 % for any
    /// distribution, from about six samples on (order statistics).
    package static func medianInterval(_ samples: [Double]) -> ClosedRange<Double> {
        guard !samples.isEmpty else { return -.infinity ... .infinity }
        let sorted = samples.sorted(), count = Double(sorted.count)
        let below = max(0, Int((count - 1.96 * count.squareRoot()) / 2))
        return sorted[below]...sorted[sorted.count - 1 - below]
    }

    /// (90th percentile - 10th percentile) / median: a measure of the spread.
    package static func spread(_ samples: [Double]) -> Double {
        let middle = median(samples)
        guard middle > 0 else { return 0 }
        return (quantile(0.9, of: samples) - quantile(0.1, of: samples)) / middle
    }
}
