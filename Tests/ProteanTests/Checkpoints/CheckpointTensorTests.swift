import CProteanKernels
import Testing

@testable import Protean

@Suite struct CheckpointTensorTests {
    static let expected: [(type: ElementType, name: String, values: [Float])] = [
        (.bool, "bool", [1, 0, 1]),
        (.uint8, "u8", [0, 7, 255]),
        (.int8, "i8", [-128, 0, 127]),
        (.int16, "i16", [-32768, 5, 32767]),
        (.uint16, "u16", [0, 5, 65535]),
        (.int32, "i32", [-65536, 5, 65536]),
        (.uint32, "u32", [0, 5, 4_294_901_760]),
        (.int64, "i64", [-1_099_511_627_776, 5, 16_777_216]),
        (.uint64, "u64", [0, 5, 1_099_511_627_776]),
        (.float16, "f16", [-0.5, 65504, 0x1p-24]),
        (.bfloat16, "bf16", [-0.5, 1.5, 3.389_531_389_251_535_5e38]),
        (.float32, "f32", [-0.5, 1.5, 3]),
        (.float64, "f64", [-0.5, 1.5, 3]),
    ]

    @Test(arguments: ["types.safetensors", "types.zip.pt", "types.legacy.pt"])
    func everyElementTypeBecomesFloat(file: String) throws {
        let checkpoint = try Checkpoint(contentsOf: WeightFiles.golden(file))
        #expect(Set(checkpoint.names) == Set(Self.expected.map(\.name)))
        for (type, name, values) in Self.expected {
            #expect(checkpoint[name]?.type == type, "\(name)")
            #expect(try checkpoint.tensor(name).elements == values, "\(name)")
        }
    }

    @Test func everyHalfFollowsItsDefinition() throws {
        let bits = Array(UInt16.min...UInt16.max)
        let tensor = try CheckpointTensor(
            name: "h", type: .float16, shape: [65536],
            storage: CheckpointBytes(copying: bits.flatMap(WeightFiles.littleEndian)),
            byteOffset: 0)
        let found = try tensor.float32().elements
        let wrong = bits.filter {
            let expected = half($0)
            let value = found[Int($0)]
            return !(value.isNaN && expected.isNaN) && value.bitPattern != expected.bitPattern
        }
        #expect(wrong.isEmpty)
    }

    /// Sign, 5 bits of exponent, 10 bits of fraction (IEEE 754 binary16).
    private func half(_ bits: UInt16) -> Float {
        let exponent = Int(bits >> 10 & 31)
        let fraction = Float(bits & 1023) / 1024
        var value: Float
        switch exponent {
        case 0: value = fraction * 0x1p-14
        case 31: value = fraction == 0 ? .infinity : .nan
        default: value = Float(sign: .plus, exponent: exponent - 15, significand: 1 + fraction)
        }
        if bits >> 15 == 1 { value.negate() }
        return value
    }

    /// Shapes, strides and offsets of all kinds against plain indexing.
    @Test(
        arguments: [
            ([4, 6], [6, 1], 0), ([6, 4], [1, 6], 0), ([2, 3], [6, 2], 7), ([3, 4], [1, 0], 2),
            ([], [], 5), ([0, 3], [3, 1], 24), ([2, 1, 3], [12, 5, 2], 1),
            ([2, 2, 2, 2], [8, 4, 2, 1], 3),
            ([1, 1], [9, 9], 23), ([2, 3, 2], [6, 2, 1], 0), ([5], [0], 23), ([3, 2], [2, 2], 1),
        ] as [([Int], [Int], Int)])
    func stridesAreFollowed(shape: [Int], strides: [Int], offset: Int) throws {
        let values = (0..<24).map { Int16($0) * 3 - 20 }
        let storage = CheckpointBytes(copying: values.flatMap(WeightFiles.littleEndian))
        let tensor = try CheckpointTensor(
            name: "t", type: .int16, shape: shape, strides: strides, storage: storage,
            byteOffset: 2 * offset)
        var expected: [Float] = []
        for flat in 0..<shape.reduce(1, *) {
            var rest = flat
            var index = offset
            for axis in shape.indices.reversed() {
                index += rest % shape[axis] * strides[axis]
                rest /= shape[axis]
            }
            expected.append(Float(values[index]))
        }
        let result = try tensor.float32()
        #expect(result.shape == shape)
        #expect(result.elements == expected)
    }

