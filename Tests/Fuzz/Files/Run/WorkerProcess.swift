import Foundation
import Protean

/// A process that runs cases and writes one line per result.
enum WorkerProcess {
    /// Runs the worker to its end.
    ///
    /// - Parameter receive: called with every result that it wrote.
    /// - Returns: how the process ended, in words.
    static func run(
        _ program: URL, arguments: [String], receive: (CaseResult) -> Void
    ) throws -> String {
        let process = Process()
        process.executableURL = program
        process.arguments = ["files"] + arguments
        // A trap's backtrace takes seconds and says nothing that running the case again does not.
        process.environment = ProcessInfo.processInfo.environment.merging(
            ["SWIFT_BACKTRACE": "enable=no"], uniquingKeysWith: { $1 })
        let folder = try FuzzFolder()
        defer { folder.remove() }
        folder.write([], as: "errors")
        let errors = try FileHandle(forWritingTo: URL(filePath: folder.file("errors")))
        let output = Pipe()
        process.standardOutput = output
        process.standardError = errors
        process.standardInput = FileHandle.nullDevice
        try process.run()
        try receiveLines(output.fileHandleForReading, receive)
        process.waitUntilExit()
        let text = (try? String(contentsOfFile: folder.file("errors"), encoding: .utf8)) ?? ""
        return description(process) + (text.isEmpty ? "" : ": " + String(text.suffix(600)).escaped)
    }

    private static func receiveLines(
        _ handle: FileHandle, _ receive: (CaseResult) -> Void
    ) throws {
        var pending = Data()
        while true {
            let chunk = handle.availableData
            guard !chunk.isEmpty else { return }
            pending += chunk
            while let end = pending.firstIndex(of: 0x0a) {
                receive(try JSONDecoder().decode(CaseResult.self, from: pending[..<end]))
                pending = Data(pending[(end + 1)...])
            }
        }
    }

    private static func description(_ process: Process) -> String {
        let status = process.terminationStatus
        guard process.terminationReason == .uncaughtSignal else {
            return "the process ended with status \(status)"
        }
        switch status {
        case SIGPROF: return "the process was ended after ten times the CPU time allowed"
        case SIGALRM: return "the process was ended after \(Watchdog.patience) s of waiting"
        default: return "the process was ended by signal \(status)"
        }
    }
}
