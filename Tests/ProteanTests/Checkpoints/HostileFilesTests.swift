import Testing

@testable import Protean

/// Damaged files of every format: whatever the damage, opening them and converting their tensors
/// ends with a result or an error.
@Suite struct HostileFilesTests {
    static let files = [
        "small.safetensors", "small.zip.pt", "small.legacy.pt", "zip64.zip.pt",
        "protocol4.legacy.pt", "no_checksums.zip.pt",
        "python2.legacy.pt",
    ]

    @Test(arguments: files)
    func everyShorterFileIsRefused(file: String) throws {
        let bytes = try WeightFiles.golden(file)
        #expect(WeightFiles.problem(bytes) == nil)
        let accepted = (0..<bytes.count).filter { WeightFiles.problem(Array(bytes[..<$0])) == nil }
        #expect(accepted.isEmpty)
    }

    /// Each flipped file is read to the end: what is accepted is also converted.
    @Test(arguments: files)
    func flippedBytesNeverCrash(file: String) throws {
        let bytes = try WeightFiles.golden(file)
        var random = SeededGenerator(seed: 20_240_607)
        var refused = 0
        for _ in 0..<2000 {
            var damaged = bytes
            for _ in 0..<Int.random(in: 1...3, using: &random) {
                let place = Int.random(in: 0..<bytes.count, using: &random)
                damaged[place] = UInt8.random(in: 0...255, using: &random)
            }
            do throws(ProteanError) {
                let checkpoint = try Checkpoint(contentsOf: damaged)
                for name in checkpoint.names { _ = try checkpoint.tensor(name) }
            } catch {
                refused += 1
            }
        }
        #expect(refused > 100)
    }

    /// Wide numbers are where arithmetic wraps: every aligned word becomes an extreme.
    @Test(arguments: files)
    func extremeNumbersNeverCrash(file: String) throws {
        let bytes = try WeightFiles.golden(file)
        let extremes: [[UInt8]] = [
            [0xff, 0xff, 0xff, 0xff], [0xff, 0xff, 0xff, 0x7f], [0, 0, 0, 0x80], [0, 0, 0, 0],
        ]
        var refused = 0
        for place in stride(from: 0, through: bytes.count - 4, by: 3) {
            for extreme in extremes {
                var damaged = bytes
                damaged.replaceSubrange(place..<(place + 4), with: extreme)
                if WeightFiles.problem(damaged) != nil { refused += 1 }
            }
        }
        #expect(refused > 20)
    }

    /// The pickle that everybody warns of, in both of PyTorch's layouts: nothing is run, and weights
    /// beside it are read.
    @Test func codeInAFileIsNamedAndNeverRun() throws {
        let body =
            Pickle.global("posix", "system") + Pickle.tuple([Pickle.text("exit 1")])
            + Pickle.code("R")
        let weights = Pickle.tensor("0", count: 1, shape: [1], strides: [1])
        let file = ZipBuilder(
            pickle: Pickle.dictionary([("run", body), ("w", weights)]),
            storages: [("0", [0, 0, 0x80, 0x3f])])
        let checkpoint = try Checkpoint(contentsOf: file.bytes)
        #expect(checkpoint.names == ["w"])
        #expect(
            checkpoint.otherObjects == [CheckpointObject(path: "run", typeName: "posix.system")])

        let pickle = Pickle.dictionary([("w", body)])
        let magic: [UInt8] = [0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19]
        let start = Pickle.start + [0x8a, 10] + magic + Pickle.stop
        let version = Pickle.start + Pickle.integer(1001) + Pickle.stop
        let machine = Pickle.dictionary([("little_endian", [0x88])])
        let keys = Pickle.start + Pickle.code("].")
        #expect(
            WeightFiles.problem(start + version + machine + pickle + keys)
                == .malformed(what: "PyTorch file", reason: "it holds no named tensors"))
        // Also where a well-behaved file has something harmless.
        let alone = Pickle.start + body + Pickle.stop
        #expect(
            WeightFiles.problem(start + version + alone + pickle + keys)
                == .malformed(what: "machine description", reason: "no byte order"))
        let bigEndian = Pickle.dictionary([("little_endian", [0x89])])
        #expect(
            WeightFiles.problem(start + version + bigEndian + pickle + keys)
                == .unsupportedFeature("a file in another byte order than little-endian"))
    }
}
