import Foundation

/// Runs a shell script in which `$P` is `protean`, `$K` is `kernelbench` and the working directory is
/// `folder`: for redirections, limits and file names that are no text.
func shell(_ script: String, in folder: TemporaryFolder) throws -> CommandResult {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/bin/sh")
    process.arguments = ["-c", script]
    process.currentDirectoryURL = folder.url
    process.environment = ProcessInfo.processInfo.environment.merging([
        "P": try executable("protean").path, "K": try executable("kernelbench").path,
    ]) { $1 }
    let own = try TemporaryFolder()
    let (output, errors) = (try own.write([], to: "stdout"), try own.write([], to: "stderr"))
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
