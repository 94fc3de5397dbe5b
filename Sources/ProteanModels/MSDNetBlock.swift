import Protean

/// A block of an MSDNet: the layers between two exits.
///
/// Reads and writes the features `scale0` (finest), `scale1`, …; the first block makes them of `x`.
final class MSDNetBlock: Stage {
    private let stem: [Sequential]
    private let layers: [MSDNetLayer]
    private let scales: Int
    /// The finest scale before the block.
    private let first: Int

    init(stem: [Sequential], layers: [MSDNetLayer], first: Int, scales: Int) {
        (self.stem, self.layers, self.first, self.scales) = (stem, layers, first, scales)
    }

    static func feature(_ scale: Int) -> String { "scale\(scale)" }

    func run(_ features: inout Features) throws(ProteanError) {
        var maps: [Tensor] = []
        if stem.isEmpty {
            for scale in first..<scales {
                maps.append(try features.take(Self.feature(scale)))
            }
        } else {
            var x = try features.take("x")
            for layer in stem {
                x = try layer(x)
                maps.append(x)
            }
        }
        for layer in layers { maps = try layer(maps) }
        for (offset, map) in maps.enumerated() {
            try features.set(Self.feature(scales - maps.count + offset), map)
        }
    }
}

/// One layer of an MSDNet on all its scales, perhaps with a reduction of channels after it.
///
/// Every scale's map grows by what a convolution makes of it and what a strided convolution makes
/// of the next finer scale's map.
struct MSDNetLayer: Sendable {
    /// The convolutions that lead to one scale.
    struct Scale: Sendable {
        /// From the next finer scale; nil at the finest.
        let down: Sequential?
        /// From the scale itself.
        let same: Sequential
    }

    /// The scales of the result, finest first.
    let scales: [Scale]
    /// Whether the input has one finer scale, which ends here.
    let drops: Bool
    /// The reductions after the layer, one for every scale, or none.
    let reductions: [Sequential]

    func callAsFunction(_ maps: [Tensor]) throws(ProteanError) -> [Tensor] {
        var results: [Tensor] = []
        for (index, scale) in scales.enumerated() {
            let own = index + (drops ? 1 : 0)
            var joined = [maps[own]]
            if let down = scale.down { joined.append(try down(maps[own - 1])) }
            joined.append(try scale.same(maps[own]))
            results.append(try Operations.concatenate(joined, axis: -1))
        }
        for (index, reduction) in reductions.enumerated() {
            results[index] = try reduction(results[index])
        }
        return results
    }
}
