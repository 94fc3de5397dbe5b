import Testing

@testable import Protean

@Suite struct SliceTests {
    /// The elements of `x` at positions made from those of a result.
    static func pick(
        _ x: Tensor, _ shape: [Int], _ source: ([Int]) -> [Int]
    ) -> [Double] {
        let elements = x.elements
        return TensorReference.positions(shape).map {
            Double(elements[TensorReference.offset(source($0), in: x.shape)])
        }
    }

    static func check(
        _ shape: [Int], _ expected: [Double], _ what: String, _ body: () throws -> Tensor
    ) throws {
        try MapTest.everywhere(body) { isa, y in
            MapTest.expect(y, shape: shape, expected, tolerance: 0, "\(what) \(isa)")
        }
    }

    @Test(arguments: 0..<100) func randomParts(_ seed: Int) throws {
        var choices = TensorReference.Choices(seed: seed + 3)
        let shape = choices.shape(choices.next(6))
        guard shape.reduce(1, *) < 20_000 else { return }
        let x = try MapTest.tensor(shape, seed: UInt64(seed))
        let starts = shape.map { choices.next($0 + 1) }
        let ends = zip(shape, starts).map { $1 + choices.next($0 - $1 + 1) }
        let steps = shape.map { _ in 1 + choices.next(3) }
        let slices = shape.indices.map { axis in
            AxisSlice(
                from: choices.next(2) == 0 || starts[axis] == shape[axis]
                    ? starts[axis] : starts[axis] - shape[axis],
                to: ends[axis] == shape[axis]
                    ? nil : ends[axis] - (ends[axis] > 0 ? choices.next(2) * shape[axis] : 0),
                step: steps[axis])
        }
        let wanted = shape.indices.map { (ends[$0] - starts[$0] + steps[$0] - 1) / steps[$0] }
        let expected = Self.pick(x, wanted) { position in
            position.indices.map { starts[$0] + position[$0] * steps[$0] }
        }
        try Self.check(wanted, expected, "\(shape) \(slices)") { try x.slice(slices) }
        let shapes = try Tensor(shapeOnly: shape).slice(slices)
        #expect(shapes.shape == wanted && shapes.isShapeOnly)
    }

    @Test(arguments: 0..<60) func flippedTiledAndRepeated(_ seed: Int) throws {
        var choices = TensorReference.Choices(seed: seed + 300)
        let shape = choices.shape(1 + choices.next(4))
        guard shape.reduce(1, *) < 4000 else { return }
        let x = try MapTest.tensor(shape, seed: UInt64(seed))
        let axes = shape.indices.filter { _ in choices.next(2) == 0 }
        let flipped = Self.pick(x, shape) { position in
            position.indices.map {
                axes.contains($0) ? shape[$0] - 1 - position[$0] : position[$0]
            }
        }
        try Self.check(shape, flipped, "flip \(shape) \(axes)") {
            try x.flipped(axes: axes.map { $0 - shape.count })
        }
        let counts = shape.map { _ in choices.next(3) } + []
        let tiled = zip(shape, counts).map { $0 * $1 }
        let tiles = Self.pick(x, tiled) { position in
            position.indices.map { position[$0] % shape[$0] }
        }
        try Self.check(tiled, tiles, "tile \(shape) \(counts)") { try x.tiled(counts) }
        let axis = choices.next(shape.count), count = choices.next(4)
        var wanted = shape
        wanted[axis] *= count
        let repeated = Self.pick(x, wanted) { position in
            position.indices.map { $0 == axis ? position[$0] / count : position[$0] }
        }
        try Self.check(wanted, repeated, "repeat \(shape) \(axis) \(count)") {
            try x.repeatedEntries(count: count, axis: axis)
        }
        #expect(try Tensor(shapeOnly: shape).tiled(counts).shape == tiled)
        #expect(try Tensor(shapeOnly: shape).flipped(axes: axes).shape == shape)
    }

    @Test(arguments: 0..<40) func broadcastCopies(_ seed: Int) throws {
        var choices = TensorReference.Choices(seed: seed + 700)
        let shape = choices.shape(choices.next(6))
        guard shape.reduce(1, *) < 20_000 else { return }
        let x = try MapTest.tensor(choices.part(shape), seed: UInt64(seed))
        let expected = TensorReference.combine(x, try Tensor(zeros: shape), shape) { a, _ in a }
        try Self.check(shape, expected, "\(x.shape) to \(shape)") { try x.broadcast(to: shape) }
        #expect(try Tensor(shapeOnly: x.shape).broadcast(to: shape).shape == shape)
    }

    /// Large enough to be shared among threads.
    @Test func largeCopies() throws {
        let x = try MapTest.tensor([90, 70, 33], seed: 4)
        let flipped = Self.pick(x, x.shape) { [$0[0], $0[1], 32 - $0[2]] }
        try Self.check(x.shape, flipped, "flip") { try x.flipped(axes: [2]) }
        let odd = Self.pick(x, [90, 35, 16]) { [$0[0], 2 * $0[1], 1 + 2 * $0[2]] }
        try Self.check([90, 35, 16], odd, "odd") {
            try x.slice([.all, AxisSlice(step: 2), AxisSlice(from: 1, step: 2)])
        }
        let twice = Self.pick(x, [90, 70, 66]) { [$0[0], $0[1], $0[2] % 33] }
        try Self.check([90, 70, 66], twice, "tile") { try x.tiled([2]) }
    }

