import Foundation
import Testing

@testable import Protean

@Suite struct SafetensorsTests {
    /// One rule after the other, each broken alone.
    static let broken: [(rule: String, file: [UInt8], problem: WeightFileProblem)] = [
        (
            "header length within the limit",
            WeightFiles.littleEndian(UInt64(100_000_001)) + Array("{}".utf8),
            .limitExceeded(what: "the header's length", limit: 100_000_000, found: 100_000_001)
        ),
        (
            "header length fits memory",
            WeightFiles.littleEndian(UInt64.max) + Array("{}".utf8),
            .limitExceeded(
                what: "a size in safetensors header", limit: Int.max, found: Int.max)
        ),
        (
            "header within the file",
            WeightFiles.littleEndian(UInt64(3)) + Array("{}".utf8),
            .truncated(what: "safetensors header", expected: 3, found: 2)
        ),
        (
            "header is JSON", WeightFiles.safetensors("{\"a\" 1}"),
            .malformed(what: "safetensors header", reason: "expected ':' at byte 5")
        ),
        (
            "nothing after the header's object", WeightFiles.safetensors("{} {"),
            .malformed(what: "safetensors header", reason: "text after the end at byte 3")
        ),
        (
            "names occur once",
            WeightFiles.safetensors(
                #"{"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]},"#
                    + #""a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}}"#),
            .duplicateName("a")
        ),
        (
            "fields occur once",
            WeightFiles.safetensors(#"{"a":{"dtype":"U8","dtype":"U8"}}"#), .duplicateName("dtype")
        ),
        (
            "metadata are text", WeightFiles.safetensors(#"{"__metadata__":{"k":1}}"#),
            .malformed(what: "__metadata__", reason: "'k' is not a string")
        ),
        (
            "metadata are an object", WeightFiles.safetensors(#"{"__metadata__":"k"}"#),
            .malformed(what: "__metadata__", reason: "not an object")
        ),
        (
            "an entry is an object", WeightFiles.safetensors(#"{"a":[]}"#),
            .malformed(what: "tensor 'a'", reason: "not an object")
        ),
        (
            "the element type is there",
            WeightFiles.safetensors(#"{"a":{"shape":[],"data_offsets":[0,0]}}"#),
            .malformed(what: "tensor 'a'", reason: "'dtype' is missing")
        ),
        (
            "the element type is text", entry(type: "\",\"x\":\"", shape: "[1]", end: 1),
            .malformed(what: "tensor 'a'", reason: "unexpected 'x'")
        ),
        (
            "the element type has a short name",
            entry(type: String(repeating: "F", count: 65), shape: "[1]", end: 1),
            .limitExceeded(what: "the length of the type of tensor 'a'", limit: 64, found: 65)
        ),
        (
            "the size fits the shape of an eight-bit type",
            entry(type: "F8_E4M3", shape: "[3]", end: 2),
            .sizeMismatch(tensor: "a", expected: 3, found: 2)
        ),
        (
            "the size fits the shape of a four-bit type", entry(type: "F4", shape: "[5]", end: 2),
            .sizeMismatch(tensor: "a", expected: 3, found: 2)
        ),
        (
            "names are short",
            WeightFiles.safetensors("{\"\(String(repeating: "a", count: 1025))\":1}"),
            .limitExceeded(what: "the length of a tensor's name", limit: 1024, found: 1025)
        ),
        (
            "the rank is within the limit",
            entry(shape: "[\(String(repeating: "1,", count: 64))1]", end: 4),
            .limitExceeded(what: "the rank of tensor 'a'", limit: 64, found: 65)
        ),
        (
            "the shape is there",
            WeightFiles.safetensors(#"{"a":{"dtype":"U8","data_offsets":[0,0]}}"#),
            .malformed(what: "tensor 'a'", reason: "'shape' is missing")
        ),
        (
            "no unknown fields",
            WeightFiles.safetensors(
                #"{"a":{"dtype":"U8","shape":[],"data_offsets":[0,1],"x":1}}"#, data: 1),
            .malformed(what: "tensor 'a'", reason: "unexpected 'x'")
        ),
        (
            "sizes are not negative", entry(shape: "[-1]", end: 4),
            .malformed(what: "tensor 'a'", reason: "'shape' is not a list of sizes")
        ),
        (
            "sizes are whole", entry(shape: "[1.0]", end: 4),
            .malformed(what: "tensor 'a'", reason: "'shape' is not a list of sizes")
        ),
        (
            "offsets are whole",
            WeightFiles.safetensors(
                #"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4e0]}}"#, data: 4),
            .malformed(what: "tensor 'a'", reason: "'data_offsets' is not a pair of sizes")
        ),
        (
            "offsets are a pair",
            WeightFiles.safetensors(
                #"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4,8]}}"#, data: 4),
            .malformed(what: "tensor 'a'", reason: "'data_offsets' is not a pair of sizes")
        ),
        (
            "offsets are in order",
            WeightFiles.safetensors(
                #"{"a":{"dtype":"F32","shape":[1],"data_offsets":[4,0]}}"#, data: 4),
            .invalidRange(tensor: "a", begin: 4, end: 0, available: 4)
        ),
        (
            "offsets lie in the data", entry(shape: "[2]", end: 8, data: 7),
            .invalidRange(tensor: "a", begin: 0, end: 8, available: 7)
        ),
        (
            "the size fits the shape", entry(shape: "[3]", end: 8),
            .sizeMismatch(tensor: "a", expected: 12, found: 8)
        ),
        (
            "shapes fit memory", entry(shape: "[1099511627776,1099511627776]", end: 8),
            .sizeOverflow(tensor: "a", shape: [1 << 40, 1 << 40])
        ),
        ("data begin with a tensor", pair(4, 8, 8, 12, data: 12), .gap(begin: 0, end: 4)),
        ("no hole between tensors", pair(0, 4, 8, 12, data: 12), .gap(begin: 4, end: 8)),
        ("data end with a tensor", pair(0, 4, 4, 8, data: 9), .gap(begin: 8, end: 9)),
        ("no overlap", pair(0, 4, 2, 6, data: 6), .overlap(first: "a", second: "b")),
        ("no sharing", pair(0, 4, 0, 4, data: 4), .overlap(first: "b", second: "a")),
        (
            "bounded nesting",
            WeightFiles.safetensors(
                "{\"a\":" + String(repeating: "[", count: 100_000)),
            .malformed(what: "tensor 'a'", reason: "not an object")
        ),
        ("a known format", Array("hello, world".utf8), .foreignFormat(.plainText)),
        ("enough bytes", [1, 2], .unknownFormat(known: known)),
    ]

    static let known = ["safetensors", "pytorch-zip", "pytorch-legacy"]

    static func entry(type: String = "F32", shape: String, end: Int, data: Int? = nil) -> [UInt8] {
        WeightFiles.safetensors(
            "{\"a\":{\"dtype\":\"\(type)\",\"shape\":\(shape),\"data_offsets\":[0,\(end)]}}",
            data: data ?? end)
    }

    static func pair(_ a: Int, _ b: Int, _ c: Int, _ d: Int, data: Int) -> [UInt8] {
        WeightFiles.safetensors(
            "{\"b\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[\(c),\(d)]},"
                + "\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[\(a),\(b)]}}",
            data: data)
    }

    @Test(arguments: broken.indices)
    func everyRuleHasItsError(index: Int) {
        let (rule, file, expected) = Self.broken[index]
        #expect(WeightFiles.problem(file) == expected, "\(rule)")
    }

    @Test func aHeaderMayEndWithSpacesAndNotBeginWithThem() {
        #expect(WeightFiles.problem(WeightFiles.safetensors("{}    ")) == nil)
        #expect(
            WeightFiles.problem(WeightFiles.safetensors(" {}"))
                == .unknownFormat(known: Self.known))
    }

    @Test func emptyTensorsShareAPlace() throws {
        let file = WeightFiles.safetensors(
            #"{"a":{"dtype":"F32","shape":[0,4],"data_offsets":[0,0]},"#
                + #""b":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"#
                + #""c":{"dtype":"F32","shape":[0],"data_offsets":[4,4]}}"#, data: 4)
        let checkpoint = try Checkpoint(contentsOf: file)
        #expect(checkpoint.names == ["a", "b", "c"])
        #expect(try checkpoint.tensor("a").shape == [0, 4])
    }

    @Test func pythonsFileIsRead() throws {
        let checkpoint = try Checkpoint(contentsOf: WeightFiles.golden("network.safetensors"))
        #expect(checkpoint.format == "safetensors")
        #expect(checkpoint["0.weight"]?.shape == [4, 3, 3, 3])
        #expect(checkpoint["1.num_batches_tracked"]?.type == .int64)
        #expect(try checkpoint.tensor("1.weight").elements == [2, 2.5, 3, 3.5])
        #expect(checkpoint.metadata == ["origin": "généré", "quote\"d": "line\nbreak"])
    }

    @Test func whatIsWrittenIsReadAndRepeatable() throws {
        try WeightFiles.withFolder { folder in
            let tensors: [(name: String, tensor: Tensor)] = [
                ("z.weight", try Tensor([1, 2, 3, 4, 5, 6], shape: [2, 3])),
                ("a\"\\\u{1}é", try Tensor([.nan, -.infinity], shape: [2])),
                ("scalar", try Tensor([7], shape: [])),
                ("empty", try Tensor([], shape: [0, 2])),
            ]
            let first = folder + "/first.safetensors"
            let second = folder + "/second.safetensors"
            let metadata = ["b": "2", "a": "1"]
            try Checkpoint.writeSafetensors(to: first, tensors: tensors, metadata: metadata)
            try Checkpoint.writeSafetensors(
                to: second, tensors: tensors.reversed(), metadata: metadata)
            let bytes = try Data(contentsOf: URL(filePath: first))
            #expect(try Data(contentsOf: URL(filePath: second)) == bytes)
            #expect(Int(bytes[0]) % 8 == 0)

            for mapping in [FileMapping.automatic, .never, .always] {
                let checkpoint = try Checkpoint.open(first, mapping: mapping)
                #expect(checkpoint.names == ["a\"\\\u{1}é", "empty", "scalar", "z.weight"])
                #expect(checkpoint.metadata == metadata)
                #expect(try checkpoint.tensor("z.weight").elements == [1, 2, 3, 4, 5, 6])
                #expect(try checkpoint.tensor("scalar").shape == [])
                let special = try checkpoint.tensor("a\"\\\u{1}é").elements
                #expect(special[0].isNaN && special[1] == -.infinity)
            }
            let files = try FileManager.default.contentsOfDirectory(atPath: folder)
            #expect(files.count == 2)
        }
    }

    /// The bytes of a file that Python's safetensors 0.8 reads, to notice any change of the layout.
    @Test func theWrittenLayoutIsFixed() throws {
        try WeightFiles.withFolder { folder in
            let path = folder + "/f.safetensors"
            try Checkpoint.writeSafetensors(
                to: path, tensors: [("w", try Tensor([1, -2], shape: [2]))])
            let header = #"{"w":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}"#
            let padded = header + String(repeating: " ", count: 56 - header.count)
            let expected =
                WeightFiles.littleEndian(UInt64(56)) + Array(padded.utf8)
                + [0, 0, 0x80, 0x3f, 0, 0, 0, 0xc0]
            #expect(Array(try Data(contentsOf: URL(filePath: path))) == expected)
        }
    }

    @Test func aFailedWriteLeavesTheOldFile() throws {
        try WeightFiles.withFolder { folder in
            let path = folder + "/f.safetensors"
            let one = try Tensor([1], shape: [1])
            try Checkpoint.writeSafetensors(to: path, tensors: [("w", one)])
            let before = try Data(contentsOf: URL(filePath: path))
            #expect(
                throws: ProteanError.weightFile(file: path, problem: .duplicateName("w"))
            ) { try Checkpoint.writeSafetensors(to: path, tensors: [("w", one), ("w", one)]) }
            #expect(throws: ProteanError.noValues(layer: "w")) {
                try Checkpoint.writeSafetensors(
                    to: path, tensors: [("w", Tensor(shapeOnly: [2]))])
            }
            #expect(throws: ProteanError.self) {
                try Checkpoint.writeSafetensors(to: path, tensors: [("__metadata__", one)])
            }
            #expect(throws: ProteanError.self) {
                try Checkpoint.writeSafetensors(to: folder, tensors: [("w", one)])
            }
            #expect(try Data(contentsOf: URL(filePath: path)) == before)
            #expect(
                try FileManager.default.contentsOfDirectory(atPath: folder) == ["f.safetensors"])
        }
    }

    @Test func onlyRegularFilesAreOpened() throws {
        try WeightFiles.withFolder { folder in
            #expect(
                throws: ProteanError.fileAccess(file: folder, reason: "is a directory")
            ) { try Checkpoint.open(folder) }
            #expect(
                throws: ProteanError.fileAccess(
                    file: folder + "/none", reason: "open: No such file or directory")
            ) { try Checkpoint.open(folder + "/none") }
            let empty = folder + "/empty"
            try Data().write(to: URL(filePath: empty))
            #expect(
                throws: ProteanError.weightFile(
                    file: empty, problem: .truncated(what: "the file", expected: 1, found: 0))
            ) { try Checkpoint.open(empty) }
            let pipe = folder + "/pipe"
            #expect(mkfifo(pipe, 0o600) == 0)
            #expect(
                throws: ProteanError.fileAccess(file: pipe, reason: "is not a regular file")
            ) { try Checkpoint.open(pipe) }
        }
    }
}
