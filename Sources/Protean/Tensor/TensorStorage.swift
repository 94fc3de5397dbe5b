import CProteanKernels

/// The memory of tensors: aligned and owned, or a view into memory that is kept alive.
///
/// Safety of `@unchecked Sendable`: the bytes are written only through
/// ``Tensor/withUnsafeMutableBufferPointer(_:)`` and by operations filling a fresh result, both of
/// which hold the only reference at that time. Shared storage is never written.
final class TensorStorage: @unchecked Sendable {
    let base: UnsafeMutablePointer<Float>
    let count: Int
    /// The object that a view keeps alive; nil if the memory is owned.
    private let owner: AnyObject?

    /// Owned, 64-byte aligned, with undefined contents; nil when memory is short.
    init?(count: Int) {
        let bytes = count * MemoryLayout<Float>.stride
        guard let memory = ptn_memory_acquire(PTN_MEMORY_TENSORS, bytes) else { return nil }
        base = memory.assumingMemoryBound(to: Float.self)
        self.count = count
        owner = nil
    }

    /// A read-only view of memory that `owner` keeps alive.
    init(viewing base: UnsafePointer<Float>, count: Int, owner: AnyObject) {
        self.base = UnsafeMutablePointer(mutating: base)
        self.count = count
        self.owner = owner
    }

    var isOwned: Bool { owner == nil }

    deinit {
        if isOwned { ptn_memory_release(base) }
    }
}
