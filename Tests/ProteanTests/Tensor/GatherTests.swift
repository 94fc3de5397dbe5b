import Testing

@testable import Protean

@Suite struct GatherTests {
    @Test(arguments: 0..<80) func randomIndices(_ seed: Int) throws {
        var choices = TensorReference.Choices(seed: seed + 9)
        let shape = choices.shape(1 + choices.next(4)).map { Swift.max($0, 1) }
        guard shape.reduce(1, *) < 20_000 else { return }
        let axis = choices.next(shape.count)
        var wanted = shape.map { 1 + choices.next($0) }
        wanted[axis] = choices.next(2 * shape[axis] + 1)
        let x = try MapTest.tensor(shape, seed: UInt64(seed))
        let numbers = (0..<wanted.reduce(1, *)).map { _ in Float(choices.next(shape[axis])) }
        let indices = try Tensor(numbers, shape: wanted)
        let elements = x.elements
        let expected = zip(TensorReference.positions(wanted), numbers).map { position, index in
            var from = position
            from[axis] = Int(index)
            return Double(elements[TensorReference.offset(from, in: shape)])
        }
        try MapTest.everywhere {
            try x.gather(axis: axis, indices: indices)
        } check: { isa, y in
            MapTest.expect(y, shape: wanted, expected, tolerance: 0, "\(shape) \(wanted) \(isa)")
        }
        let shapes = try Tensor(shapeOnly: shape).gather(axis: axis - shape.count, indices: indices)
        #expect(shapes.isShapeOnly && shapes.shape == wanted)
    }

    @Test(arguments: 0..<60) func randomLists(_ seed: Int) throws {
        var choices = TensorReference.Choices(seed: seed + 90)
        let shape = choices.shape(1 + choices.next(4))
        guard shape.reduce(1, *) < 20_000 else { return }
        let axis = choices.next(shape.count)
        let count = shape[axis] == 0 ? 0 : choices.next(9)
        let list = (0..<count).map { _ in choices.next(shape[axis]) }
        let x = try MapTest.tensor(shape, seed: UInt64(seed))
        var wanted = shape
        wanted[axis] = count
        let elements = x.elements
        let expected = TensorReference.positions(wanted).map { position in
            var from = position
            from[axis] = list[position[axis]]
            return Double(elements[TensorReference.offset(from, in: shape)])
        }
        try MapTest.everywhere {
            try x.indexSelect(axis: axis, indices: list)
        } check: { isa, y in
            MapTest.expect(y, shape: wanted, expected, tolerance: 0, "\(shape) \(list) \(isa)")
        }
        let shapes = try Tensor(shapeOnly: shape).indexSelect(axis: axis, indices: list)
        #expect(shapes.isShapeOnly && shapes.shape == wanted)
    }

    @Test func manyElements() throws {
        let x = try MapTest.tensor([400, 301], seed: 1)
        let numbers = (0..<400 * 300).map { Float($0 * 7 % 301) }
        let indices = try Tensor(numbers, shape: [400, 300]), elements = x.elements
        let expected = numbers.enumerated().map { Double(elements[$0 / 300 * 301 + Int($1)]) }
        try MapTest.everywhere {
            try x.gather(axis: 1, indices: indices)
        } check: { isa, y in
            MapTest.expect(y, shape: [400, 300], expected, tolerance: 0, "\(isa)")
        }
    }

    @Test(arguments: [3, -1, 0.5, .nan, .infinity, -0.25, 1e10, 16_777_216] as [Float])
    func wrongIndicesAreNamed(_ wrong: Float) throws {
        let x = try Tensor(zeros: [2, 3])
        let indices = try Tensor([0, 2, 1, wrong], shape: [2, 2])
        for threads in 1...3 {
            let error = #expect(throws: ProteanError.self) {
                try Runtime.with(threads: threads) { try x.gather(axis: 1, indices: indices) }
            }
            guard case .invalidOption("gather", "indices[3]", let expected, let found)? = error
            else {
                Issue.record("\(String(describing: error))")
                continue
            }
            #expect(expected.contains("0..<3") && found == "\(wrong)")
        }
    }

    @Test func refusals() throws {
        let x = try Tensor(zeros: [2, 3])
        #expect(throws: ProteanError.self) { try x.gather(axis: 2, indices: x) }
        #expect(throws: ProteanError.self) { try x.gather(axis: 1, indices: Tensor(zeros: [2])) }
        #expect(throws: ProteanError.self) {
            try x.gather(axis: 1, indices: Tensor(zeros: [3, 1]))
        }
        #expect(throws: ProteanError.self) {
            try Tensor(zeros: [2, 0]).gather(axis: 1, indices: Tensor(zeros: [2, 1]))
        }
        for list in [[3], [0, -1], [Int.max]] {
            let error = #expect(throws: ProteanError.self) {
                try x.indexSelect(axis: 1, indices: list)
            }
            guard case .invalidOption("indexSelect", let option, _, _)? = error
            else {
                Issue.record("\(String(describing: error))")
                continue
            }
            #expect(option == "indices[\(list.count - 1)]")
        }
    }
}
