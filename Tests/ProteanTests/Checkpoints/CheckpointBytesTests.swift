import Foundation
import Testing

@testable import Protean

/// Values are read from the open file when they are asked for.
@Suite struct CheckpointBytesTests {
    private func withFile(_ bytes: [UInt8], _ body: (String) throws -> Void) throws {
        try WeightFiles.withFolder { folder in
            let path = folder + "/f"
            try Data(bytes).write(to: URL(filePath: path))
            try body(path)
        }
    }

    private static let bytes = (0..<200_000).map { UInt8(truncatingIfNeeded: $0 &* 31 >> 3) }

    @Test(arguments: [FileMapping.automatic, .never, .always])
    func anyRangeIsTheFiles(mapping: FileMapping) throws {
        try withFile(Self.bytes) { path in
            let file = try CheckpointBytes.file(path, mapping: mapping)
            #expect(file.count == Self.bytes.count)
            #expect(file.isInMemory == (mapping != .automatic))
            for range in [0..<0, 0..<9, 65_530..<65_540, 100_000..<200_000, 200_000..<200_000] {
                let part = try file.contents(of: range)
                #expect(part.isInMemory && Array(part.bytes) == Array(Self.bytes[range]))
            }
            #expect(throws: WeightFileProblem.self) { try file.contents(of: 0..<200_001) }
            var pieces: [UInt8] = []
            try file.forEachPiece(of: 3..<199_999) { pieces += $0 }
            #expect(pieces == Array(Self.bytes[3..<199_999]))
        }
    }

    private static func weights() throws -> [(name: String, tensor: Tensor)] {
        [("a", try Tensor([Float](repeating: 1, count: 50_000), shape: [50_000]))]
    }

    /// A mapped file would end the process here.
    @Test func aFileThatBecomesShorterEndsInAnError() throws {
        try WeightFiles.withFolder { folder in
            let path = folder + "/w.safetensors"
            try Checkpoint.writeSafetensors(to: path, tensors: try Self.weights())
            let checkpoint = try Checkpoint.open(path)
            let size = try Data(contentsOf: URL(filePath: path)).count
            #expect(truncate(path, 100_000) == 0)
            #expect(
                throws: ProteanError.weightFile(
                    file: path,
                    problem: .truncated(what: "the file", expected: size, found: 100_000))
            ) { try checkpoint.tensor("a") }
        }
    }

    @Test func aFileThatIsReplacedStaysTheOldOne() throws {
        try WeightFiles.withFolder { folder in
            let path = folder + "/w.safetensors"
            try Checkpoint.writeSafetensors(to: path, tensors: try Self.weights())
            let checkpoint = try Checkpoint.open(path)
            try Checkpoint.writeSafetensors(to: path, tensors: [("a", try Tensor([2], shape: [1]))])
            #expect(try checkpoint.tensor("a").elements == [Float](repeating: 1, count: 50_000))
        }
    }

    /// Pickles do not tell how long they are: more and more of the file is taken.
    @Test func longPicklesOfLegacyFilesAreRead() throws {
        let magic: [UInt8] = [0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19]
        var file = Pickle.start + [0x8a, 10] + magic + Pickle.stop
        file += Pickle.start + Pickle.integer(1001) + Pickle.stop
        file += Pickle.dictionary([("little_endian", [0x88])])
        file += Pickle.dictionary([
            ("note", Pickle.text(String(repeating: "n", count: 3 << 20))),
            ("w", Pickle.tensor("k", count: 1, shape: [1], strides: [1])),
        ])
        file += Pickle.start + Pickle.code("]") + Pickle.text("k") + Pickle.code("a.")
        file += WeightFiles.littleEndian(UInt64(1)) + [0, 0, 0x80, 0x3f]
        try withFile(file) { path in
            let found = try Checkpoint.open(path).tensor("w").elements
            #expect(found == [1])
        }
        try withFile(Array(file.dropLast())) { path in
            #expect(
                throws: ProteanError.weightFile(
                    file: path,
                    problem: .truncated(
                        what: "the values of tensor 'w'", expected: 4, found: 3))
            ) { try Checkpoint.open(path) }
        }
    }
}
