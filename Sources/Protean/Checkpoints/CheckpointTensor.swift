import CProteanKernels

/// One tensor of a weight file: an element type, a shape and a view of bytes.
///
/// A tensor of a supported type lies within its bytes:
/// ``init(name:type:shape:strides:storage:byteOffset:)`` throws otherwise.
public struct CheckpointTensor: Sendable {
    /// The stored element type.
    public let type: ElementType
    /// Sizes of the axes, outermost first, in the file's (PyTorch's) axis order.
    public let shape: [Int]
    /// Number of elements.
    public let count: Int
    /// Bytes of the elements, each counted once; of an unsupported type, the bytes that the file
    /// stores for the tensor, as far as known.
    public let byteCount: Int
    /// The name in the file, for error messages.
    let name: String
    let storage: CheckpointBytes
    let byteOffset: Int
    /// Bytes from the first element's start to the furthest element's end.
    let byteExtent: Int
    /// Nil for row-major, so that most tensors store one list only.
    private let givenStrides: [Int]?

    /// The most axes a tensor may have; PyTorch's limit.
    public static let maximumRank = Int(PTN_CONVERT_MAX_RANK)
    /// The most elements of a tensor that repeats stored elements (stride 0, overlapping strides):
    /// a small file must not cause a large allocation.
    public static let maximumRepeatedCount = 1 << 26

    /// A view of `storage`, checked.
    ///
    /// - Parameters:
    ///   - name: the tensor's name, for error messages.
    ///   - type: the stored element type, little-endian; a supported one.
    ///   - shape: sizes of the axes, outermost first.
    ///   - strides: distances in elements, not negative; nil means row-major and contiguous.
    ///   - storage: the bytes, usually of a whole file.
    ///   - byteOffset: offset of the first element in `storage`; need not be aligned.
    /// - Throws: ``WeightFileProblem/unsupportedType(tensor:type:)``,
    ///   ``WeightFileProblem/invalidRange(tensor:begin:end:available:)`` when the view
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
            within: 0..<storage.count, byteOffset: byteOffset)
    }

    /// A view of the bytes `bounds` of `storage`, beginning `byteOffset` bytes into them.
    init(
        name: String, type: ElementType, shape: [Int], strides: [Int]? = nil,
        storage: CheckpointBytes, within bounds: Range<Int>, byteOffset: Int
    ) throws(WeightFileProblem) {
        guard type.isSupported else { throw .unsupportedType(tensor: name, type: type.rawValue) }
        try self.init(
            name: name, type: type, elementSize: type.size, shape: shape, strides: strides,
            storage: storage, within: bounds, byteOffset: byteOffset)
    }

    /// The same for any type whose elements take whole bytes. Values of unsupported types cannot be
    /// read, but their positions are checked.
    init(
        name: String, type: ElementType, elementSize: Int, shape: [Int], strides: [Int]?,
        storage: CheckpointBytes, within bounds: Range<Int>, byteOffset: Int
    ) throws(WeightFileProblem) {
        try Self.checkRank(name: name, shape.count)
        let layout = try StridedLayout(
            name: name, elementSize: elementSize, shape: shape, strides: strides)
        let (end, overflow) = byteOffset.addingReportingOverflow(layout.byteExtent)
        guard byteOffset >= 0, !overflow, end <= bounds.count else {
            throw .invalidRange(
                tensor: name, begin: byteOffset, end: overflow ? Int.max : end,
                available: bounds.count)
        }
        if layout.count > layout.byteExtent / elementSize,
            layout.count > Self.maximumRepeatedCount
        {
            throw .limitExceeded(
                what: "the number of repeated elements of tensor '\(name)'",
                limit: Self.maximumRepeatedCount, found: layout.count)
        }
        self.name = name
        self.type = type
        self.shape = shape
        self.storage = storage
        self.byteOffset = bounds.lowerBound + byteOffset
        givenStrides = strides
        count = layout.count
        byteCount = layout.count * elementSize
        byteExtent = layout.byteExtent
    }

    /// A tensor without values that can be used: it is listed, and reading its values is an error.
    ///
    /// - Throws: ``WeightFileProblem/limitExceeded(what:limit:found:)``,
    ///   ``WeightFileProblem/sizeOverflow(tensor:shape:)`` and
    ///   ``WeightFileProblem/malformed(what:reason:)`` for shapes that no tensor can have.
    init(
        name: String, unsupported type: String, shape: [Int], storage: CheckpointBytes,
        byteOffset: Int = 0, byteCount: Int = 0
    ) throws(WeightFileProblem) {
        try Self.checkRank(name: name, shape.count)
        count = try Self.elementCount(name: name, shape: shape)
        self.name = name
        self.type = .unsupported(type)
        self.shape = shape
        self.storage = storage
        self.byteOffset = byteOffset
        self.byteCount = byteCount
        givenStrides = nil
        byteExtent = byteCount
    }

    /// Throws for more than ``maximumRank`` axes.
    static func checkRank(name: String, _ rank: Int) throws(WeightFileProblem) {
        guard rank <= maximumRank else {
            throw .limitExceeded(
                what: "the rank of tensor '\(name)'", limit: maximumRank, found: rank)
        }
    }

    /// Distance between neighbours along each axis, in elements; row-major when contiguous.
    public var strides: [Int] { givenStrides ?? StridedLayout.rowMajor(shape) }

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

    /// Whether the elements lie in row-major order without gaps.
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
    /// Bytes from the first element's start to the furthest element's end; 0 when there is none.
    let byteExtent: Int

    init(
        name: String, elementSize: Int, shape: [Int], strides given: [Int]?
    ) throws(WeightFileProblem) {
        count = try CheckpointTensor.elementCount(name: name, shape: shape)
        let strides = given ?? Self.rowMajor(shape)
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
        let (bytes, tooLarge) = elements.multipliedReportingOverflow(by: elementSize)
        guard !overflow, !one, !tooLarge, count <= Int.max / 16 else {
            throw .sizeOverflow(tensor: name, shape: shape)
        }
        byteExtent = bytes
    }

    static func rowMajor(_ shape: [Int]) -> [Int] {
        var strides = [Int](repeating: 1, count: shape.count)
        for axis in shape.indices.dropLast().reversed() {
            strides[axis] = strides[axis + 1] * max(shape[axis + 1], 1)
        }
        return strides
    }
}
