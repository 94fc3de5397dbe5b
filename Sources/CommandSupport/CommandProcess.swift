import ArgumentParser
import Foundation
import Protean

/// A command's process from its arguments to its exit status.
package enum CommandProcess {
    /// Parses and runs a command, and ends the process: status 0, 64 for wrong arguments, 1 for
    /// every other failure, which is one line on standard error.
    ///
    /// - Parameters:
    ///   - root: the command.
    ///   - name: the beginning of lines on standard error.
    ///   - arguments: turns the process's arguments into those that are parsed.
    package static func run(
        _ root: any ParsableCommand.Type, name: String,
        arguments: ([String]) -> [String] = { $0 }
    ) -> Never {
        Standard.fillClosedDescriptors()
        // A write beyond a file-size limit then fails with an error that can be reported.
        signal(SIGXFSZ, SIG_IGN)
        Interruption.removesUnfinishedFiles()
        do {
            var command = try root.parseAsRoot(arguments(PathBytes.processArguments()))
            try command.run()
        } catch {
            exit(status(of: error, root, name))
        }
        exit(0)
    }

    /// Reports an error.
    private static func status(
        of error: any Error, _ root: any ParsableCommand.Type, _ name: String
    ) -> Int32 {
        if let code = error as? ExitCode { return code.rawValue }
        let code = root.exitCode(for: error)
        switch code {
        case .success:
            // `--help` is a success and goes to standard output.
            do throws(ProteanError) {
                try Standard.print(root.fullMessage(for: error))
                return 0
            } catch {
                Standard.error("\(name): \(line(for: error))")
                return 1
            }
        case .failure:
            Standard.error("\(name): \(line(for: error))")
        default:
            Standard.error(root.fullMessage(for: error))
        }
        return code.rawValue
    }

    /// A failure of the work itself as one line.
    package static func line(for error: any Error) -> String { "\(error)".escaped }
}
