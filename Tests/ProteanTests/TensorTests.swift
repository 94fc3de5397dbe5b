import Testing

@testable import Protean

@Suite struct TensorTests {
    @Test func writingACopyLeavesTheOriginal() throws {
        let original = try Tensor([1, 2, 3, 4, 5, 6], shape: [2, 3])
        var copy = original
        try copy.withUnsafeMutableBufferPointer { $0[0] = 9 }
        #expect(original.elements == [1, 2, 3, 4, 5, 6])
        #expect(copy.elements == [9, 2, 3, 4, 5, 6])
    }

    @Test func writingAnUnsharedTensorCopiesNothing() throws {
        var tensor = try Tensor(zeros: [4])
        let before = tensor.storage!.base
        try tensor.withUnsafeMutableBufferPointer { $0[1] = 1 }
        #expect(tensor.storage!.base == before)
    }

    @Test func reshapeInfersOneSize() throws {
        let tensor = try Tensor(zeros: [2, 3, 4])
        #expect(try tensor.reshaped(to: [-1, 6]).shape == [4, 6])
        #expect(throws: ProteanError.self) { try tensor.reshaped(to: [5, -1]) }
        #expect(throws: ProteanError.self) { try tensor.reshaped(to: [5, 5]) }
    }

    @Test func hugeAndNegativeSizesAreRefused() {
        #expect(throws: ProteanError.self) { try Tensor(zeros: [1 << 40, 1 << 40]) }
        #expect(throws: ProteanError.self) { try Tensor(zeros: [2, -1]) }
    }
}
