extension KernelRegistry {
    /// Every kernel that can be measured.
    package static var standard: KernelRegistry {
        KernelRegistry([
            CopyBenchmark.self,
        ])
    }
}
