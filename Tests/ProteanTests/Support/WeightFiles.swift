import Foundation

@testable import Protean

/// Builds weight files byte by byte, and says what is wrong with them.
enum WeightFiles {
    /// The content of a committed file of `Tests/Golden/checkpoints`.
    static func golden(_ name: String) throws -> [UInt8] {
        Array(try Data(contentsOf: URL(filePath: GoldenFiles.path("checkpoints/\(name)"))))
    }

    /// The rule that a file breaks; nil when it is accepted.
    static func problem(_ bytes: [UInt8]) -> WeightFileProblem? {
        do throws(ProteanError) {
            _ = try Checkpoint(contentsOf: bytes)
            return nil
        } catch {
            if case .weightFile("memory", let problem) = error { return problem }
            return .malformed(what: "test", reason: "another error: \(error)")
        }
    }

    static func littleEndian<T: FixedWidthInteger>(_ value: T) -> [UInt8] {
        withUnsafeBytes(of: value.littleEndian) { Array($0) }
    }

    /// A safetensors file with this header text and so many bytes of data.
    static func safetensors(_ header: String, data: Int = 0) -> [UInt8] {
        littleEndian(UInt64(header.utf8.count)) + Array(header.utf8)
            + [UInt8](repeating: 0, count: data)
    }

    /// Runs `body` with the path of a fresh folder, which is removed afterwards.
    static func withFolder<R>(_ body: (String) throws -> R) throws -> R {
        let folder = FileManager.default.temporaryDirectory
            .appending(path: "protean-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        return try body(folder.path(percentEncoded: false))
    }
}

/// A repeatable source of random numbers (SplitMix64, Steele, Lea and Flood, 2014).
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var z = state
        z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
        return z ^ (z >> 31)
    }
}

/// A zip file built member by member, with every field open to lies.
struct ZipBuilder {
    struct Member {
        var name: String
        var content: [UInt8]
        var method: UInt16 = 0
        var flags: UInt16 = 0
        /// Overrides, as written to the directory.
        var checksum: UInt32?
        var size: UInt32?
        var offset: UInt32?
    }

    var members: [Member]
    var comment: [UInt8] = []

    /// An archive as PyTorch lays it out, with the given pickle.
    init(pickle: [UInt8], storages: [(String, [UInt8])] = []) {
        members = [Member(name: "archive/data.pkl", content: pickle)]
        members += storages.map { Member(name: "archive/data/\($0.0)", content: $0.1) }
    }

    var bytes: [UInt8] {
        func u16(_ value: UInt16) -> [UInt8] { WeightFiles.littleEndian(value) }
        func u32(_ value: UInt32) -> [UInt8] { WeightFiles.littleEndian(value) }
        var file: [UInt8] = []
        var directory: [UInt8] = []
        for member in members {
            let offset = member.offset ?? UInt32(file.count)
            let checksum = member.checksum ?? Self.crc32(member.content)
            let size = member.size ?? UInt32(member.content.count)
            let name = Array(member.name.utf8)
            let common =
                u16(member.flags) + u16(member.method) + u32(0) + u32(checksum) + u32(size)
                + u32(size) + u16(UInt16(name.count)) + u16(0)
            directory += u32(0x0201_4b50) + u16(20) + u16(20) + common
            directory += u16(0) + u16(0) + u16(0) + u32(0) + u32(offset) + name
            file += u32(0x0403_4b50) + u16(20) + common + name + member.content
        }
        let start = UInt32(file.count)
        let count = UInt16(members.count)
        let end =
            u32(0x0605_4b50) + u16(0) + u16(0) + u16(count) + u16(count)
            + u32(UInt32(directory.count)) + u32(start) + u16(UInt16(comment.count))
        return file + directory + end + comment
    }

    /// The checksum bit by bit, as the definition has it.
    static func crc32(_ bytes: [UInt8]) -> UInt32 {
        var crc = UInt32.max
        for byte in bytes {
            crc ^= UInt32(byte)
            for _ in 0..<8 { crc = crc >> 1 ^ (crc & 1 == 1 ? 0xedb8_8320 : 0) }
        }
        return ~crc
    }
}

/// Pickle operations by name, to write pickles that Python would not.
enum Pickle {
    static let start: [UInt8] = [0x80, 2]
    static let stop: [UInt8] = [UInt8(ascii: ".")]

    static func code(_ text: String) -> [UInt8] { Array(text.utf8) }
    static func text(_ text: String) -> [UInt8] {
        [UInt8(ascii: "X")] + WeightFiles.littleEndian(UInt32(text.utf8.count)) + Array(text.utf8)
    }
    static func global(_ module: String, _ name: String) -> [UInt8] {
        code("c\(module)\n\(name)\n")
    }
    static func integer(_ value: Int) -> [UInt8] {
        [0x8a, 8] + WeightFiles.littleEndian(Int64(value))
    }
    static func tuple(_ elements: [[UInt8]]) -> [UInt8] {
        code("(") + elements.flatMap { $0 } + code("t")
    }
    /// A reference to a storage of floats.
    static func storage(_ key: String, count: Int, type: String = "FloatStorage") -> [UInt8] {
        tuple([
            text("storage"), global("torch", type), text(key), text("cpu"), integer(count),
        ]) + code("Q")
    }
    /// A tensor that views a storage of floats.
    static func tensor(
        _ key: String, count: Int, offset: Int = 0, shape: [Int], strides: [Int]
    ) -> [UInt8] {
        global("torch._utils", "_rebuild_tensor_v2")
            + tuple([
                storage(key, count: count), integer(offset), tuple(shape.map(integer)),
                tuple(strides.map(integer)), [0x89], code("N"),
            ]) + code("R")
    }
    /// A dictionary of the given names and values, as a whole pickle.
    static func dictionary(_ members: [(String, [UInt8])]) -> [UInt8] {
        start + code("}(") + members.flatMap { text($0.0) + $0.1 } + code("u") + stop
    }
}
