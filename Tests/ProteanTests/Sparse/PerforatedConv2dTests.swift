import Testing

@testable import Protean

@Suite struct PerforatedConv2dTests {
    static let size = Size2d(height: 11, width: 9)

    static func masks() throws -> [(String, PerforationMask)] {
        [
            ("uniform", .uniform(rate: 0.3, seed: 4)),
            ("grid", .grid(rate: 0.25, seed: 2)),
            ("pooling", .poolingStructure(rate: 0.4, window: PoolWindow(kernelSize: 3, stride: 2))),
            ("impact", .impact(rate: 0.2, scores: try .random([11, 9], seed: 8))),
            ("given", .given(try Tensor((0..<99).map { $0 % 13 == 5 ? 2 : 0 }, shape: [11, 9]))),
            ("one", .uniform(rate: 0.001)),
            ("all", .uniform(rate: 1)),
        ]
    }

    /// The nearest active pixel of each pixel, by comparing all.
    static func nearest(_ active: [Int], _ size: Size2d) -> [Int] {
        (0..<size.height * size.width).map { pixel in
            active.min { a, b in
                func distance(_ other: Int) -> Int {
                    let dy = other / size.width - pixel / size.width
                    let dx = other % size.width - pixel % size.width
                    return dy * dy + dx * dx
                }
                let (x, y) = (distance(a), distance(b))
                return x == y ? a < b : x < y
            }!
        }
    }

    @Test(arguments: 0..<7)
    func outputsAreThoseOfTheNearestComputedPixel(_ index: Int) throws {
        let (name, mask) = try Self.masks()[index]
        let dense = try Conv2d(
            inputChannels: 5, outputChannels: 19, kernelSize: Size2d(height: 3, width: 5),
            padding: .symmetric(height: 1, width: 2), algorithm: .direct)
        let layer = try PerforatedConv2d(dense, mask: mask)
        for batch in [3, 0, 1] {
            let x = try Tensor.random([batch, 11, 9, 5])
            let computed = try layer.computedOutputs(for: x.shape)
            #expect(computed.batch == batch)
            let active = try layer.computedOutputs(for: [1, 11, 9, 5]).activePixels[0].map(Int.init)
            #expect(computed.activePixels.allSatisfy { $0.map(Int.init) == active }, "\(name)")
            let nearest = Self.nearest(active, Self.size)
            for (isa, threads) in allRuntimes {
                try Runtime.with(isa: isa, threads: threads) {
                    let whole = try dense(x).elements
                    var expected: [Float] = []
                    for sample in 0..<batch {
                        for pixel in nearest {
                            let start = (sample * 99 + pixel) * 19
                            expected += whole[start..<start + 19]
                        }
                    }
                    #expect(try layer(x).elements == expected, "\(name) \(isa) \(threads)")
                }
            }
        }
    }

    @Test func nearestPixelsAreExactOnWideMaps() throws {
        for (pattern, size) in [
            (MaskPattern.one, Size2d(height: 5, width: 200)), (.rows, Size2d(height: 40, width: 3)),
            (.disc, Size2d(height: 30, width: 131)), (.pixels, Size2d(height: 20, width: 65)),
        ] {
            let plan = try pattern.plan(batch: 1, size: size)
            let active = plan.activePixels[0].map(Int.init)
            let index = Self.nearest(active, size)
            let rows = try Tensor(active.map(Float.init), shape: [active.count, 1])
            for threads in 1...3 {
                let found = try Runtime.with(threads: threads) {
                    try NearestPixels(plan, layer: "test").map(from: rows, batch: 1, layer: "test")
                }
                #expect(found.elements == index.map(Float.init), "\(pattern)")
            }
        }
    }

    @Test func ratesCountOutputs() throws {
        func count(_ mask: PerforationMask, _ height: Int = 11, _ width: Int = 9) throws -> Int {
            try PerforatedConv2d(
                inputChannels: 1, outputChannels: 1, kernelSize: 1, mask: mask
            ).computedOutputs(for: [1, height, width, 1]).count
        }
        #expect(try count(.uniform(rate: 0.3)) == 29)
        #expect(try count(.impact(rate: 0.5, scores: .random([11, 9]))) == 49)
        for seed: UInt64 in 0..<50 {
            #expect(try count(.grid(rate: 0.25, seed: seed)) == 5 * 4)
            #expect(try count(.grid(rate: 1, seed: seed)) == 99)
            #expect(try count(.grid(rate: 0.5, seed: seed), 20, 30) == 14 * 21)
        }
        let pooled = PerforationMask.poolingStructure(
            rate: 0.2, window: PoolWindow(kernelSize: 3, stride: 2))
        let plan = try PerforatedConv2d(
            inputChannels: 1, outputChannels: 1, kernelSize: 1, mask: pooled
        ).computedOutputs(for: [1, 11, 9, 1])
        // Even rows and columns but the first and last lie in four windows.
        let four = [2, 4, 6, 8].flatMap { y in [2, 4, 6].map { Int32(y * 9 + $0) } }
        #expect(Set(four).isSubset(of: plan.activePixels[0]))
    }

    @Test func costsSayWhatWasExecuted() throws {
        let layer = try PerforatedConv2d(
            inputChannels: 5, outputChannels: 4, kernelSize: 3, padding: 1,
            mask: .uniform(rate: 0.1))
        let cost = try layer.cost(for: [2, 11, 9, 5])
        #expect(cost.multiplyAdds == 2 * 99 * 4 * 45)
        #expect(cost.executedMultiplyAdds == 2 * 9 * 4 * 45)
        #expect(try layer.outputShape(for: [2, 11, 9, 5]) == [2, 11, 9, 4])
    }

    @Test func whatDoesNotFitIsRefused() throws {
        func layer(_ mask: PerforationMask) throws -> PerforatedConv2d {
            try PerforatedConv2d(inputChannels: 1, outputChannels: 1, kernelSize: 1, mask: mask)
        }
        for rate in [0, -0.5, 1.01, .nan] {
            #expect(throws: ProteanError.self) { try layer(.grid(rate: rate)) }
        }
        #expect(throws: ProteanError.self) { try layer(.given(Tensor(zeros: [1, 4, 4]))) }
        #expect(throws: ProteanError.self) {
            try layer(.poolingStructure(rate: 1, window: PoolWindow(kernelSize: Size2d(.max))))
        }
        #expect(throws: ProteanError.self) { try layer(.given(Tensor(shapeOnly: [4, 4]))) }
        let empty = try layer(.given(Tensor(zeros: [4, 5])))
        #expect(throws: ProteanError.self) { try empty(Tensor(zeros: [1, 4, 5, 1])) }
        let small = try layer(.given(Tensor(repeating: 1, shape: [4, 4])))
        #expect(throws: ProteanError.self) { try small(Tensor(zeros: [1, 4, 5, 1])) }
    }
}
