import Testing

@testable import Protean

/// Masked convolutions, halting and copies as pure functions give the bits of what writes in place.
@Suite struct PureMaskedTests {
    private static func mask(_ shape: [Int], density: Float, seed: UInt64) throws -> MaskPlan {
        let numbers = try Initializer.uniform(shape, in: 0...1, seed: seed)
        return try MaskPlan(numbers, active: .above(1 - density))
    }

    @Test(arguments: [Float(0), 0.1, 0.5, 1], MaskedConv2dAlgorithm.allCases)
    func maskedEqualsTheLayer(_ density: Float, _ algorithm: MaskedConv2dAlgorithm) throws {
        for (inputs, outputs, size) in [(5, 7, [2, 9, 11]), (32, 48, [1, 16, 20])] {
            let conv = try Conv2d(
                inputChannels: inputs, outputChannels: outputs, kernelSize: 3, padding: 1)
            let layer = try MaskedConv2d(conv, algorithm: algorithm)
            let fused = try FusedMaskedConv2d(conv, nil, .relu, algorithm: algorithm)
            let mask = try Self.mask(size, density: density, seed: 3)
            let x = try Tensor.random(size + [inputs], seed: 4)
            let base = try Tensor.random(size + [outputs], seed: 5)
            let (weight, bias) = (conv.weight.value, conv.bias!.value)
            for (isa, threads) in allRuntimes {
                try Runtime.with(isa: isa, threads: threads) {
                    let text = "\(density) \(algorithm) \(isa) \(threads)"
                    let pure = try Operations.maskedConv2d(
                        x, weight: weight, bias: bias, geometry: conv.geometry, mask: mask,
                        algorithm: algorithm)
                    #expect(try pure.isBitEqual(to: layer(x, mask: mask)), "\(text)")
                    // An update is the same with a copy of the map that is there.
                    var y = base
                    try fused.update(&y, with: x, mask: mask)
                    let updated = try Operations.maskedConv2d(
                        x, weight: weight, bias: bias, geometry: conv.geometry, mask: mask,
                        inactive: .copy(of: base), algorithm: algorithm,
                        epilogue: Conv2dEpilogue(activation: .relu))
                    if algorithm != .automatic {
                        #expect(updated.isBitEqual(to: y), "\(text)")
                    }
                    let copied = try fused(x, mask: mask, inactive: .copy(of: base))
                    #expect(updated.isBitEqual(to: copied), "\(text)")
                    let rows = try Operations.maskedConv2dRows(
                        x, weight: weight, bias: bias, geometry: conv.geometry, mask: mask,
                        algorithm: algorithm)
                    #expect(try rows.isBitEqual(to: layer.rows(x, mask: mask)), "\(text)")
                }
            }
        }
    }

