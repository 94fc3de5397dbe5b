import CProteanKernels

/// A contiguous, row-major array of Float32 with value semantics.
///
/// Images and feature maps are **NHWC**: `[batch, height, width, channels]`, channels innermost.
/// Copying a tensor is cheap (the elements are shared until one copy is written). A tensor may
/// carry a shape only (see ``init(shapeOnly:)``); layers then compute shapes and costs, no values.
public struct Tensor: Sendable {
    /// Sizes of the axes, outermost first. A scalar has shape `[]`.
    public let shape: [Int]
    /// nil for a tensor that carries a shape only.
    var storage: TensorStorage?
    /// Number of elements: the product of ``shape``.
    public let count: Int

    /// A tensor with undefined contents, to be filled by an operation.
    init(uninitialized shape: [Int], for layer: String = "Tensor") throws(ProteanError) {
        let count = try Shape.elementCount(shape, layer: layer)
        guard let storage = TensorStorage(count: count) else {
            throw .outOfMemory(layer: layer, bytes: count * MemoryLayout<Float>.stride)
        }
        self.shape = shape
        self.count = count
        self.storage = storage
    }

    /// A view of memory that `owner` keeps alive and that is never written.
    init(viewing base: UnsafePointer<Float>, shape: [Int], count: Int, owner: AnyObject) {
        self.shape = shape
        self.count = count
        storage = TensorStorage(viewing: base, count: count, owner: owner)
    }

    /// A tensor without values: layers applied to it report output shapes and costs and compute
    /// nothing.
    ///
    /// - Throws: ``ProteanError`` when a size is negative or the byte count overflows.
    public init(shapeOnly shape: [Int]) throws(ProteanError) {
        count = try Shape.elementCount(shape, layer: "Tensor")
        self.shape = shape
        storage = nil
    }

    /// A tensor whose elements all equal `value`.
    ///
    /// - Throws: ``ProteanError`` when a size is negative, the byte count overflows or memory is
    ///   short.
    public init(repeating value: Float, shape: [Int]) throws(ProteanError) {
        try self.init(uninitialized: shape)
        storage!.base.initialize(repeating: value, count: count)
    }

    /// A tensor of zeros. Throws as ``init(repeating:shape:)``.
    public init(zeros shape: [Int]) throws(ProteanError) {
        try self.init(repeating: 0, shape: shape)
    }

    /// A scalar: a tensor without axes. Throws when memory is short.
    public init(scalar value: Float) throws(ProteanError) {
        try self.init(repeating: value, shape: [])
    }

    /// A tensor with the given elements in row-major order.
    ///
    /// - Throws: ``ProteanError/shapeMismatch(layer:tensor:expected:found:)`` when the number of
    ///   elements is not the product of `shape`.
    public init(_ elements: some Collection<Float>, shape: [Int]) throws(ProteanError) {
        let count = try Shape.elementCount(shape, layer: "Tensor")
        guard elements.count == count else {
            throw .shapeMismatch(
                layer: "Tensor", tensor: "elements",
                expected: "\(count) elements for the shape \(shape)", found: [elements.count])
        }
        try self.init(uninitialized: shape)
        let buffer = UnsafeMutableBufferPointer(start: storage!.base, count: count)
        _ = buffer.initialize(from: elements)
    }

    /// Whether the tensor carries a shape but no values.
    public var isShapeOnly: Bool { storage == nil }

    /// Number of axes.
    public var rank: Int { shape.count }
}

extension Tensor {
    /// The elements in row-major order, copied. Empty for a tensor that carries a shape only.
    public var elements: [Float] {
        guard let storage else { return [] }
        return withExtendedLifetime(storage) {
            Array(UnsafeBufferPointer(start: storage.base, count: count))
        }
    }

    /// Calls `body` with the elements in row-major order.
    ///
    /// A closure that throws must be written `{ elements throws(ProteanError) in … }`; otherwise
    /// Swift does not infer the error's type.
    /// - Throws: ``ProteanError/noValues(layer:)`` for a tensor that carries a shape only, and
    ///   whatever `body` throws.
    public func withUnsafeBufferPointer<R>(
        _ body: (UnsafeBufferPointer<Float>) throws(ProteanError) -> R
    ) throws(ProteanError) -> R {
        guard let storage else { throw .noValues(layer: "Tensor") }
        defer { withExtendedLifetime(storage) {} }
        return try body(UnsafeBufferPointer(start: storage.base, count: count))
    }