    @Test func alignedFloatsAreNotCopied() throws {
        let storage = CheckpointBytes(copying: [UInt8](repeating: 0, count: 33))
        func convert(offset: Int, strides: [Int]? = nil) throws -> Bool {
            let tensor = try CheckpointTensor(
                name: "t", type: .float32, shape: [2, 3], strides: strides, storage: storage,
                byteOffset: offset)
            let base = UnsafeRawPointer(try tensor.float32().storage!.base)
            return base == storage.bytes.baseAddress! + offset
        }
        #expect(try convert(offset: 0))
        #expect(try convert(offset: 8))
        #expect(try !convert(offset: 1))
        #expect(try !convert(offset: 9))
        #expect(try !convert(offset: 0, strides: [1, 2]))
    }

    @Test func aViewOutlivesItsCheckpoint() throws {
        let tensor = try Checkpoint.open(GoldenFiles.path("checkpoints/small.safetensors"))
            .tensor("a")
        #expect(tensor.elements == [0, 0.5, 1, 1.5, 2, 2.5])
    }

    @Test func writingAViewLeavesTheFile() throws {
        let checkpoint = try Checkpoint.open(GoldenFiles.path("checkpoints/small.safetensors"))
        var copy = try checkpoint.tensor("a")
        try copy.withUnsafeMutableBufferPointer { $0[0] = 9 }
        #expect(try checkpoint.tensor("a").elements[0] == 0)
        #expect(copy.elements[0] == 9)
    }

    private func problem(
        shape: [Int], strides: [Int]? = nil, offset: Int = 0, type: ElementType = .float32
    ) -> WeightFileProblem? {
        do throws(WeightFileProblem) {
            _ = try CheckpointTensor(
                name: "t", type: type, shape: shape, strides: strides,
                storage: CheckpointBytes(copying: [UInt8](repeating: 0, count: 16)),
                byteOffset: offset)
            return nil
        } catch {
            return error
        }
    }

    @Test func viewsBeyondTheStorageAreRefused() {
        #expect(problem(shape: [4]) == nil)
        #expect(
            problem(shape: [5]) == .invalidRange(tensor: "t", begin: 0, end: 20, available: 16))
        #expect(
            problem(shape: [4], offset: 1)
                == .invalidRange(tensor: "t", begin: 1, end: 17, available: 16))
        #expect(
            problem(shape: [2], strides: [4])
                == .invalidRange(tensor: "t", begin: 0, end: 20, available: 16))
        #expect(
            problem(shape: [1], offset: -4)
                == .invalidRange(tensor: "t", begin: -4, end: 0, available: 16))
        #expect(
            problem(shape: [1], offset: .max)
                == .invalidRange(tensor: "t", begin: .max, end: .max, available: 16))
        #expect(problem(shape: [0], offset: 16) == nil)
        #expect(
            problem(shape: [0], offset: 17)
                == .invalidRange(tensor: "t", begin: 17, end: 17, available: 16))
    }

    @Test func impossibleShapesAreRefused() {
        let huge = [1 << 40, 1 << 40]
        #expect(problem(shape: huge) == .sizeOverflow(tensor: "t", shape: huge))
        #expect(problem(shape: huge + [0]) == .sizeOverflow(tensor: "t", shape: huge + [0]))
        #expect(
            problem(shape: [3], strides: [.max / 2])
                == .sizeOverflow(tensor: "t", shape: [3]))
        #expect(
            problem(shape: [-1])
                == .malformed(what: "tensor 't'", reason: "negative size in [-1]"))
        #expect(
            problem(shape: [2], strides: [-1])
                == .malformed(what: "tensor 't'", reason: "strides [-1] for shape [2]"))
        #expect(
            problem(shape: [2], strides: [1, 1])
                == .malformed(what: "tensor 't'", reason: "strides [1, 1] for shape [2]"))
        #expect(
            problem(shape: [Int](repeating: 1, count: 65))
                == .limitExceeded(what: "the rank of tensor 't'", limit: 64, found: 65))
        #expect(problem(shape: [Int](repeating: 1, count: 64)) == nil)
        #expect(
            problem(shape: [1 << 30], strides: [0])
                == .limitExceeded(
                    what: "the number of repeated elements of tensor 't'", limit: 1 << 26,
                    found: 1 << 30))
    }

    @Test(arguments: [0, 1, 7, 8, 9, 64, 1000])
    func checksumMatchesItsDefinition(count: Int) {
        var random = SeededGenerator(seed: 3)
        let bytes = (0..<count).map { _ in UInt8.random(in: 0...255, using: &random) }
        let found = bytes.withUnsafeBytes { ptn_crc32(0, $0.baseAddress, $0.count) }
        #expect(found == ZipBuilder.crc32(bytes))
        let half = bytes[..<(count / 2)].withUnsafeBytes { ptn_crc32(0, $0.baseAddress, $0.count) }
        let whole = bytes[(count / 2)...].withUnsafeBytes {
            ptn_crc32(half, $0.baseAddress, $0.count)
        }
        #expect(whole == found)
    }
}
