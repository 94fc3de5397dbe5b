import Foundation
import Testing

/// What a run of the executable left behind.
struct CommandResult {
    let status: Int32
    let output: String
    let errors: String

    /// The lines on standard error.
    var errorLines: [String] { errors.split(separator: "\n").map(String.init) }
}

/// The built `protean`, which lies beside the test bundle.
func protean(_ arguments: String..., environment: [String: String] = [:]) throws -> CommandResult {
    try protean(arguments, environment: environment)
}

/// ``protean(_:environment:)`` with a list.
func protean(_ arguments: [String], environment: [String: String] = [:]) throws -> CommandResult {
    let process = Process()
    process.executableURL = try executable("protean")
    process.arguments = arguments
    process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
    let folder = try TemporaryFolder()
    // Files, not pipes: a full pipe would stop the command.
    let (output, errors) = (try folder.write([], to: "stdout"), try folder.write([], to: "stderr"))
    process.standardOutput = try FileHandle(forWritingTo: URL(fileURLWithPath: output))
    process.standardError = try FileHandle(forWritingTo: URL(fileURLWithPath: errors))
    process.standardInput = FileHandle.nullDevice
    try process.run()
    process.waitUntilExit()
    return CommandResult(
        status: process.terminationStatus,
        output: try String(contentsOfFile: output, encoding: .utf8),
        errors: try String(contentsOfFile: errors, encoding: .utf8))
}

/// An executable of this package, searched upwards from the test bundle and the test runner.
func executable(_ name: String) throws -> URL {
    var starts = Bundle.allBundles.map(\.bundleURL)
    starts += CommandLine.arguments.filter { $0.contains(".xctest") }.map(
        URL.init(fileURLWithPath:))
    starts.append(URL(fileURLWithPath: CommandLine.arguments[0]))
    for start in starts {
        var folder = start.deletingLastPathComponent()
        for _ in 0..<4 {
            let candidate = folder.appendingPathComponent(name)
            if FileManager.default.isExecutableFile(atPath: candidate.path) { return candidate }
            folder.deleteLastPathComponent()
        }
    }
    throw MissingExecutable(name: name, searched: starts.map(\.path))
}

struct MissingExecutable: Error {
    let name: String
    let searched: [String]
}

/// A folder that is removed with its owner.
final class TemporaryFolder {
    let url: URL

    init() throws {
        url = FileManager.default.temporaryDirectory
            .appendingPathComponent("protean-tests-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(at: url) }

    func path(_ name: String) -> String { url.appendingPathComponent(name).path }

    func write(_ bytes: some Sequence<UInt8>, to name: String) throws -> String {
        try Data(bytes).write(to: url.appendingPathComponent(name))
        return path(name)
    }

    func exists(_ name: String) -> Bool { FileManager.default.fileExists(atPath: path(name)) }
}