    @Test func shapesPassAndWrongTensorsDoNot() throws {
        let conv = try Conv2d(inputChannels: 3, outputChannels: 4, kernelSize: 3, padding: 1)
        let mask = try Self.mask([2, 5, 6], density: 0.5, seed: 1)
        let weight = conv.weight.value, geometry = conv.geometry
        let x = try Tensor.random([2, 5, 6, 3]), hollow = try Tensor(shapeOnly: [2, 5, 6, 3])
        #expect(
            try Operations.maskedConv2d(hollow, weight: weight, geometry: geometry, mask: mask)
                .shape
                == [2, 5, 6, 4])
        #expect(
            try Operations.maskedConv2dRows(
                x, weight: try Tensor(shapeOnly: weight.shape), geometry: geometry, mask: mask
            ).shape == [mask.count, 4])
        #expect(throws: ProteanError.self) {
            try Operations.maskedConv2d(
                x, weight: weight, geometry: geometry,
                mask: try Self.mask([2, 5, 5], density: 0.5, seed: 1))
        }
        #expect(throws: ProteanError.self) {
            try Operations.maskedConv2d(
                x, weight: try Tensor.random([4, 3, 3, 2]), geometry: geometry, mask: mask)
        }
        #expect(throws: ProteanError.self) {
            try Operations.maskedConv2d(
                x, weight: weight, geometry: geometry, mask: mask,
                inactive: .copy(of: try Tensor.random([2, 5, 6, 3])))
        }
    }

    @Test func haltingStepsLeaveTheStateAlone() throws {
        var state = try HaltingState(batch: 2, size: Size2d(height: 3, width: 4))
        let map = try Tensor.random([2, 3, 4, 5], seed: 2)
        var pure = state
        var sum: Tensor?
        var written = try Tensor(zeros: map.shape)
        for unit in 0..<4 {
            let active = try MaskPlan(state.running)
            let scores: (local: Tensor, global: Tensor)? =
                unit == 3
                ? nil
                : (
                    local: try Tensor.random([active.count, 1], seed: UInt64(unit)),
                    global: try Tensor.random([2], seed: 9)
                )
            let weights = try state.step(active, scores: scores, limit: 0.99, layer: "test")
            let paths = [
                \HaltingState.running, \.cumulative, \.remainder, \.ponder, \.units,
            ]
            let before = paths.map { pure[keyPath: $0].elements }
            let next = try Operations.haltingStep(pure, at: active, scores: scores, limit: 0.99)
            #expect(next.weights.isBitEqual(to: weights))
            #expect(paths.map { pure[keyPath: $0].elements } == before)
            for path in paths {
                #expect(next.state[keyPath: path].isBitEqual(to: state[keyPath: path]))
            }
            pure = next.state
            try Operations.addWeighted(
                map, weights, at: active, to: &written, begins: unit == 0, layer: "test")
            sum = try Operations.addingWeighted(map, weights, at: active, to: sum)
            #expect(sum!.isBitEqual(to: written))
        }
        #expect(pure.running.elements.allSatisfy { $0 == 0 })
        // Σ weights = 1 for every pixel: the sum of a constant map is the map.
        for (found, expected) in zip(sum!.elements, map.elements) {
            #expect(abs(found - expected) < 1e-6)
        }
        let all = try MaskPlan(Tensor(repeating: 1, shape: [2, 3, 4]))
        let fresh = try HaltingState(batch: 2, size: Size2d(height: 3, width: 4))
        for (local, global) in [([23, 1], [2]), ([24, 1], [3])] {
            #expect(throws: ProteanError.self) {
                try Operations.haltingStep(
                    fresh, at: all,
                    scores: (try Tensor.random(local), try Tensor.random(global)), limit: 0.9)
            }
        }
        #expect(throws: ProteanError.self) {
            try Operations.addingWeighted(map, try Tensor.random([23]), at: all)
        }
    }

    @Test func copiesAndInterpolationsReturnNewMaps() throws {
        let target = try Tensor.random([1, 4, 5, 3], seed: 1), kept = target.elements
        let source = try Tensor.random([1, 4, 5, 2], seed: 2)
        let some = try Self.mask([1, 4, 5], density: 0.4, seed: 3)
        let new = try Operations.replacingFirstChannels(of: target, by: source, at: some)
        var written = target
        try Operations.copyFirstChannels(of: source, into: &written, at: some)
        #expect(new.isBitEqual(to: written))
        #expect(target.elements == kept)

        let others = try some.inverted(), weights = try Tensor(repeating: 1, shape: [3, 3])
        let filled = try Operations.interpolated(
            target, at: others, from: some, weights: weights, epsilon: 1e-6)
        #expect(target.elements == kept)
        let active = Set(some.activePixels[0].map(Int.init))
        for pixel in 0..<20 {
            for c in 0..<3 {
                var sum = 0.0, count = 0.0
                for dy in -1...1 {
                    for dx in -1...1 {
                        let y = pixel / 5 + dy, x = pixel % 5 + dx
                        guard (0..<4).contains(y), (0..<5).contains(x), active.contains(y * 5 + x)
                        else { continue }
                        sum += Double(kept[(y * 5 + x) * 3 + c])
                        count += 1
                    }
                }
                let expected =
                    active.contains(pixel) ? Double(kept[pixel * 3 + c]) : sum / (count + 1e-6)
                #expect(abs(Double(filled.elements[pixel * 3 + c]) - expected) < 1e-6)
            }
        }
        #expect(throws: ProteanError.self) {
            try Operations.interpolated(
                target, at: some, from: some, weights: weights, epsilon: 1e-6)
        }
        #expect(throws: ProteanError.self) {
            try Operations.interpolated(
                target, at: others, from: some, weights: try Tensor.random([2, 2]), epsilon: 0)
        }
    }
}
