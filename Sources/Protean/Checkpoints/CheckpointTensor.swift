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
public struct CheckpointTensor: Sendable {
    /// The stored element type.
    public let type: ElementType
    /// Sizes of the axes, outermost first, in the file's (PyTorch's) axis order.
    public let shape: [Int]
    /// Distance between neighbours along each axis, in elements; row-major when contiguous.
    public let strides: [Int]
    let storage: CheckpointBytes
    let byteOffset: Int

    /// Number of elements.
    public var count: Int { shape.reduce(1, *) }
}
