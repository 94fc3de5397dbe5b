import Foundation

/// Fills inactive pixels with the Gaussian-weighted mean of the active ones around them.
///
/// `y[t] = Σ G(d²) · x[q] / (Σ G(d²) + 1e-5)` over the active pixels q of the neighbourhood, with
/// `G(d²) = σ² / 2π · exp(−σ² d² / 2)`: a larger σ is narrower. Parameter σ, a scalar.
final class GaussianInterpolation: Sendable {
    let kernelSize: Int
    let sigma: Parameter
    private let weights = Derived<Int, Tensor>()

    init(kernelSize: Int, layer: String) throws(ProteanError) {
        guard (1...255).contains(kernelSize), kernelSize % 2 == 1 else {
            throw .invalidOption(
                layer: layer, option: "gaussianKernel", expected: "an odd size of at most 255",
                found: "\(kernelSize)")
        }
        self.kernelSize = kernelSize
        sigma = Parameter(try Tensor([3], shape: []))
    }

    /// Writes the pixels of `targets`, reading those of `sources`; the dense form would write all
    /// pixels.
    func fill(
        _ map: inout Tensor, at targets: MaskPlan, from sources: MaskPlan, name: String,
        label: Label?
    ) throws(ProteanError) {
        let weights = try weights.value(for: sigma.version) { () throws(ProteanError) in
            let squared = Double(sigma.value.elements[0]) * Double(sigma.value.elements[0])
            let radius = kernelSize / 2
            let values = (0..<kernelSize * kernelSize).map { place in
                let (y, x) = (place / kernelSize - radius, place % kernelSize - radius)
                return Float(
                    squared / (2 * .pi) * exp(-squared / 2 * Double(y * y + x * x)))
            }
            return try Tensor(values, shape: [kernelSize, kernelSize])
        }
        let perPixel = map.shape[3] * kernelSize * kernelSize
        let cost = Cost(
            multiplyAdds: targets.pixelCount * perPixel,
            executedMultiplyAdds: targets.count * perPixel, parameters: 1,
            bytes: targets.count * map.shape[3] * MemoryLayout<Float>.stride)
        // Only one reference is kept while the map is written, so that copy-on-write does not copy
        // it.
        var result = map
        let shape = try Tensor(shapeOnly: map.shape)
        map = shape
        defer { map = result }
        _ = try traced(
            "GaussianInterpolation", path: label, input: shape, cost: { _ in cost }
        ) { () throws(ProteanError) in
            try Operations.interpolate(
                &result, at: targets, from: sources, weights: weights, epsilon: 1e-5, layer: name)
            return shape
        }
    }
}
