import Foundation
import Protean

/// Resident memory of this process, as Linux counts it.
package enum PeakMemory {
    private static let status = "/proc/self/status"
    private static let references = "/proc/self/clear_refs"

    /// The largest increase of resident memory during `body`, in bytes.
    ///
    /// - Throws: `ProteanError.fileAccess` if the system does not report it, and what `body`
    ///   throws.
    package static func growth(during body: () throws -> Void) throws -> Int {
        try resetPeak()
        let before = try bytes("VmRSS")
        try body()
        return max(0, try bytes("VmHWM") - before)
    }

    /// Resets the peak to the current resident memory.
    private static func resetPeak() throws {
        guard let file = FileHandle(forWritingAtPath: references) else {
            throw ProteanError.fileAccess(file: references, reason: "needs Linux")
        }
        try file.write(contentsOf: Data("5".utf8))
        try file.close()
    }

    private static func bytes(_ name: String) throws -> Int {
        let text = try? String(contentsOfFile: status, encoding: .utf8)
        let line = text?.split(separator: "\n").first { $0.hasPrefix(name + ":") }
        let words = line?.split(whereSeparator: \.isWhitespace) ?? []
        guard words.count >= 2, let kibibytes = Int(words[1]) else {
            throw ProteanError.fileAccess(file: status, reason: "lacks \(name)")
        }
        return kibibytes << 10
    }
}
