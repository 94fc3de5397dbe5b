import CProteanKernels

/// The memory that tensors, packed weights and scratch take, over the whole process.
///
/// Large blocks are cut from regions backed by huge pages, where the system allows those, and used
/// again at once, lowest address first: activations of a network take as much memory as their
/// overlap demands and no page faults after the first run.
///
/// ```swift
/// _ = try model(image)                       // packs the weights
/// Memory.resetPeaks()
/// let before = Memory.usage(of: .tensors).live
/// _ = try model(image)
/// print("peak of activations:", Memory.usage(of: .tensors).peak - before, "bytes")
/// ```
public enum Memory {
    /// What memory is for.
    public enum Kind: Sendable, CaseIterable {
        /// Tensors that own their elements: inputs, activations, parameters that are not mapped.
        case tensors
        /// Weights in the form that kernels read, and weight files that cannot be mapped.
        case weights
        /// Scratch memory of kernels, and what of it is kept for later (at most 256 MiB).
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

    /// How much memory of one kind is and was in use, in bytes, as asked for (without rounding).
    public static func usage(of kind: Kind) -> Usage {
        let usage = ptn_memory_usage_of(kind.kernelValue)
        return Usage(live: usage.live, peak: usage.peak)
    }

    /// Lets the peak of every kind begin again at what is in use.
    public static func resetPeaks() { ptn_memory_reset_peaks() }

    /// The most bytes that blocks of all kinds together may have.
    ///
    /// A layer whose result, weights or scratch would pass it throws
    /// ``ProteanError/outOfMemory(layer:bytes:)`` before it computes anything. At first the number in
    /// the environment's `PROTEAN_MEMORY_LIMIT`; without one, three quarters of the machine's memory or
    /// of what its control group (a container's limit) has. Mapped weight files do not count.
    public static var limit: Int { Int(clamping: ptn_memory_limit()) }

    /// Sets ``limit``, in bytes. What is in use stays.
    ///
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)`` for less than 1.
    public static func setLimit(_ bytes: Int) throws(ProteanError) {
        try checkOption(bytes, "limit", in: 1...Int.max, layer: "Memory")
        ptn_memory_set_limit(bytes)
    }

    /// Throws ``ProteanError/outOfMemory(layer:bytes:)`` where so many elements could never be had: for
    /// lists that Swift allocates, which cannot report that.
    static func check<Element>(
        _ count: Int, of type: Element.Type, layer: String
    ) throws(ProteanError) {
        let (bytes, overflow) = count.multipliedReportingOverflow(
            by: MemoryLayout<Element>.stride)
        guard !overflow, bytes <= limit else {
            throw .outOfMemory(layer: layer, bytes: overflow ? Int.max : bytes)
        }
    }

    /// Gives back to the system what is kept for later: scratch blocks and unused regions. The next
    /// calls take it again, at the cost of page faults.
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
