import CReference
import Foundation

/// Files that tests read: those of the repository, and optional ones beside or outside it.
enum TestFiles {
    static let package = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

    static func golden(_ name: String) -> String {
        package.appendingPathComponent("Tests/Golden/\(name)").path
    }

    /// A file in the folder `shared` beside the repository, where published files may lie.
    static func shared(_ name: String) -> String {
        package.deletingLastPathComponent().appendingPathComponent("shared/\(name)").path
    }

    /// A published weight file fetched by `Tests/fetch-weights.sh`.
    static func fetched(_ name: String) -> String {
        package.appendingPathComponent(".build-weights/\(name)").path
    }

    static let fashionMNIST = "/usr/share/datasets/fashion-mnist"

    static func exist(_ paths: String...) -> Bool {
        paths.allSatisfy(FileManager.default.fileExists)
    }

    static func read(_ path: String) throws -> [UInt8] {
        [UInt8](try Data(contentsOf: URL(fileURLWithPath: path)))
    }

    struct Unreadable: Error { var what: String }

    /// The array of a `.npy` member of a compressed `.npz` file, without its header.
    static func npz(_ file: [UInt8], member: String) throws -> [UInt8] {
        func number(_ at: Int, _ bytes: Int) -> Int {
            (0..<bytes).reduce(0) { $0 | Int(file[at + $1]) << (8 * $1) }
        }
        let name = Array((member + ".npy").utf8)
        for at in 0..<file.count - 30 where number(at, 4) == 0x0403_4b50 {
            let nameLength = number(at + 26, 2), extraLength = number(at + 28, 2)
            guard Array(file[at + 30..<at + 30 + nameLength]) == name else { continue }
            // NumPy always writes 64-bit sizes in the extra field: 2 + 2 bytes of header first.
            let extra = at + 30 + nameLength
            let size = number(extra + 4, 8), packed = number(extra + 12, 8)
            let start = extra + extraLength
            let data = try inflate(Array(file[start..<start + packed]), gzip: false, size: size)
            let header = Int(data[8]) | Int(data[9]) << 8
            return Array(data[(10 + header)...])
        }
        throw Unreadable(what: member)
    }

    /// The body of a gzipped IDX file behind its `header` bytes.
    static func idx(_ path: String, header: Int) throws -> [UInt8] {
        let file = try read(path)
        // The last four bytes of a gzip file are the size of its content.
        let size = file.suffix(4).reversed().reduce(0) { $0 << 8 | Int($1) }
        return Array(try inflate(file, gzip: true, size: size)[header...])
    }

    private static func inflate(_ data: [UInt8], gzip: Bool, size: Int) throws -> [UInt8] {
        var result = [UInt8](repeating: 0, count: size)
        guard reference_inflate(data, data.count, gzip ? 1 : 0, &result, size) == 1 else {
            throw Unreadable(what: "deflated data")
        }
        return result
    }
}
