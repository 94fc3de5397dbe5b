/// Matrix products, slices, and other rearrangements of elements.
extension Tensor {
    /// The product of matrices; ``Operations/matmul(_:_:transposeA:transposeB:)``.
    ///
    /// - Throws: ``ProteanError`` as the operation.
    public func matmul(_ other: Tensor) throws(ProteanError) -> Tensor {
        try Operations.matmul(self, other)
    }

    /// Σ x · y of two vectors; ``Operations/dot(_:_:)``.
    ///
    /// - Throws: ``ProteanError`` as the operation.
    public func dot(_ other: Tensor) throws(ProteanError) -> Tensor {
        try Operations.dot(self, other)
    }

    /// The entries of an axis from `start` to before `end`, every `step`-th; ``Operations/slice(_:_:)``.
    ///
    /// - Parameters:
    ///   - axis: negative ones count from the innermost.
    ///   - start: negative ones count from the end.
    ///   - end: negative ones count from the end, nil is the end.
    ///   - step: at least 1.
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)`` for no such axis or a
    ///   range that does not lie within it.
    public func slice(
        axis: Int, from start: Int = 0, to end: Int? = nil, step: Int = 1
    ) throws(ProteanError) -> Tensor {
        let along = try Shape.axis(axis, of: shape, layer: "slice")
        var slices = [AxisSlice](repeating: .all, count: along + 1)
        slices[along] = AxisSlice(from: start, to: end, step: step)
        return try Operations.slice(self, slices)
    }

    /// One entry of an axis; the axis is removed; `torch.select`.
    ///
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)`` for no such axis or entry.
    public func select(axis: Int, index: Int) throws(ProteanError) -> Tensor {
        let along = try Shape.axis(axis, of: shape, layer: "select")
        let size = shape[along], entry = index < 0 ? index + size : index
        guard (0..<size).contains(entry) else {
            throw .invalidOption(
                layer: "select", option: "index", expected: "an entry in 0..<\(size)",
                found: "\(index)")
        }
        var rest = shape
        rest.remove(at: along)
        return try slice(axis: along, from: entry, to: entry + 1).reshaped(to: rest)
    }

    /// A slice of every axis; ``Operations/slice(_:_:)``.
    ///
    /// - Throws: ``ProteanError`` as the operation.
    public func slice(_ slices: [AxisSlice]) throws(ProteanError) -> Tensor {
        try Operations.slice(self, slices)
    }

    /// Parts of the given sizes along an axis; ``Operations/split(_:sizes:axis:)``.
    ///
    /// - Throws: ``ProteanError`` as the operation.
    public func split(sizes: [Int], axis: Int) throws(ProteanError) -> [Tensor] {
        try Operations.split(self, sizes: sizes, axis: axis)
    }

    /// At most `count` parts of one size along an axis; ``Operations/chunk(_:_:axis:)``.
    ///
    /// - Throws: ``ProteanError`` as the operation.
    public func chunk(_ count: Int, axis: Int) throws(ProteanError) -> [Tensor] {
        try Operations.chunk(self, count, axis: axis)
    }

    /// Entries of an axis by their indices; ``Operations/indexSelect(_:axis:indices:)``.
    ///
    /// - Throws: ``ProteanError`` as the operation.
    public func indexSelect(axis: Int, indices: [Int]) throws(ProteanError) -> Tensor {
        try Operations.indexSelect(self, axis: axis, indices: indices)
    }

    /// Elements along an axis by a tensor of whole numbers; ``Operations/gather(_:axis:indices:)``.
    ///
    /// - Throws: ``ProteanError`` as the operation.
    public func gather(axis: Int, indices: Tensor) throws(ProteanError) -> Tensor {
        try Operations.gather(self, axis: axis, indices: indices)
    }

    /// Axis i of the result is axis `axes[i]`; ``Operations/permute(_:_:)``.
    ///
    /// - Throws: ``ProteanError`` as the operation.
    public func permuted(_ axes: [Int]) throws(ProteanError) -> Tensor {
        try Operations.permute(self, axes)
    }

    /// Two axes exchanged, the last ones by default; ``Operations/transpose(_:_:_:)``.
    ///
    /// - Throws: ``ProteanError`` as the operation.
    public func transposed(_ first: Int = -2, _ second: Int = -1) throws(ProteanError) -> Tensor {
        try Operations.transpose(self, first, second)
    }

    /// Without axes of size 1; ``Operations/squeeze(_:axes:)``.
    ///
    /// - Throws: ``ProteanError`` as the operation.
    public func squeezed(axes: [Int]? = nil) throws(ProteanError) -> Tensor {
        try Operations.squeeze(self, axes: axes)
    }

    /// With a new axis of size 1; ``Operations/expandDimensions(_:axis:)``.
    ///
    /// - Throws: ``ProteanError`` as the operation.
    public func expandedDimensions(axis: Int) throws(ProteanError) -> Tensor {
        try Operations.expandDimensions(self, axis: axis)
    }

    /// A copy repeated along axes of size 1; ``Operations/broadcast(_:to:)``.
    ///
    /// - Throws: ``ProteanError`` as the operation.
    public func broadcast(to shape: [Int]) throws(ProteanError) -> Tensor {
        try Operations.broadcast(self, to: shape)
    }

    /// The entries of some axes in the opposite order; ``Operations/flip(_:axes:)``.
    ///
    /// - Throws: ``ProteanError`` as the operation.
    public func flipped(axes: [Int]) throws(ProteanError) -> Tensor {
        try Operations.flip(self, axes: axes)
    }

    /// The whole tensor repeated along each axis; ``Operations/tile(_:_:)``.
    ///
    /// - Throws: ``ProteanError`` as the operation.
    public func tiled(_ counts: [Int]) throws(ProteanError) -> Tensor {
        try Operations.tile(self, counts)
    }

    /// Every entry of an axis several times in a row; ``Operations/repeatEntries(_:count:axis:)``.
    ///
    /// - Throws: ``ProteanError`` as the operation.
    public func repeatedEntries(count: Int, axis: Int) throws(ProteanError) -> Tensor {
        try Operations.repeatEntries(self, count: count, axis: axis)
    }

    /// The only element of a tensor that has one.
    ///
    /// - Throws: ``ProteanError/shapeMismatch(layer:tensor:expected:found:)`` when there are more or
    ///   none, ``ProteanError/noValues(layer:)`` when it carries a shape only.
    public func item() throws(ProteanError) -> Float {
        guard count == 1 else {
            throw .shapeMismatch(
                layer: "item", tensor: "x", expected: "one element", found: shape)
        }
        return try withUnsafeBufferPointer { (elements) throws(ProteanError) in elements[0] }
    }
}
