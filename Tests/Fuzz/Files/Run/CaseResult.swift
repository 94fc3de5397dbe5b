import Foundation

/// What one case took and came to.
struct CaseResult: Codable {
    var index: Int
    var format: FileFormat
    var label: String
    /// Bytes of the file.
    var size: Int
    var isRead = false
    var seconds = 0.0
    /// Growth of memory; nil where it is not known.
    var bytes: Int?
    /// What is wrong; empty when nothing is.
    var problems: [String] = []
    /// The refusal's beginning.
    var message = ""

    init(_ file: FileCase) {
        index = file.index
        format = file.format
        label = file.label
        size = file.bytes.count
    }

    /// One line of JSON, with its line feed.
    var line: Data {
        get throws { try JSONEncoder().encode(self) + [0x0a] }
    }
}

/// What a case may take.
struct CaseLimits: Codable, Equatable {
    /// CPU time in seconds.
    var seconds = 0.5
    /// Growth of memory in bytes.
    var bytes = 64 << 20

    /// What is above the limits, in words.
    func problems(_ meter: CaseMeter) -> [String] {
        var problems: [String] = []
        if meter.seconds > seconds {
            problems.append("\(Self.text(meter.seconds)) s of CPU time, the limit is \(seconds) s")
        }
        if let found = meter.bytes, found > bytes {
            problems.append("\(found >> 20) MiB of memory, the limit is \(bytes >> 20) MiB")
        }
        return problems
    }

    static func text(_ seconds: Double) -> String { String(format: "%.3f", seconds) }
}
