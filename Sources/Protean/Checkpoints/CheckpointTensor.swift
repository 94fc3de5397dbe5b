import CProteanKernels

/// Bytes that several tensors may share: a mapped file or memory read from one.
///
/// Safety of `@unchecked Sendable`: the bytes are never written after creation.
public final class CheckpointBytes: @unchecked Sendable {
    /// The bytes; valid as long as this object lives.
    public let bytes: UnsafeRawBufferPointer
    private let release: (UnsafeRawBufferPointer) -> Void

    /// Takes charge of `bytes`; `release` is called with them at the end.
    public init(
        _ bytes: UnsafeRawBufferPointer,
        release: @escaping @Sendable (UnsafeRawBufferPointer) -> Void
    ) {
        self.bytes = bytes
        self.release = release
    }

    /// A copy of an array.
    public convenience init(copying array: [UInt8]) {
        let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: array.count, alignment: 64)
        memory.copyBytes(from: array)
        self.init(UnsafeRawBufferPointer(memory)) { $0.deallocate() }
    }

    deinit { release(bytes) }
}

/// One tensor of a weight file: an element type, a shape and a view of bytes.
///
/// A tensor that exists lies within its bytes:
/// ``init(name:type:shape:strides:storage:byteOffset:)`` refuses any other.
public struct CheckpointTensor: Sendable {
    /// The stored element type.
    public let type: ElementType
    /// Sizes of the axes, outermost first, in the file's (PyTorch's) axis order.
    public let shape: [Int]
    /// Distance between neighbours along each axis, in elements; row-major when contiguous.
    public let strides: [Int]
    /// Number of elements.
    public let count: Int
    let storage: CheckpointBytes
    let byteOffset: Int

    /// The most axes a tensor may have; PyTorch's limit.
    public static let maximumRank = Int(PTN_CONVERT_MAX_RANK)
    /// The most elements of a tensor that repeats stored elements (stride 0, overlapping strides):
    /// few bytes of a file must not become much memory.
    public static let maximumRepeatedCount = 1 << 26

    /// A view of `storage`, checked.
    ///
    /// - Parameters:
    ///   - name: the tensor's name, for error messages.
    ///   - type: the stored element type, little-endian.
    ///   - shape: sizes of the axes, outermost first.
    ///   - strides: distances in elements, not negative; nil means row-major and contiguous.
    ///   - storage: the bytes, usually of a whole file.
    ///   - byteOffset: where in `storage` the first element lies; need not be aligned.
    /// - Throws: ``WeightFileProblem/invalidRange(tensor:begin:end:available:)`` when the view
    ///   reaches beyond `storage`, ``WeightFileProblem/sizeOverflow(tensor:shape:)``,
    ///   ``WeightFileProblem/limitExceeded(what:limit:found:)`` for more than ``maximumRank`` axes
    ///   or ``maximumRepeatedCount`` repeated elements, and
    ///   ``WeightFileProblem/malformed(what:reason:)`` for negative numbers.
    public init(
        name: String, type: ElementType, shape: [Int], strides: [Int]? = nil,
        storage: CheckpointBytes, byteOffset: Int
    ) throws(WeightFileProblem) {
        try self.init(
            name: name, type: type, shape: shape, strides: strides, storage: storage,
            within: 0..<storage.bytes.count, byteOffset: byteOffset)
    }

    /// A view of the bytes `bounds` of `storage`, beginning `byteOffset` bytes into them.
    init(
        name: String, type: ElementType, shape: [Int], strides: [Int]? = nil,
        storage: CheckpointBytes, within bounds: Range<Int>, byteOffset: Int
    ) throws(WeightFileProblem) {
        guard shape.count <= Self.maximumRank else {
            throw .limitExceeded(
                what: "the rank of tensor '\(name)'", limit: Self.maximumRank, found: shape.count)
        }
        let layout = try StridedLayout(name: name, type: type, shape: shape, strides: strides)
        let (end, overflow) = byteOffset.addingReportingOverflow(layout.byteExtent)
        guard byteOffset >= 0, !overflow, end <= bounds.count else {
            throw .invalidRange(
                tensor: name, begin: byteOffset, end: overflow ? Int.max : end,
                available: bounds.count)
        }
        if layout.count > layout.byteExtent / type.size, layout.count > Self.maximumRepeatedCount {
            throw .limitExceeded(
                what: "the number of repeated elements of tensor '\(name)'",
                limit: Self.maximumRepeatedCount, found: layout.count)
        }
        self.type = type
        self.shape = shape
        self.strides = layout.strides
        self.storage = storage
        self.byteOffset = bounds.lowerBound + byteOffset
        count = layout.count
    }

    /// The number of elements; its Float32 and Float64 forms must fit the address space, and so
    /// must the products over parts of the axes, which are strides.
    static func elementCount(
        name: String, shape: [Int]
    ) throws(WeightFileProblem) -> Int {
        var product = 1
        for size in shape {
            guard size >= 0 else {
                throw .malformed(what: "tensor '\(name)'", reason: "negative size in \(shape)")
            }
            let (next, overflow) = product.multipliedReportingOverflow(by: max(size, 1))
            guard !overflow, next <= Int.max / 8 else {
                throw .sizeOverflow(tensor: name, shape: shape)
            }
            product = next
        }
        return shape.contains(0) ? 0 : product
    }

    /// Bytes of the elements, each counted once: `count` times the element's size.
    public var byteCount: Int { count * type.size }

    /// Whether the elements lie in row-major order without holes.
    public var isContiguous: Bool {
        var expected = 1
        for (size, stride) in zip(shape, strides).reversed() where size != 1 {
            guard stride == expected else { return false }
            expected *= size
        }
        return true
    }
}

/// A checked shape and strides: how many elements there are and how far they reach.
private struct StridedLayout {
    let count: Int
    let strides: [Int]
    /// Bytes from the first element's start to the furthest element's end; 0 when there is none.
    let byteExtent: Int

    init(
        name: String, type: ElementType, shape: [Int], strides given: [Int]?
    ) throws(WeightFileProblem) {
        count = try CheckpointTensor.elementCount(name: name, shape: shape)
        strides = given ?? Self.rowMajor(shape)
        guard strides.count == shape.count, strides.allSatisfy({ $0 >= 0 }) else {
            throw .malformed(
                what: "tensor '\(name)'", reason: "strides \(strides) for shape \(shape)")
        }
        var last = 0
        var overflow = false
        if count > 0 {
            for (size, stride) in zip(shape, strides) {
                let (reach, tooFar) = (size - 1).multipliedReportingOverflow(by: stride)
                let (sum, tooMuch) = last.addingReportingOverflow(reach)
                overflow = overflow || tooFar || tooMuch
                last = sum
            }
        }
        let (elements, one) = last.addingReportingOverflow(count > 0 ? 1 : 0)
        let (bytes, tooLarge) = elements.multipliedReportingOverflow(by: type.size)
        guard !overflow, !one, !tooLarge else { throw .sizeOverflow(tensor: name, shape: shape) }
        byteExtent = bytes
    }

    private static func rowMajor(_ shape: [Int]) -> [Int] {
        var strides = [Int](repeating: 1, count: shape.count)
        for axis in shape.indices.dropLast().reversed() {
            strides[axis] = strides[axis + 1] * max(shape[axis + 1], 1)
        }
        return strides
    }
}
