import CProteanKernels

/// The memory of tensors, packed weights and scratch buffers in the whole process.
///
/// Large blocks are cut from regions backed by huge pages, where the system allows them, and are
/// reused immediately, lowest address first: a network's activations take only as much memory as is
/// live at one time, and cause no page faults after the first run.
///
/// ```swift
/// _ = try model(image)                       // packs the weights
/// Memory.resetPeaks()
/// let before = Memory.usage(of: .tensors).live
/// _ = try model(image)
/// print("peak of activations:", Memory.usage(of: .tensors).peak - before, "bytes")
/// ```
public enum Memory {
    /// The uses of memory.
    public enum Kind: Sendable, CaseIterable {
        /// Tensors that own their elements: inputs, activations, parameters that are not mapped.
        case tensors
        /// Weights in the form that kernels read, and weight files that cannot be mapped.
        case weights
        /// Scratch memory of kernels, including freed blocks kept for reuse (at most 256 MiB).
        case scratch
    }

    /// Bytes of one kind.
    public struct Usage: Sendable, Equatable {
        /// Bytes in use now.
        public var live: Int
        /// The most that was in use at one time since the process began or the last
        /// ``Memory/resetPeaks()``.
        public var peak: Int

        /// Both figures, in bytes.
        public init(live: Int, peak: Int) {
            self.live = live
            self.peak = peak
        }
    }

    /// Current and peak memory of one kind, in bytes as requested (without rounding).
    public static func usage(of kind: Kind) -> Usage {
        let usage = ptn_memory_usage_of(kind.kernelValue)
        return Usage(live: usage.live, peak: usage.peak)
    }

    /// Sets the peak of every kind to its current usage.
    public static func resetPeaks() { ptn_memory_reset_peaks() }

    /// The most bytes that blocks of all kinds together may have.
    ///
    /// A layer whose result, weights or scratch would exceed it throws
    /// ``ProteanError/outOfMemory(layer:bytes:)`` before it computes anything. Initially the value
    /// of the environment variable `PROTEAN_MEMORY_LIMIT`; without it, three quarters of the
    /// machine's memory or of its control group's limit (in a container). Mapped weight files do
    /// not count.
    public static var limit: Int { Int(clamping: ptn_memory_limit()) }

    /// Sets ``limit``, in bytes. Memory in use is not affected.
    ///
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)`` for less than 1.
    public static func setLimit(_ bytes: Int) throws(ProteanError) {
        try checkOption(bytes, "limit", in: 1...Int.max, layer: "Memory")
        ptn_memory_set_limit(bytes)
    }

    /// Throws ``ProteanError/outOfMemory(layer:bytes:)`` if so many elements could never be
    /// allocated: for Swift arrays, whose allocation cannot report a failure.
    static func check<Element>(
        _ count: Int, of type: Element.Type, layer: String
    ) throws(ProteanError) {
        let (bytes, overflow) = count.multipliedReportingOverflow(
            by: MemoryLayout<Element>.stride)
        guard !overflow, bytes <= limit else {
            throw .outOfMemory(layer: layer, bytes: overflow ? Int.max : bytes)
        }
    }

    /// Returns memory kept for reuse to the system: scratch blocks and unused regions. The next
    /// calls allocate it again, at the cost of page faults.
    public static func trim() { ptn_memory_trim() }
}

extension Memory.Kind {
    var kernelValue: ptn_memory_kind {
        switch self {
        case .tensors: PTN_MEMORY_TENSORS
        case .weights: PTN_MEMORY_WEIGHTS
        case .scratch: PTN_MEMORY_SCRATCH
        }
    }
}
