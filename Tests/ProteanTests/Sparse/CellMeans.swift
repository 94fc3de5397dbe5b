@testable import Protean

/// What the tests of gates on cells share.
enum CellMeans {
    /// The mean of every cell of an adaptive pooling to `rows` by `columns`, all channels of a cell
    /// together, sample by sample.
    static func of(_ x: Tensor, _ rows: Int, _ columns: Int) -> [[Double]] {
        let (n, h, w, c) = (x.shape[0], x.shape[1], x.shape[2], x.shape[3])
        let values = x.elements
        return (0..<n * rows * columns).map { cell -> [Double] in
            let (sample, i, j) = (cell / (rows * columns), cell / columns % rows, cell % columns)
            var sums = [Double](repeating: 0, count: c), count = 0.0
            for y in i * h / rows..<((i + 1) * h + rows - 1) / rows {
                for x in j * w / columns..<((j + 1) * w + columns - 1) / columns {
                    count += 1
                    for k in 0..<c { sums[k] += Double(values[((sample * h + y) * w + x) * c + k]) }
                }
            }
            return sums.map { $0 / count }
        }
    }

    /// The flags of pixels of `[batch, height, width]` that take the nearest cell's.
    static func spread(
        _ cells: [Bool], _ rows: Int, _ columns: Int, to shape: [Int]
    ) -> [Bool] {
        let (h, w) = (shape[1], shape[2])
        return (0..<shape[0] * h * w).map { pixel in
            let (sample, y, x) = (pixel / (h * w), pixel / w % h, pixel % w)
            return cells[(sample * rows + y * rows / h) * columns + x * columns / w]
        }
    }
}
