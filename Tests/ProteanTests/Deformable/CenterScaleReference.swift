import Foundation

@testable import Protean

/// The centre feature scale in double precision: with s = sigmoid(t · Wᵀ + b) per group,
/// z · (1 − s) + centre · s.
enum CenterScaleReference {
    static func apply(
        z: Tensor, centre: Tensor, from t: Tensor, _ weight: Tensor, _ bias: Tensor
    ) throws -> Tensor {
        let (groups, c) = (weight.shape[0], weight.shape[1])
        let (a, b) = (z.elements, centre.elements)
        let w = weight.elements, shift = bias.elements, features = t.elements
        let values = a.indices.map { i -> Float in
            let pixel = i / c, group = i % c / (c / groups)
            var sum = Double(shift[group])
            for k in 0..<c { sum += Double(features[pixel * c + k]) * Double(w[group * c + k]) }
            let s = 1 / (1 + exp(-sum))
            return Float(Double(a[i]) * (1 - s) + Double(b[i]) * s)
        }
        return try Tensor(values, shape: z.shape)
    }
}
