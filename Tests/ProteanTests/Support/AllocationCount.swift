import CProteanKernels

/// The fewest blocks of memory that `body` takes from the system on this thread in a few attempts.
///
/// Tests run side by side and share the pool of scratch memory, so a single attempt may find the
/// pool empty; a body that allocates every time fails in every attempt.
func fewestAllocations(_ body: () throws -> Void) rethrows -> Int {
    var fewest = Int.max
    for _ in 0..<20 {
        let before = ptn_memory_acquisitions()
        try body()
        fewest = min(fewest, Int(ptn_memory_acquisitions() - before))
    }
    return fewest
}
