import Foundation
import Protean
import ProteanImage

/// Paths that are no plain files must be refused at once; a file that changes after it was opened
/// ends in an error or in values, never in the end of the process.
enum NodeFuzzTarget {
    static func run(_ bytes: [UInt8], _ folder: FuzzFolder) -> FuzzOutcome {
        guard
            let kind = bytes.first.flatMap({
                NodeKind(rawValue: $0 % UInt8(NodeKind.allCases.count))
            })
        else {
            return FuzzOutcome(isRead: false, message: "no kind")
        }
        let content = Array(bytes.dropFirst())
        switch kind {
        case .shortened, .grown, .removed, .replaced: return change(kind, content, folder)
        default: return open(kind, content, folder)
        }
    }

    private static func open(
        _ kind: NodeKind, _ content: [UInt8], _ folder: FuzzFolder
    ) -> FuzzOutcome {
        let path = place(kind, folder)
        defer { if path.hasPrefix(folder.path) { unlink(path) } }
        var outcome = WeightFuzzTarget.read { () throws(ProteanError) in
            try Checkpoint.open(path)
        }
        let image = ImageFuzzTarget.read { () throws(ImageError) in try Image.decode(path) }
        outcome.problems += image.problems
        if outcome.isRead { outcome.problems.append("\(kind) was read as weights") }
        if image.isRead { outcome.problems.append("\(kind) was read as an image") }
        return outcome
    }

    /// Makes the node and gives its path.
    private static func place(_ kind: NodeKind, _ folder: FuzzFolder) -> String {
        let path = folder.file("node")
        unlink(path)
        switch kind {
        case .pipe: mkfifo(path, 0o600)
        case .directory: return folder.path
        case .zeros: return "/dev/zero"
        case .null: return "/dev/null"
        case .danglingLink: symlink(folder.file("nothing"), path)
        case .linkToItself: symlink(path, path)
        default: folder.write([], as: "node")
        }
        return path
    }

    /// Opens weights, changes the file, and reads the tensors after that.
    private static func change(
        _ kind: NodeKind, _ content: [UInt8], _ folder: FuzzFolder
    ) -> FuzzOutcome {
        // A file of many pages, so that a mapping really has some to lose.
        let file = folder.write(weights, as: "node")
        defer { unlink(file) }
        do throws(ProteanError) {
            let checkpoint = try Checkpoint.open(file)
            disturb(kind, file, content, folder)
            let tensor = try checkpoint.tensor("a")
            var outcome = FuzzOutcome(isRead: true)
            if tensor.count != elements { outcome.problems.append("\(tensor.count) elements") }
            if kind == .shortened { outcome.problems.append("values were read that are gone") }
            return outcome
        } catch {
            var outcome = FuzzOutcome.refused(error)
            if kind == .grown || kind == .removed {
                outcome.problems.append("values that are still there were not read")
            }
            return outcome
        }
    }

    private static func disturb(
        _ kind: NodeKind, _ file: String, _ content: [UInt8], _ folder: FuzzFolder
    ) {
        switch kind {
        case .shortened: truncate(file, content.count % 2 == 0 ? 0 : off_t(content.count))
        case .grown: truncate(file, 1 << 20)
        case .replaced: folder.write(content, as: "node")
        default: unlink(file)
        }
    }

    private static let elements = 131072

    /// A safetensors file with 256 KB of halves, which are converted and not only viewed.
    private static let weights: [UInt8] = {
        let header =
            "{\"a\":{\"dtype\":\"F16\",\"shape\":[\(elements)],"
            + "\"data_offsets\":[0,\(2 * elements)]}}"
        var bytes: [UInt8] = []
        bytes.append(little: UInt64(header.utf8.count))
        return bytes + Array(header.utf8) + [UInt8](repeating: 0, count: 2 * elements)
    }()
}
