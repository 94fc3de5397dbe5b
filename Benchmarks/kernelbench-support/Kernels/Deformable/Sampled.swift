import Foundation
import Protean

/// Shared by kernels that sample at computed positions.
enum Sampled {
    /// Bytes that bilinear samples read from the first-level cache: four neighbours each.
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

/// Displacements and modulation for a case's kernel: one of each per output pixel, group and point.
struct SampledPoints {
    /// Batch, height and width of the output.
    let map: [Int]
    let groups: Int
    let points: Int

    var positions: Double { Size.elements(map + [groups, points]) }

    /// Number of bilinear samples for a number of channels.
    func samples(of channels: Int) -> Double { Size.elements(map + [points, channels]) }

    /// Normally distributed with the case's standard deviation.
    func offset(_ benchmark: BenchmarkCase) throws -> Tensor {
        try Sampled.normal(
            map + [groups * 2 * points], sigma: benchmark.number(.sigma) ?? 1,
            seed: benchmark.seed &+ 1)
    }

    func mask(_ benchmark: BenchmarkCase) throws -> Tensor {
        try benchmark.values(map + [groups * points], stream: 2)
    }
}

extension BenchmarkCase {
    /// The number under `key`; nil if the line does not have it.
    func number(_ key: CaseKey) -> Double? {
        if case .real(let value) = values[key] { value } else { nil }
    }

    /// A depthwise layer whose kernels are sampled from a `scope` (4) × `scope` one; `make` gets the
    /// channels, the scope and the window.
    func depthwise(
        _ make: @escaping (Int, Size2d, Window) throws(ProteanError) -> any Layer
    ) throws(CaseError) -> PreparedCase {
        let input = try inputShape(), windows = try windows(), window = windows.height
        let scope = Size2d(try integer(.scope, default: 4))
        let size = try outputSize(windows)
        let output = SampledPoints(
            map: [input[0], size.0, size.1], groups: 1, points: window.kernel * window.kernel)
        return try layer(on: input, samples: output.samples(of: input[3])) {
            () throws(ProteanError) in try make(input[3], scope, window)
        }
    }

    /// A layer with its own parameters on a seeded input; operations and bytes are those of its
    /// ``Cost``, including `samples` bilinear samples.
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
