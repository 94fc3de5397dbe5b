import Foundation

/// Processor time and resident memory of this process.
enum ProcessMeter {
    /// Seconds of all threads since the start.
    static var seconds: Double {
        var time = timespec()
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
    }

    /// Lets the peak begin again at what is resident. Linux only; elsewhere peaks are not told.
    static func resetPeak() {
        guard let file = fopen("/proc/self/clear_refs", "w") else { return }
        fputs("5", file)
        fclose(file)
    }

    /// A line of /proc/self/status in MiB: `VmRSS` is resident now, `VmHWM` the peak.
    static func mebibytes(_ line: String) -> Double? {
        guard let text = try? String(contentsOfFile: "/proc/self/status", encoding: .utf8) else {
            return nil
        }
        let found = text.split(separator: "\n").first { $0.hasPrefix(line + ":") }
        return found?.split(whereSeparator: \.isWhitespace).dropFirst().first.flatMap { Double($0) }
            .map { $0 / 1024 }
    }
}
