import CProteanKernels

/// The blocks of memory that `body` takes from the system on this thread.
///
/// For tests in a process of their own: those that run side by side share the pool of scratch memory,
/// and the more cores there are, the more often one finds it empty.
func allocations(of body: () throws -> Void) rethrows -> Int {
    let before = ptn_memory_acquisitions()
    try body()
    return Int(ptn_memory_acquisitions() - before)
}