    @Test func partsPutTogetherAreTheWhole() throws {
        let x = try MapTest.tensor([3, 7, 5], seed: 6)
        for axis in -3..<3 {
            let size = x.shape[axis < 0 ? axis + 3 : axis]
            let split = try x.split(sizes: [1, 0, size - 1], axis: axis)
            #expect(MapTest.sameBits(try Operations.concatenate(split, axis: axis), x))
            for count in 1...9 {
                let parts = try x.chunk(count, axis: axis)
                #expect(parts.count <= count)
                #expect(MapTest.sameBits(try Operations.concatenate(parts, axis: axis), x))
            }
            let entries = try (0..<size).map { try x.select(axis: axis, index: $0 - size) }
            #expect(entries.allSatisfy { $0.rank == 2 })
            // A stack's places count from behind the innermost axis of the result.
            #expect(MapTest.sameBits(try Operations.stack(entries, axis: axis), x))
        }
        #expect(try Tensor(zeros: [0, 2]).chunk(3, axis: 0).map(\.shape) == [[0, 2]])
    }

    @Test func refusals() throws {
        let x = try Tensor(zeros: [2, 3])
        for (from, to, step) in [
            (0, 4, 1), (2, 1, 1), (-4, nil, 1), (0, -4, 1), (0, 2, 0), (0, 2, -1), (4, nil, 1),
            (Int.min, Int.max, 1),
        ] as [(Int, Int?, Int)] {
            let error = #expect(throws: ProteanError.self) {
                try x.slice(axis: 1, from: from, to: to, step: step)
            }
            guard case .invalidOption("slice", _, _, _)? = error else {
                Issue.record("\(String(describing: error))")
                continue
            }
        }
        #expect(try x.slice(axis: 1, step: Int.max).shape == [2, 1])
        #expect(throws: ProteanError.self) { try x.slice(axis: 2) }
        #expect(throws: ProteanError.self) { try x.slice([.all, .all, .all]) }
        #expect(throws: ProteanError.self) { try x.select(axis: 0, index: 2) }
        for sizes in [[1, 1], [4], [-1, 4], [], [Int.max, 3]] {
            #expect(throws: ProteanError.self) { try x.split(sizes: sizes, axis: 1) }
        }
        #expect(throws: ProteanError.self) { try x.chunk(0, axis: 1) }
        #expect(throws: ProteanError.self) { try x.flipped(axes: [0, -2]) }
        #expect(throws: ProteanError.self) { try x.tiled([-1]) }
        #expect(throws: ProteanError.self) { try x.tiled([Int.max, 1]) }
        #expect(throws: ProteanError.self) { try x.repeatedEntries(count: -1, axis: 0) }
        #expect(throws: ProteanError.self) { try x.item() }
        #expect(throws: ProteanError.self) { try Tensor(shapeOnly: [1]).item() }
    }

    /// Ranges of channels, joined without storing the parts.
    @Test(arguments: [[2, 3, 5], [0, 4, 1], [1, 1, 1], [1, 40, 37]])
    func rangesOfChannelsAreJoined(size: [Int]) throws {
        let a = try Tensor.random(size + [7]), b = try Tensor.random(size + [4], seed: 2)
        let parts: [(map: Tensor, range: Range<Int>)] = [
            (a, 2..<7), (b, 0..<4), (a, 3..<3), (b, 1..<2),
        ]
        var slices: [Tensor] = []
        for (map, range) in parts {
            slices.append(try map.slice(axis: -1, from: range.lowerBound, to: range.upperBound))
        }
        let expected = try Operations.concatenate(slices, axis: -1)
        for threads in 1...3 {
            let joined = try Runtime.with(threads: threads) {
                try Operations.concatenate(channels: parts)
            }
            #expect(joined.isBitEqual(to: expected))
        }
        let planned = try Operations.concatenate(channels: [(Tensor(shapeOnly: a.shape), 1..<3)])
        #expect(planned.isShapeOnly && planned.shape == size + [2])
    }

    @Test func rangesThatDoNotFitAreRefused() throws {
        let a = try Tensor(zeros: [1, 2, 3, 4]), other = try Tensor(zeros: [1, 3, 2, 4])
        #expect(throws: ProteanError.self) { try Operations.concatenate(channels: []) }
        #expect(throws: ProteanError.self) { try Operations.concatenate(channels: [(a, 0..<5)]) }
        #expect(throws: ProteanError.self) { try Operations.concatenate(channels: [(a, -1..<2)]) }
        let error = #expect(throws: ProteanError.self) {
            try Operations.concatenate(channels: [(a, 0..<2), (other, 0..<2)])
        }
        #expect(error?.description.contains("channels[1]") == true)
        let vector = try Tensor(zeros: [4])
        #expect(throws: ProteanError.self) {
            try Operations.concatenate(channels: [(vector, 0..<1)])
        }
    }
}
