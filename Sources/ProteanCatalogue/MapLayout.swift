import Protean

/// The axis order of maps in the files of `protean apply`. Volumes have their depth before the height;
/// sequences have one axis instead of height and width.
package enum MapLayout: String, CaseIterable, Sendable {
    /// `[batch, channels, height, width]`, PyTorch's.
    case nchw
    /// `[batch, height, width, channels]`, the library's own.
    case nhwc

    package var axes: String { self == .nchw ? "[B, C, H, W]" : "[B, H, W, C]" }

    /// A map of a file in the library's order.
    package func toLibrary(_ map: Tensor) throws -> Tensor {
        guard self == .nchw else { return map }
        let shape = map.shape
        return try Self.transposed(
            map, batch: shape[0], rows: shape[1], columns: shape[2...].reduce(1, *),
            shape: [shape[0]] + shape[2...] + [shape[1]])
    }

    /// A map of the library in the file's order.
    package func fromLibrary(_ map: Tensor) throws -> Tensor {
        guard self == .nchw else { return map }
        let shape = map.shape
        return try Self.transposed(
            map, batch: shape[0], rows: shape.dropFirst().dropLast().reduce(1, *),
            columns: shape[shape.count - 1], shape: fromLibrary(shape: shape))
    }

    /// A shape of the library in the file's order.
    package func fromLibrary(shape: [Int]) -> [Int] {
        guard self == .nchw, shape.count >= 3 else { return shape }
        return [shape[0], shape[shape.count - 1]] + shape.dropFirst().dropLast()
    }

    /// Swaps rows and columns of each matrix of a batch.
    private static func transposed(
        _ tensor: Tensor, batch: Int, rows: Int, columns: Int, shape: [Int]
    ) throws -> Tensor {
        var result = try Tensor(zeros: shape)
        guard rows > 1 && columns > 1 else { return try tensor.reshaped(to: shape) }
        try result.withUnsafeMutableBufferPointer { to in
            try tensor.withUnsafeBufferPointer { from in
                for matrix in 0..<batch {
                    let start = matrix * rows * columns
                    for row in 0..<rows {
                        for column in 0..<columns {
                            to[start + column * rows + row] = from[start + row * columns + column]
                        }
                    }
                }
            }
        }
        return result
    }
}
