import CProteanKernels

/// Packed weights of a kernel that has its own packing function.
///
/// Safety of `@unchecked Sendable`: the memory is written during initialisation only.
final class PackedPanels: @unchecked Sendable {
    /// The packed floats.
    let base: UnsafeMutablePointer<Float>

    /// Memory for `floats` floats per set, filled set by set by `pack`, which gets the number of the
    /// set and its place.
    init(
        floats: Int, sets: Int = 1, layer: String,
        pack: (Int, UnsafeMutablePointer<Float>) -> ptn_status
    ) throws(ProteanError) {
        let (count, overflow) = floats.multipliedReportingOverflow(by: sets)
        let bytes = count.multipliedReportingOverflow(by: MemoryLayout<Float>.stride)
        guard !overflow, !bytes.overflow else {
            throw .sizeOverflow(layer: layer, what: "packed weights")
        }
        guard let memory = ptn_memory_acquire(PTN_MEMORY_WEIGHTS, max(64, bytes.partialValue))
        else { throw .outOfMemory(layer: layer, bytes: bytes.partialValue) }
        base = memory.assumingMemoryBound(to: Float.self)
        for set in 0..<sets { try pack(set, base + set * floats).check(layer) }
    }

    deinit { ptn_memory_release(base) }
}
