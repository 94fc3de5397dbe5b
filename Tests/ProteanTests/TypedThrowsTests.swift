import Protean
import Testing

/// That these functions compile is the test: inside `throws(ProteanError)` the library's calls with
/// closures keep the error's type.
private enum Typed {
    static func block(_ deep: Bool) throws(ProteanError) -> Sequential {
        try Sequential {
            try Conv2d(inputChannels: 2, outputChannels: 3, kernelSize: 1)
            if deep { try BatchNorm2d(channels: 3) }
            for _ in 0..<2 { try Linear(inputFeatures: 3, outputFeatures: 3) }
            ReLU()
        }
    }

    static func branches() throws(ProteanError) -> Branches {
        try Branches(.sum) {
            try Conv2d(inputChannels: 2, outputChannels: 3, kernelSize: 1)
            try block(true)
        }
    }

    static func sum(_ tensor: Tensor) throws(ProteanError) -> Float {
        try tensor.withUnsafeBufferPointer { $0.reduce(0, +) }
    }

    static func positiveSum(_ tensor: Tensor) throws(ProteanError) -> Float {
        try tensor.withUnsafeBufferPointer { elements throws(ProteanError) in
            guard let least = elements.min(), least > 0 else {
                throw .invalidOption(
                    layer: "sum", option: "tensor", expected: "positive elements", found: "others")
            }
            return elements.reduce(0, +)
        }
    }

    static func doubled(_ tensor: Tensor) throws(ProteanError) -> Tensor {
        var result = tensor
        try result.withUnsafeMutableBufferPointer { elements in
            for i in elements.indices { elements[i] *= 2 }
        }
        return result
    }

    static func threads() throws(ProteanError) -> Int {
        try Runtime.with(threads: 1) { () throws(ProteanError) in try Runtime.threads() }
    }

    static func threadsLater() async throws(ProteanError) -> Int {
        try await Runtime.with(threads: 1) { () async throws(ProteanError) in
            try Runtime.threads()
        }
    }

    static func traced(_ layer: any Layer, _ x: Tensor) throws(ProteanError) -> Tensor {
        let samples = SamplingRecord()
        return try Trace().recording { () throws(ProteanError) in
            try samples.recording { () throws(ProteanError) in try layer(x) }
        }
    }

    /// Closures that throw nothing need no `try`.
    static func untroubled() -> Int { Trace().recording { SamplingRecord().recording { 7 } } }
}

/// Bodies that throw errors of their own still may.
private struct OtherError: Error, Equatable {}

@Suite struct TypedThrowsTests {
    @Test func errorsKeepTheirType() async throws {
        #expect(try Typed.block(true).submodules.count == 5)
        #expect(try Typed.branches().outputShape(for: [1, 4, 4, 2]) == [1, 4, 4, 3])
        let tensor = try Tensor([1, 2, 3], shape: [3])
        #expect(try Typed.sum(tensor) == 6)
        #expect(try Typed.positiveSum(tensor) == 6)
        #expect(try Typed.doubled(tensor).elements == [2, 4, 6])
        #expect(tensor.elements == [1, 2, 3])
        #expect(throws: ProteanError.self) { try Typed.positiveSum(Tensor(zeros: [2])) }
        #expect(throws: ProteanError.noValues(layer: "Tensor")) {
            try Typed.sum(Tensor(shapeOnly: [2]))
        }
        #expect(try Typed.threads() == 1)
        #expect(try await Typed.threadsLater() == 1)
        #expect(try Typed.traced(ReLU(), tensor).elements == [1, 2, 3])
        #expect(Typed.untroubled() == 7)
    }

    @Test func otherErrorsPass() async throws {
        func fail() throws { throw OtherError() }
        var tensor = try Tensor(zeros: [2])
        #expect(throws: OtherError()) { try tensor.withUnsafeBufferPointer { _ in try fail() } }
        #expect(throws: OtherError()) {
            try tensor.withUnsafeMutableBufferPointer { _ in try fail() }
        }
        #expect(throws: OtherError()) { try Trace().recording { try fail() } }
        #expect(throws: OtherError()) { try SamplingRecord().recording { try fail() } }
        #expect(throws: OtherError()) { try Runtime.with(threads: 1) { try fail() } }
        await #expect(throws: OtherError()) { try await Runtime.with(threads: 1) { try fail() } }
    }
}
