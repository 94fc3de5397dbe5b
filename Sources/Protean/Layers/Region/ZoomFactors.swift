import Foundation

/// The zoom factors at which an image is searched, from a histogram of the sizes that a small network
/// expects in it.
///
/// Bin i of the histogram stands for objects of `smallest · 2^(i / binsPerOctave)` pixels. The
/// histogram is smoothed by a moving average; of its peaks those are kept that reach ``threshold`` and
/// have no higher one within ``radius`` bins, the highest first; a peak of size s gives the zoom
/// `target / s`. A detector of one size then runs once per zoom. Hao, Liu, Qin, Yan, Li, Hu,
/// "Scale-Aware Face Detection", arXiv 1706.09876.
public struct ZoomFactors: Sendable, Hashable {
    /// The object size of the first bin, in pixels of the image.
    public var smallest: Double
    /// Bins from one size to its double.
    public var binsPerOctave: Int
    /// The object size that the detector is made for, in pixels.
    public var target: Double
    /// Bins of the moving average, an odd number; ends are averaged over what is there.
    public var window: Int
    /// Distance within which a higher peak suppresses another, in bins.
    public var radius: Int
    /// The least smoothed score of a peak.
    public var threshold: Float

    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)`` naming the option.
    public init(
        smallest: Double, binsPerOctave: Int, target: Double, window: Int = 3, radius: Int = 3,
        threshold: Float = 0.5
    ) throws(ProteanError) {
        let layer = "ZoomFactors"
        for (option, value) in [("smallest", smallest), ("target", target)]
        where !(value > 0 && value.isFinite) {
            throw .invalidOption(
                layer: layer, option: option, expected: "a finite size above 0",
                found: "\(value)")
        }
        try checkOption(binsPerOctave, "binsPerOctave", in: 1...OptionLimits.depth, layer: layer)
        try checkOption(window, "window", in: 1...OptionLimits.depth, layer: layer)
        try checkOption(radius, "radius", in: 0...OptionLimits.depth, layer: layer)
        guard window % 2 == 1 else {
            throw .invalidOption(
                layer: layer, option: "window", expected: "an odd number", found: "\(window)")
        }
        guard !threshold.isNaN else {
            throw .invalidOption(
                layer: layer, option: "threshold", expected: "a number", found: "NaN")
        }
        self.smallest = smallest
        self.binsPerOctave = binsPerOctave
        self.target = target
        self.window = window
        self.radius = radius
        self.threshold = threshold
    }

    /// The zooms, of the highest peak first; of equal peaks the smaller size counts as higher. A bin
    /// that is NaN is no peak. Empty when nothing is expected.
    public func zooms(_ histogram: [Float]) -> [Double] {
        let smooth = smoothed(histogram)
        let order = smooth.indices.filter { smooth[$0] >= threshold }.sorted {
            smooth[$0] == smooth[$1] ? $0 < $1 : smooth[$0] > smooth[$1]
        }
        var peaks: [Int] = []
        for bin in order where !peaks.contains(where: { abs($0 - bin) <= radius }) {
            peaks.append(bin)
        }
        return peaks.map { target / (smallest * exp2(Double($0) / Double(binsPerOctave))) }
    }

    /// The moving average.
    private func smoothed(_ histogram: [Float]) -> [Float] {
        histogram.indices.map { bin in
            let near = max(0, bin - window / 2)...min(histogram.count - 1, bin + window / 2)
            return histogram[near].reduce(0, +) / Float(near.count)
        }
    }
}
