import ArgumentParser
import Foundation

/// What a careless reader would do, done on purpose: tests prove with it that the harness notices.
enum DeliberateFault: String, ExpressibleByArgument, CaseIterable {
    /// Ends the process as a trap does.
    case trap
    /// Computes for longer than any limit.
    case spin
    /// Takes 100 MiB and gives them back.
    case allocate
    /// Says that everything is refused.
    case refuse

    /// The outcome for a file: the fault for one in seven, by content.
    func outcome(_ format: FileFormat, _ bytes: [UInt8], _ folder: FuzzFolder) -> FuzzOutcome {
        if Self.strikes(bytes) { strike() }
        return FuzzOutcome(isRead: false, message: "refused on purpose")
    }

    /// Whether a file meets the fault.
    static func strikes(_ bytes: [UInt8]) -> Bool { Checksum.crc32(bytes) % 7 == 0 }

    func strike() {
        switch self {
        case .trap: abort()
        case .spin: while true {}
        case .allocate:
            let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: 100 << 20, alignment: 16)
            defer { memory.deallocate() }
            for place in stride(from: 0, to: memory.count, by: 4096) { memory[place] = 1 }
        case .refuse: return
        }
    }
}