    /// ``withUnsafeBufferPointer(_:)`` for a body that throws other errors.
    @_disfavoredOverload
    public func withUnsafeBufferPointer<R>(
        _ body: (UnsafeBufferPointer<Float>) throws -> R
    ) throws -> R {
        guard let storage else { throw ProteanError.noValues(layer: "Tensor") }
        defer { withExtendedLifetime(storage) {} }
        return try body(UnsafeBufferPointer(start: storage.base, count: count))
    }

    /// Calls `body` with the elements for writing; copies them first when they are shared.
    ///
    /// A closure that throws must be written as for `withUnsafeBufferPointer(_:)`.
    /// - Throws: ``ProteanError/noValues(layer:)`` for a tensor that carries a shape only,
    ///   ``ProteanError/outOfMemory(layer:bytes:)``, and whatever `body` throws.
    public mutating func withUnsafeMutableBufferPointer<R>(
        _ body: (UnsafeMutableBufferPointer<Float>) throws(ProteanError) -> R
    ) throws(ProteanError) -> R {
        try makeUnique()
        return try body(UnsafeMutableBufferPointer(start: storage!.base, count: count))
    }

    /// ``withUnsafeMutableBufferPointer(_:)`` for a body that throws other errors.
    @_disfavoredOverload
    public mutating func withUnsafeMutableBufferPointer<R>(
        _ body: (UnsafeMutableBufferPointer<Float>) throws -> R
    ) throws -> R {
        try makeUnique()
        return try body(UnsafeMutableBufferPointer(start: storage!.base, count: count))
    }

    private mutating func makeUnique() throws(ProteanError) {
        guard storage != nil else { throw .noValues(layer: "Tensor") }
        if storage!.isOwned && isKnownUniquelyReferenced(&storage!) { return }
        let copy = try Tensor(uninitialized: shape)
        copy.storage!.base.initialize(from: storage!.base, count: count)
        storage = copy.storage
    }
}

extension Tensor {
    /// The same elements under another shape. Costs nothing.
    ///
    /// One size may be -1: it follows from the others.
    /// - Throws: ``ProteanError/shapeMismatch(layer:tensor:expected:found:)`` when the number of
    ///   elements differs.
    public func reshaped(to newShape: [Int]) throws(ProteanError) -> Tensor {
        var sizes = newShape
        if let free = newShape.firstIndex(of: -1) {
            sizes[free] = 1
            guard !sizes.contains(-1) else {
                throw .invalidOption(
                    layer: "reshape", option: "shape", expected: "-1 at most once",
                    found: "\(newShape)")
            }
            let rest = try Shape.elementCount(sizes, layer: "reshape")
            guard rest > 0 ? count % rest == 0 : count == 0 else {
                throw unsuited(newShape, "a multiple of \(rest)")
            }
            sizes[free] = rest > 0 ? count / rest : 0
        }
        let needed = try Shape.elementCount(sizes, layer: "reshape")
        guard needed == count else { throw unsuited(newShape, "\(needed)") }
        return Tensor(shape: sizes, count: count, storage: storage)
    }

    private func unsuited(_ newShape: [Int], _ needed: String) -> ProteanError {
        .shapeMismatch(
            layer: "reshape", tensor: "x", expected: "\(needed) elements for \(newShape)",
            found: shape)
    }

    init(shape: [Int], count: Int, storage: TensorStorage?) {
        self.shape = shape
        self.count = count
        self.storage = storage
    }

    /// The largest absolute difference between two tensors of equal shape; NaN counts as infinite.
    ///
    /// - Throws: ``ProteanError`` when shapes differ or values are missing.
    public func maximumDifference(from other: Tensor) throws(ProteanError) -> Float {
        guard shape == other.shape else {
            throw .shapeMismatch(
                layer: "maximumDifference", tensor: "other", expected: "\(shape)",
                found: other.shape)
        }
        guard let a = storage, let b = other.storage else {
            throw .noValues(layer: "maximumDifference")
        }
        var worst: Float = 0
        for i in 0..<count {
            let difference = abs(a.base[i] - b.base[i])
            if difference.isNaN { return .infinity }
            worst = max(worst, difference)
        }
        return worst
    }
}
