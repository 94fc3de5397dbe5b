import Foundation

@testable import Protean

/// Attentions and mixtures of kernels in double precision, by plain loops.
enum RoutingReference {
    /// `[batch][channels]`: the means of a map.
    static func means(_ x: Tensor) -> [[Double]] {
        let values = x.elements, (n, c) = (x.shape[0], x.shape[3])
        let pixels = x.shape[1] * x.shape[2]
        return (0..<n).map { sample in
            (0..<c).map { channel in
                var sum = 0.0
                for p in 0..<pixels { sum += Double(values[(sample * pixels + p) * c + channel]) }
                return sum / Double(pixels)
            }
        }
    }

    /// `weight · x + bias` with weights `[outputs, width]`.
    static func product(_ weight: Tensor, _ bias: Tensor?, _ x: [Double]) -> [Double] {
        let w = weight.elements, b = bias?.elements
        return (0..<weight.shape[0]).map { o in
            x.indices.reduce(Double(b?[o] ?? 0)) { $0 + Double(w[o * x.count + $1]) * x[$1] }
        }
    }

    static func sigmoid(_ logits: [Double], _ temperature: Double = 1) -> [Double] {
        logits.map { 1 / (1 + exp(-$0 / temperature)) }
    }

    static func softmax(_ logits: [Double], _ temperature: Double = 1) -> [Double] {
        let powers = logits.map { exp(($0 - (logits.max() ?? 0)) / temperature) }
        let sum = powers.reduce(0, +)
        return powers.map { $0 / sum }
    }

    /// `Σ_e shares[e] · sets[e]`.
    static func mix(_ shares: [Double], _ sets: Tensor) -> [Double] {
        let values = sets.elements, length = sets.count / shares.count
        return (0..<length).map { i in
            shares.indices.reduce(0.0) { $0 + shares[$1] * Double(values[$1 * length + i]) }
        }
    }

    /// Kernels `[out][in / groups][taps]` multiplied by a factor per tap and per input channel.
    static func scale(
        _ kernel: [Double], _ geometry: Conv2dGeometry, taps: [Double]?, inputs: [Double]?
    ) -> [Double] {
        let each = geometry.inputChannels / geometry.groups
        let area = geometry.kernelSize.height * geometry.kernelSize.width
        let outs = geometry.outputChannels / geometry.groups
        return kernel.indices.map { i in
            let tap = i % area, c = i / area % each, k = i / (area * each)
            return kernel[i] * (taps?[tap] ?? 1) * (inputs?[k / outs * each + c] ?? 1)
        }
    }
}
