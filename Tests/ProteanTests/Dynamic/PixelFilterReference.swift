import Foundation

@testable import Protean

/// Filters per pixel in double precision, one output after another.
struct PixelFilterReference {
    let filter: PixelFilter
    let x: Tensor
    let filters: Tensor
    var channelFilters: Tensor?
    var residual: Tensor?

    var window: SlidingWindow { filter.window }
    var positions: Size2d {
        window.windows(over: Size2d(height: x.shape[1], width: x.shape[2])) ?? 0
    }
    var outputShape: [Int] {
        [
            x.shape[0], positions.height * filter.factor, positions.width * filter.factor,
            x.shape[3],
        ]
    }

    private func index(_ n: Int, _ oy: Int, _ ox: Int, _ g: Int, tap: Int) -> Int {
        let s = filter.order == .beforeShuffle ? filter.factor : 1
        let row = n * filters.shape[1] + oy / s
        let pixel = row * filters.shape[2] + ox / s
        let value =
            filter.order == .tapMajor ? tap * filter.groups + g : g * window.taps + tap
        return pixel * filters.shape[3] + value * s * s + oy % s * s + ox % s
    }

    /// The normalised filter of output pixel (oy, ox) and a group.
    private func taps(_ values: [Float], _ n: Int, _ oy: Int, _ ox: Int, _ g: Int) -> [Double] {
        let count = window.taps
        let given = (0..<count).map { Double(values[index(n, oy, ox, g, tap: $0)]) }
        switch filter.normalization {
        case .none: return given
        case .sigmoid: return given.map { 1 / (1 + exp(-$0)) }
        case .softmax:
            let top = given.max() ?? 0, powers = given.map { exp($0 - top) }
            let sum = powers.reduce(0, +)
            return powers.map { $0 / sum }
        case .standardized(let scale):
            let mean = given.reduce(0, +) / Double(count)
            let squares = given.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
            let deviation = (squares / Double(count - 1)).squareRoot() + 1e-10
            return given.map { ($0 - mean) / deviation * Double(scale) }
        }
    }

    /// The output in order.
    func values() -> [Double] {
        let (c, s) = (x.shape[3], filter.factor)
        let (a, f, own) = (x.elements, filters.elements, channelFilters?.elements)
        var result: [Double] = []
        for n in 0..<x.shape[0] {
            for oy in 0..<positions.height * s {
                for ox in 0..<positions.width * s {
                    let all = (0..<filter.groups).map { taps(f, n, oy, ox, $0) }
                    for k in 0..<c {
                        var sum = added(n, oy, ox, k)
                        for tap in 0..<window.taps {
                            guard let pixel = pixel(oy / s, ox / s, tap) else { continue }
                            var weight = all[k / (c / filter.groups)][tap]
                            if let own {
                                let value = Double(own[(n * window.taps + tap) * c + k])
                                weight =
                                    filter.combination == .add ? weight + value : weight * value
                            }
                            let at = (n * x.shape[1] * x.shape[2] + pixel) * c + k
                            sum += weight * Double(a[at])
                        }
                        result.append(sum)
                    }
                }
            }
        }
        return result
    }

    /// The pixel that a tap reads at a position; nil outside of the map.
    private func pixel(_ oy: Int, _ ox: Int, _ tap: Int) -> Int? {
        let i = tap / window.kernelSize.width, j = tap % window.kernelSize.width
        let row = oy * window.stride.height - window.padding.height + i * window.dilation.height
        let column = ox * window.stride.width - window.padding.width + j * window.dilation.width
        guard (0..<x.shape[1]).contains(row), (0..<x.shape[2]).contains(column) else { return nil }
        return row * x.shape[2] + column
    }

    private func added(_ n: Int, _ oy: Int, _ ox: Int, _ k: Int) -> Double {
        guard let residual else { return 0 }
        let s = filter.factor, c = x.shape[3]
        if residual.shape == outputShape {
            let pixel = (n * positions.height * s + oy) * positions.width * s + ox
            return Double(residual.elements[pixel * c + k])
        }
        let position = (n * positions.height + oy / s) * positions.width + ox / s
        return Double(residual.elements[(position * s * s + oy % s * s + ox % s) * c + k])
    }
}
