import Foundation

@testable import Protean

/// Group normalisation of a map `[n, …, c]` as plain loops in double precision.
func groupNormReference(
    _ x: Tensor, groups: Int, weight: [Float]? = nil, bias: [Float]? = nil, eps: Double
) -> [Double] {
    let c = x.shape[x.rank - 1], n = x.shape[0], width = c / groups
    let pixels = x.count == 0 ? 0 : x.count / n / c
    let values = x.elements
    var result = [Double](repeating: 0, count: x.count)
    for sample in 0..<n {
        for group in 0..<groups {
            var places: [Int] = []
            for p in 0..<pixels {
                for i in 0..<width { places.append((sample * pixels + p) * c + group * width + i) }
            }
            let mean = places.reduce(0.0) { $0 + Double(values[$1]) } / Double(places.count)
            let squares = places.reduce(0.0) { sum, at in
                let away = Double(values[at]) - mean
                return sum + away * away
            }
            let factor = 1 / (squares / Double(places.count) + eps).squareRoot()
            for at in places {
                let y = (Double(values[at]) - mean) * factor
                result[at] = y * Double(weight?[at % c] ?? 1) + Double(bias?[at % c] ?? 0)
            }
        }
    }
    return result
}
