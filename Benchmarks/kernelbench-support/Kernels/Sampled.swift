import Foundation
import Protean

/// What kernels share that sample at positions of their own.
enum Sampled {
    /// Bytes that so many bilinear samples read from the first-level cache: four neighbours each.
    static func bytes(_ samples: Double) -> Double { Size.bytes(4 * samples) }

    /// Normally distributed values (Box and Muller, 1958).
    static func normal(_ shape: [Int], sigma: Double, seed: UInt64) throws -> Tensor {
        var generator = SplitMix64(seed: seed)
        var tensor = try Tensor(zeros: shape)
        try tensor.withUnsafeMutableBufferPointer { buffer in
            for i in buffer.indices {
                let radius = Double.random(in: 0x1p-53...1, using: &generator)
                let angle = Double.random(in: 0..<2 * .pi, using: &generator)
                buffer[i] = Float(sigma * (-2 * log(radius)).squareRoot() * cos(angle))
            }
        }
        return tensor
    }
}

extension BenchmarkCase {
    /// A layer with its own parameters on a seeded input; operations and bytes as it counts them,
    /// `samples` bilinear samples among them.
    func layer(
        on input: [Int], samples: Double = 0, _ make: @escaping () throws(ProteanError) -> any Layer
    ) throws(CaseError) -> PreparedCase {
        let cost: Cost
        do {
            cost = try make().cost(for: input)
        } catch {
            throw self.error(nil, expected: "a layer that can be made", found: "\(error)")
        }
        return PreparedCase(
            flops: 2 * Double(cost.multiplyAdds), bytes: Double(cost.bytes),
            loaded: Sampled.bytes(samples)
        ) { try self.run(try make(), on: input) }
    }
}
