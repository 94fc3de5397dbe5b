import CProteanKernels

extension Operations {
    /// The product of matrices, `[…, m, k] · […, k, n]` to `[…, m, n]`; `torch.matmul`.
    ///
    /// Axes before the last two are batch axes and broadcast. A vector `a` counts as one row, a
    /// vector `b` as one column, and that axis is missing from the result. Zeros where k is 0.
    ///
    /// Runs on the convolution's micro-kernels; `b` is packed in every call; packing from its
    /// transposed form needs no extra copy. A transposed `a` is copied. Sums run over k in order in
    /// one accumulator: the error is at most k · 2⁻²⁴ · Σ|a · b|, about √k · 2⁻²⁴ on average. Rows
    /// do not depend on each other, on the batch or on the number of threads. Cost: m · n · k
    /// multiply-adds per product.
    /// - Parameters:
    ///   - a: `[…, m, k]` or `[k]`; `[…, k, m]` if it is transposed.
    ///   - b: `[…, k, n]` or `[k]`; `[…, n, k]` if it is transposed.
    ///   - transposeA: exchange the last two axes of `a`.
    ///   - transposeB: exchange the last two axes of `b`.
    /// - Throws: ``ProteanError/shapeMismatch(layer:tensor:expected:found:)``, and
    ///   ``ProteanError/invalidOption(layer:option:expected:found:)`` for a vector that is to be
    ///   transposed.
    public static func matmul(
        _ a: Tensor, _ b: Tensor, transposeA: Bool = false, transposeB: Bool = false
    ) throws(ProteanError) -> Tensor {
        let sizes = try MatrixProduct(a, b, transposeA, transposeB)
        var (aSteps, bSteps) = (sizes.aSteps, sizes.bSteps), batch = sizes.batch
        return try filling(sizes.result, for: "matmul", from: [a, b]) { runtime, inputs, y in
            batch.withUnsafeMutableBufferPointer { batch in
                aSteps.withUnsafeMutableBufferPointer { aSteps in
                    bSteps.withUnsafeMutableBufferPointer { bSteps in
                        var shape = ptn_matmul_shape()
                        (shape.m, shape.n, shape.k) = (sizes.m, sizes.n, sizes.k)
                        shape.a_transposed = transposeA
                        shape.b_transposed = transposeB
                        shape.rank = batch.count
                        shape.sizes = UnsafePointer(batch.baseAddress)
                        shape.a_steps = UnsafePointer(aSteps.baseAddress)
                        shape.b_steps = UnsafePointer(bSteps.baseAddress)
                        return ptn_matmul(runtime, &shape, inputs[0], inputs[1], y)
                    }
                }
            }
        }
    }

    /// Σ a · b of two vectors of one length, a scalar; see
    /// ``matmul(_:_:transposeA:transposeB:)``.
    ///
    /// - Throws: ``ProteanError/shapeMismatch(layer:tensor:expected:found:)`` unless both are vectors
    ///   of one length.
    public static func dot(_ a: Tensor, _ b: Tensor) throws(ProteanError) -> Tensor {
        guard a.rank == 1 else {
            throw .shapeMismatch(layer: "dot", tensor: "a", expected: "[n]", found: a.shape)
        }
        guard b.shape == a.shape else {
            throw .shapeMismatch(layer: "dot", tensor: "b", expected: "\(a.shape)", found: b.shape)
        }
        return try matmul(a, b)
    }
}

/// The sizes of a product of matrices.
private struct MatrixProduct {
    var m = 1, n = 1, k = 0
    var batch: [Int] = []
    var result: [Int] = []
    var aSteps: [Int] = [], bSteps: [Int] = []

    init(
        _ a: Tensor, _ b: Tensor, _ transposeA: Bool, _ transposeB: Bool
    ) throws(ProteanError) {
        let layer = "matmul"
        for (name, option, x, isTransposed) in [
            ("a", "transposeA", a, transposeA), ("b", "transposeB", b, transposeB),
        ] {
            guard x.rank >= 1 else {
                throw .shapeMismatch(
                    layer: layer, tensor: name, expected: "at least one axis", found: x.shape)
            }
            try Shape.checkRank(x.shape, tensor: name, layer: layer)
            guard x.rank >= 2 || !isTransposed else {
                throw .invalidOption(
                    layer: layer, option: option, expected: "false for a vector", found: "true")
            }
        }
        // A vector `a` is a row, a vector `b` a column.
        let left = a.rank == 1 ? [1] + a.shape : a.shape
        let right = b.rank == 1 ? b.shape + [1] : b.shape
        let rows = Array(left.suffix(2)), columns = Array(right.suffix(2))
        (m, k) = transposeA ? (rows[1], rows[0]) : (rows[0], rows[1])
        n = transposeB ? columns[0] : columns[1]
        let front = Array(left.dropLast(2)), back = Array(right.dropLast(2))
        guard (transposeB ? columns[1] : columns[0]) == k,
            let batch = Shape.broadcast(front, back)
        else {
            throw .shapeMismatch(
                layer: layer, tensor: "b",
                expected: (transposeB ? "[…, n, \(k)]" : "[…, \(k), n]")
                    + ", with a batch that broadcasts with \(front)", found: b.shape)
        }
        self.batch = batch
        result = batch + (a.rank == 1 ? [] : [m]) + (b.rank == 1 ? [] : [n])
        aSteps = Self.steps(front, in: batch, matrix: rows)
        bSteps = Self.steps(back, in: batch, matrix: columns)
    }

    private static func steps(_ own: [Int], in batch: [Int], matrix: [Int]) -> [Int] {
        // An empty matrix can have another size so large that the product of the sizes overflows;
        // such products are empty or 0.
        let floats = matrix.contains(0) ? 0 : matrix[0] * matrix[1]
        return Shape.steps(own, in: batch).map { $0 &* floats }
    }
}
