import Foundation
import Testing

@testable import Protean

/// The formulas of gates in double precision.
enum DepthGateReference {
    /// A map in double precision, `[height][width][channels]` of one sample.
    struct Map {
        var height: Int, width: Int, channels: Int
        var values: [Double]

        init(_ x: Tensor, _ row: Int) throws {
            (height, width, channels) = (x.shape[1], x.shape[2], x.shape[3])
            values = try x.sample(row).elements.map(Double.init)
        }

        init(height: Int, width: Int, channels: Int) {
            (self.height, self.width, self.channels) = (height, width, channels)
            values = .init(repeating: 0, count: height * width * channels)
        }

        subscript(y: Int, x: Int, c: Int) -> Double {
            get { values[(y * width + x) * channels + c] }
            set { values[(y * width + x) * channels + c] = newValue }
        }

        var pooled: Map {
            var result = Map(height: height / 2, width: width / 2, channels: channels)
            for y in 0..<result.height {
                for x in 0..<result.width {
                    for c in 0..<channels {
                        let window = [(0, 0), (0, 1), (1, 0), (1, 1)]
                        result[y, x, c] =
                            window.map { self[2 * y + $0.0, 2 * x + $0.1, c] }.max() ?? 0
                    }
                }
            }
            return result
        }

        /// relu(norm(conv 3 × 3)).
        func convolved(_ conv: Conv2d, _ norm: BatchNorm2d) throws -> Map {
            let stride = conv.geometry.stride.height
            var result = Map(
                height: (height - 1) / stride + 1, width: (width - 1) / stride + 1,
                channels: channels)
            let weight = conv.weight.value.elements.map(Double.init)
            let (scale, shift) = try norm.scaleAndShift()
            for y in 0..<result.height {
                for x in 0..<result.width {
                    for k in 0..<channels {
                        var sum = 0.0
                        for (i, j, c) in taps() {
                            let (row, column) = (y * stride + i - 1, x * stride + j - 1)
                            guard (0..<height).contains(row), (0..<width).contains(column) else {
                                continue
                            }
                            sum +=
                                self[row, column, c]
                                * weight[((k * channels + c) * 3 + i) * 3 + j]
                        }
                        let normed =
                            sum * Double(scale.elements[k]) + Double(shift.elements[k])
                        result[y, x, k] = max(normed, 0)
                    }
                }
            }
            return result
        }

        private func taps() -> [(Int, Int, Int)] {
            (0..<3).flatMap { i in
                (0..<3).flatMap { j in (0..<channels).map { (i, j, $0) } }
            }
        }

        var means: [Double] {
            (0..<channels).map { c in
                var sum = 0.0
                for p in 0..<height * width { sum += values[p * channels + c] }
                return sum / Double(height * width)
            }
        }
    }

    /// weight · x + bias of a 1 × 1 convolution or linear layer.
    static func product(_ module: any Module, _ x: [Double]) throws -> [Double] {
        let weight = try #require(module.parameter(at: "weight")).value.elements.map(Double.init)
        let bias = module.parameter(at: "bias")?.value.elements.map(Double.init)
        let count = x.count
        var result: [Double] = []
        for k in 0..<weight.count / count {
            var sum: Double = bias?[k] ?? 0
            for c in 0..<count { sum += weight[k * count + c] * x[c] }
            result.append(sum)
        }
        return result
    }

    static func check(
        _ expected: (_ row: Int) throws -> Double, _ batch: Int, _ scores: () throws -> Tensor
    ) throws {
        var first: [KernelISA: Tensor] = [:]
        for (isa, threads) in allRuntimes {
            let found = try Runtime.with(isa: isa, threads: threads) { try scores() }
            #expect(found.shape == [batch, 2])
            for row in 0..<batch {
                let p = try expected(row)
                #expect(abs(Double(found.elements[2 * row + 1]) - p) < 1e-5, "\(isa) \(row)")
                #expect(abs(Double(found.elements[2 * row]) - (1 - p)) < 1e-5)
            }
            #expect(first[isa, default: found].isBitEqual(to: found), "\(isa) \(threads)")
            first[isa] = found
        }
    }
}
