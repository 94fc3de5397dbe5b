import ArgumentParser
import CommandSupport
import Protean

/// Options for reading the names in a weight file.
struct KeyOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "The path in the file under which the weights lie, such as 'model.'.",
            discussion: "Empty for the names as they are. By default what wrappers put in front "
                + "of all names is taken off where the rest fits."))
    var prefix: String?

    @Option(help: "Which container of a training state holds the weights, such as params_ema.")
    var container: String?

    /// The selection with which a file is opened.
    var selection: CheckpointSelection { CheckpointSelection(container: container) }

    /// Whether any of these options is given.
    var isGiven: Bool { prefix != nil || container != nil }

    @Flag(help: "Name every key that does not fit, not only the first five of a kind.")
    var all = false

    /// Runs `body`; errors about keys that do not fit mention the options that may help.
    func explaining<R>(_ body: () throws -> R) throws -> R {
        try Self.explaining(all: all, body)
    }

    /// ``explaining(_:)`` with all keys listed, or only the first.
    static func explaining<R>(all: Bool, _ body: () throws -> R) throws -> R {
        do {
            return try body()
        } catch let error as ProteanError {
            guard case .parameterMismatch = error else { throw error }
            let short = error.description, whole = error.fullDescription
            if all { throw Failure(whole) }
            throw Failure(short == whole ? short : short + " (--all names all)")
        }
    }

    /// Writes remarks to standard error.
    static func say(_ notes: [String]) {
        for note in notes { Standard.error("protean: note: \(note)") }
    }
}
