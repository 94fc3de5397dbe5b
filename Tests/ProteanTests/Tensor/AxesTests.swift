import Testing

@testable import Protean

@Suite struct AxesTests {
    @Test(arguments: 0..<60) func permutationsOfAnyRank(_ seed: Int) throws {
        var choices = TensorReference.Choices(seed: seed + 11)
        let shape = (0..<choices.next(9)).map { _ in 1 + choices.next(4) }
        guard shape.reduce(1, *) < 20_000 else { return }
        var axes = Array(shape.indices)
        for i in axes.indices.dropLast() { axes.swapAt(i, i + choices.next(axes.count - i)) }
        let x = try MapTest.tensor(shape, seed: UInt64(seed))
        let wanted = axes.map { shape[$0] }
        let expected = SliceTests.pick(x, wanted) { position in
            var from = position
            for (i, axis) in axes.enumerated() { from[axis] = position[i] }
            return from
        }
        try SliceTests.check(wanted, expected, "\(shape) \(axes)") { try x.permuted(axes) }
        #expect(try Tensor(shapeOnly: shape).permuted(axes).shape == wanted)
    }

    @Test func transposition() throws {
        let x = try MapTest.tensor([2, 3, 4], seed: 1)
        #expect(try x.transposed().shape == [2, 4, 3])
        #expect(try x.transposed(0, -1).shape == [4, 3, 2])
        #expect(MapTest.sameBits(try x.transposed().transposed(), x))
        #expect(MapTest.sameBits(try x.transposed(1, 1), x))
    }

    @Test func axesOfSizeOne() throws {
        let x = try Tensor(zeros: [1, 3, 1])
        #expect(try x.squeezed().shape == [3])
        #expect(try x.squeezed(axes: [-1]).shape == [1, 3])
        #expect(try x.expandedDimensions(axis: 0).shape == [1, 1, 3, 1])
        #expect(try x.expandedDimensions(axis: -1).shape == [1, 3, 1, 1])
        #expect(try x.expandedDimensions(axis: 3).shape == [1, 3, 1, 1])
        #expect(try Tensor(shapeOnly: [1, 2]).squeezed().isShapeOnly)
    }

    @Test func stacks() throws {
        let a = try Tensor([1, 2], shape: [2]), b = try Tensor([3, 4], shape: [2])
        #expect(try Operations.stack([a, b]).elements == [1, 2, 3, 4])
        #expect(try Operations.stack([a, b], axis: -1).elements == [1, 3, 2, 4])
        let scalars = try [Tensor(scalar: 1), Tensor(scalar: 2)]
        #expect(try Operations.stack(scalars).shape == [2])
        #expect(try Operations.stack([a, Tensor(shapeOnly: [2])]).isShapeOnly)
    }

    @Test func refusals() throws {
        let x = try Tensor(zeros: [2, 3])
        #expect(throws: ProteanError.self) { try Operations.stack([]) }
        #expect(throws: ProteanError.self) { try Operations.stack([x, Tensor(zeros: [3, 2])]) }
        #expect(throws: ProteanError.self) { try Operations.stack([x], axis: 3) }
        #expect(throws: ProteanError.self) { try x.squeezed(axes: [0]) }
        #expect(throws: ProteanError.self) { try x.expandedDimensions(axis: 3) }
        #expect(throws: ProteanError.self) { try x.expandedDimensions(axis: Int.min) }
        #expect(throws: ProteanError.self) { try x.transposed(0, 2) }
        #expect(throws: ProteanError.self) { try x.permuted([0, 0]) }
        #expect(throws: ProteanError.self) { try x.softmax(axis: 2) }
        let deep = try Tensor(zeros: [Int](repeating: 1, count: 9))
        #expect(throws: ProteanError.self) { try deep.permuted(Array(0..<9)) }
    }
}
