import Foundation

#if canImport(Glibc)
    import Glibc
#endif

/// CPU time and the peak of memory while something runs.
struct CaseMeter {
    /// CPU time of all threads, in seconds.
    private(set) var seconds = 0.0
    /// Growth of the resident memory at its peak, in bytes; nil where the system does not tell.
    private(set) var bytes: Int?

    /// Runs `body` and measures it. Memory that earlier cases left behind is given back before, so
    /// that it cannot hide what this one takes.
    static func measure<R>(_ body: () -> R) -> (R, CaseMeter) {
        var meter = CaseMeter()
        ResidentMemory.giveBack()
        ResidentMemory.resetPeak()
        let before = ResidentMemory.now
        let start = cpuTime()
        let result = body()
        meter.seconds = cpuTime() - start
        if let before, let peak = ResidentMemory.peak { meter.bytes = max(0, peak - before) }
        return (result, meter)
    }

    static func cpuTime() -> Double {
        var time = timespec()
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
    }
}

/// The process's resident memory, as Linux tells it.
enum ResidentMemory {
    /// Bytes in use now.
    static var now: Int? { value("VmRSS:") }
    /// The most bytes in use since ``resetPeak()``.
    static var peak: Int? { value("VmHWM:") }

    /// Makes the peak what is in use now.
    static func resetPeak() {
        #if os(Linux)
            let descriptor = open("/proc/self/clear_refs", O_WRONLY | O_CLOEXEC)
            guard descriptor >= 0 else { return }
            _ = write(descriptor, "5", 1)
            close(descriptor)
        #endif
    }

    /// Gives the allocator's free memory back to the system.
    static func giveBack() {
        _ = trim?(0)
    }

    /// glibc's `malloc_trim`, which no module offers.
    private static let trim: (@convention(c) (Int) -> Int32)? = dlsym(nil, "malloc_trim").map {
        unsafeBitCast($0, to: (@convention(c) (Int) -> Int32).self)
    }

    private static func value(_ field: String) -> Int? {
        #if os(Linux)
            guard let file = fopen("/proc/self/status", "r") else { return nil }
            defer { fclose(file) }
            var line = [CChar](repeating: 0, count: 256)
            while fgets(&line, Int32(line.count), file) != nil {
                let text = line.withUnsafeBufferPointer { String(cString: $0.baseAddress!) }
                guard text.hasPrefix(field) else { continue }
                let digits = text.filter(\.isNumber)
                return Int(digits).map { $0 * 1024 }
            }
        #endif
        return nil
    }
}
