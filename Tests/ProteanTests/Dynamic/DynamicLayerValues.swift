import Testing

@testable import Protean

/// Values of parameters, for the tests of layers that generate their weights.
enum DynamicLayerValues {
    /// The layer with values of its own in every parameter; variances are positive.
    static func spread<Part: Module>(_ layer: Part) throws -> Part {
        for (index, named) in layer.allParameters().enumerated() {
            let isVariance = named.name.hasSuffix("running_var")
            try named.parameter.set(
                Initializer.uniform(
                    named.parameter.shape, in: isVariance ? 0.5...1.5 : -0.6...0.9,
                    seed: UInt64(index + 1)))
        }
        return layer
    }

    /// A parameter's elements in double precision.
    static func values(_ layer: any Module, _ path: String) throws -> [Double] {
        try #require(layer.parameter(at: path)).value.elements.map(Double.init)
    }

    /// A batch norm of rows of its channels.
    static func norm(
        _ layer: any Module, _ path: String, _ rows: [Double], eps: Double = 1e-5
    ) throws -> [Double] {
        let weight = try values(layer, path + ".weight"), bias = try values(layer, path + ".bias")
        let mean = try values(layer, path + ".running_mean")
        let variance = try values(layer, path + ".running_var")
        return rows.enumerated().map { index, value in
            let c = index % weight.count
            return (value - mean[c]) / (variance[c] + eps).squareRoot() * weight[c] + bias[c]
        }
    }

    /// Rows of `[inputs]` times a matrix `[outputs, inputs]`, plus a bias.
    static func linear(
        _ rows: [Double], _ matrix: [Double], inputs: Int, bias: [Double]? = nil
    ) -> [Double] {
        let outputs = matrix.count / inputs
        return (0..<rows.count / inputs).flatMap { row in
            (0..<outputs).map { output in
                var sum = bias?[output] ?? 0
                for i in 0..<inputs { sum += rows[row * inputs + i] * matrix[output * inputs + i] }
                return sum
            }
        }
    }

    /// The mean of every block of a map that is divided into `cells` × `cells` as PyTorch's adaptive
    /// pooling does it, `[batch, channels, cells, cells]`.
    static func pooled(_ x: Tensor, cells: Int = 1) -> [Double] {
        let (n, h, w, c) = (x.shape[0], x.shape[1], x.shape[2], x.shape[3])
        let elements = x.elements
        func range(_ cell: Int, _ size: Int) -> Range<Int> {
            cell * size / cells..<((cell + 1) * size + cells - 1) / cells
        }
        var result: [Double] = []
        for sample in 0..<n {
            for channel in 0..<c {
                for row in 0..<cells {
                    for column in 0..<cells {
                        var sum = 0.0
                        for y in range(row, h) {
                            for x in range(column, w) {
                                sum += Double(elements[((sample * h + y) * w + x) * c + channel])
                            }
                        }
                        let area = range(row, h).count * range(column, w).count
                        result.append(sum / Double(area))
                    }
                }
            }
        }
        return result
    }
}
