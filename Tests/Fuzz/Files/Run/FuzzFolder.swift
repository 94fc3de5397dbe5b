import Foundation

/// A folder for files that must lie on a disk.
struct FuzzFolder {
    let path: String

    /// A fresh folder among the system's temporary ones.
    init() throws {
        let url = FileManager.default.temporaryDirectory
            .appending(path: "protean-fuzz-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
        path = url.path(percentEncoded: false)
    }

    func remove() { try? FileManager.default.removeItem(atPath: path) }

    func file(_ name: String) -> String { path + "/" + name }

    /// Writes a file, whatever stood there, and gives its path.
    @discardableResult
    func write(_ bytes: [UInt8], as name: String) -> String {
        let file = file(name)
        guard let handle = fopen(file, "wb") else { return file }
        defer { fclose(handle) }
        _ = fwrite(bytes, 1, bytes.count, handle)
        return file
    }
}
