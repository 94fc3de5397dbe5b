import Protean
import ProteanImage

/// Images: from memory and from a disk.
enum ImageFuzzTarget {
    static func run(_ bytes: [UInt8], _ folder: FuzzFolder) -> FuzzOutcome {
        var outcome = read { () throws(ImageError) in try Image.decode(bytes, name: "case") }
        guard FuzzTarget.isReadFromDisk(bytes), bytes.count < 20_000 else { return outcome }
        let path = folder.write(bytes, as: "case.bin")
        var notes: [String] = []
        let other = read { () throws(ImageError) in
            try Image.decode(path, onNote: { notes.append("\($0)") })
        }
        // Turning needs memory of its own, so this may be refused where the other is not.
        let turned = read { () throws(ImageError) in try Image.decode(path, orientation: .apply) }
        if other.isRead != outcome.isRead {
            outcome.problems.append("from a disk: \(other.message)")
        }
        outcome.problems += other.problems + turned.problems
        if notes.contains(where: { $0.escaped != $0 }) {
            outcome.problems.append("a note holds control characters")
        }
        return outcome
    }

    static func read(_ decode: () throws(ImageError) -> Image) -> FuzzOutcome {
        do throws(ImageError) {
            let image = try decode()
            var outcome = FuzzOutcome(
                isRead: true,
                found: .image(
                    width: image.width, height: image.height, channels: image.channels))
            if image.pixels.count != image.width * image.height * image.channels {
                outcome.problems.append(
                    "\(image.pixels.count) values for \(image.width) x "
                        + "\(image.height) x \(image.channels)")
            }
            return outcome
        } catch {
            return .refused(error)
        }
    }
}
