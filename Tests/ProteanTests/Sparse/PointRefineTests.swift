import Testing

@testable import Protean

@Suite struct PointSelectionTests {
    @Test(arguments: [[2, 5, 9], [1, 1, 1], [3, 7, 70], [0, 4, 3]])
    func theHighestAreTakenAndLowerIndicesFirst(_ shape: [Int]) throws {
        // Few different values, so that there are many ties.
        let random = try Tensor.random(shape + [1], seed: 5).elements
        var scores = random.map { ($0 * 3).rounded() }
        for (index, odd) in [Float.nan, -.infinity, .infinity, -0.0].enumerated()
        where scores.count > 7 * index + 3 {
            scores[7 * index + 3] = odd
        }
        let map = try Tensor(scores, shape: shape + [1])
        let pixels = shape[1] * shape[2]
        for (isa, threads) in allRuntimes {
            for count in [0, 1, pixels / 3, pixels - 1, pixels, pixels + 5] {
                let plan = try Runtime.with(isa: isa, threads: threads) {
                    try MaskPlan(highest: count, of: map)
                }
                let expected = (0..<shape[0]).map { sample in
                    let own = Array(scores[sample * pixels..<(sample + 1) * pixels])
                    let order = own.indices.sorted { a, b in
                        let left = own[a].isNaN ? Float.infinity.nextUp : own[a]
                        let (x, y) = (own[a].isNaN ? 1 : 0, own[b].isNaN ? 1 : 0)
                        if x != y { return x > y }
                        return x == 1 || left == own[b] ? a < b : left > own[b]
                    }
                    return order.prefix(count).sorted().map(Int32.init)
                }
                #expect(plan.activePixels == expected, "\(isa) \(count)")
            }
        }
    }

    @Test func marginsAreThoseOfTheTwoBest() throws {
        for classes in [1, 2, 3, 19] {
            let logits = try Tensor.random([2, 5, 7, classes])
            let values = logits.elements
            let expected = stride(from: 0, to: values.count, by: classes).map { start in
                let best = values[start..<start + classes].sorted(by: >)
                return classes == 1 ? -abs(best[0]) : best[1] - best[0]
            }
            for (isa, threads) in allRuntimes {
                let found = try Runtime.with(isa: isa, threads: threads) {
                    try Operations.uncertainty(logits)
                }
                #expect(found.elements == expected)
            }
        }
        let odd = try Tensor([1, .nan, 0, .infinity, 3, 1], shape: [1, 1, 2, 3])
        let found = try Operations.uncertainty(odd).elements
        #expect(found[0].isNaN && found[1] == -.infinity)
        #expect(throws: ProteanError.self) {
            try Operations.uncertainty(Tensor(zeros: [1, 2, 2, 0]))
        }
    }

    @Test func centresLieInTheMiddle() throws {
        let plan = try MaskPattern.pixels.plan(batch: 3, size: Size2d(height: 5, width: 7))
        let found = try plan.centres().elements
        var expected: [Float] = []
        for pixel in plan.activePixels.joined() {
            let (row, column) = (Float(pixel / 7), Float(pixel % 7))
            expected.append((2 * column + 1) / 7 - 1)
            expected.append((2 * row + 1) / 5 - 1)
        }
        #expect(zip(found, expected).allSatisfy { abs($0 - $1) < 1e-6 })
        #expect(found.count == 2 * plan.count)
    }

    @Test func whatDoesNotFitIsRefused() throws {
        #expect(throws: ProteanError.self) {
            try MaskPlan(highest: -1, of: Tensor(zeros: [1, 2, 2, 1]))
        }
        #expect(throws: ProteanError.self) {
            try MaskPlan(highest: 1, of: Tensor(zeros: [1, 2, 2, 2]))
        }
        #expect(throws: ProteanError.noValues(layer: "MaskPlan")) {
            try MaskPlan(highest: 1, of: Tensor(shapeOnly: [1, 2, 2, 1]))
        }
    }
}

/// One step of subdivision in double precision, from the formulas.
private struct PointReference {
    typealias Row = [Double]
    var height, width: Int
    var pixels: [Row]

    init(_ map: Tensor, sample: Int) {
        (height, width) = (map.shape[1], map.shape[2])
        let channels = map.shape[3], values = map.elements
        pixels = (0..<height * width).map { pixel in
            let start = (sample * map.shape[1] * map.shape[2] + pixel) * channels
            return values[start..<start + channels].map(Double.init)
        }
    }

    /// The map at (y, x) between pixels; beyond the edges zeros, or the edge's pixel if `clamped`.
    func value(_ y: Double, _ x: Double, clamped: Bool) -> Row {
        var sum = Row(repeating: 0, count: pixels[0].count)
        for (row, column) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
            var j = Int(y.rounded(.down)) + row, i = Int(x.rounded(.down)) + column
            let weight = (1 - abs(y - Double(j))) * (1 - abs(x - Double(i)))
            if clamped { (j, i) = (min(max(j, 0), height - 1), min(max(i, 0), width - 1)) }
            guard (0..<height).contains(j), (0..<width).contains(i) else { continue }
            for k in sum.indices { sum[k] += weight * pixels[j * width + i][k] }
        }
        return sum
    }

    /// The map at the middle of pixel (row, column) of a map of another size.
    func middle(_ row: Int, _ column: Int, of size: Size2d, clamped: Bool = false) -> Row {
        value(
            (Double(row) + 0.5) * Double(height) / Double(size.height) - 0.5,
            (Double(column) + 0.5) * Double(width) / Double(size.width) - 0.5, clamped: clamped)
    }

    mutating func refine(_ layer: PointRefine, _ fine: PointReference, _ coarse: PointReference) {
        let size = Size2d(height: 2 * height, width: 2 * width)
        let doubled = (0..<size.height * size.width).map {
            middle($0 / size.width, $0 % size.width, of: size, clamped: true)
        }
        let margins = doubled.map { row in
            let best = row.sorted(by: >)
            return row.count == 1 ? -abs(row[0]) : best[1] - best[0]
        }
        let order = margins.indices.sorted { margins[$0] > margins[$1] }
        (height, width, pixels) = (size.height, size.width, doubled)
        for pixel in order.prefix(layer.points) {
            let (row, column) = (pixel / width, pixel % width)
            pixels[pixel] = head(
                layer, fine.middle(row, column, of: size), coarse.middle(row, column, of: size))
        }
    }

    private func head(_ layer: PointRefine, _ fine: Row, _ coarse: Row) -> Row {
        var row = fine + coarse
        for part in layer.submodules {
            let dense = part.module as! PointwiseConv1d
            let weights = dense.weight.value.elements, biases = dense.bias.value.elements
            var result = biases.map(Double.init)
            for k in 0..<dense.outputs {
                for (c, value) in row.enumerated() {
                    result[k] += Double(weights[k * dense.inputs + c]) * value
                }
            }
            if part.name == "predictor" { return result }
            result = result.map { max($0, 0) }
            row = result + (layer.coarseEachLayer ? coarse : [])
        }
        return row
    }
}

@Suite struct PointRefineTests {
    @Test(arguments: [
        (3, true, 2, 23, 3), (1, false, 3, 40, 1), (2, true, 1, 1000, 2), (4, true, 1, 0, 0),
    ])
    func followsTheFormulas(
        _ classes: Int, _ again: Bool, _ steps: Int, _ points: Int, _ layers: Int
    ) throws {
        let layer = try PointRefine(
            inputChannels: 5, classes: classes, hiddenChannels: 9, hiddenLayers: layers,
            coarseEachLayer: again, steps: steps, points: points, seed: 3)
        let fine = try Tensor.random([3, 7, 12, 5]), coarse = try Tensor.random([3, 3, 4, classes])
        let expected = (0..<3).flatMap { sample in
            var map = PointReference(coarse, sample: sample)
            let (features, base) = (PointReference(fine, sample: sample), map)
            for _ in 0..<steps { map.refine(layer, features, base) }
            return map.pixels.flatMap { $0 }
        }
        var first: [KernelISA: Tensor] = [:]
        for (isa, threads) in allRuntimes {
            try Runtime.with(isa: isa, threads: threads) {
                let found = try layer(fine, coarse: coarse)
                #expect(found.shape == [3, 3 << steps, 4 << steps, classes])
                let worst = zip(found.elements, expected).map { abs(Double($0) - $1) }.max()
                #expect(worst! < 2e-6, "\(isa)")
                #expect(try first[isa, default: found].hasBits(of: found), "\(isa) \(threads)")
                first[isa] = found
            }
        }
    }

    @Test func featuresOfSeveralMapsFollowOneAnother() throws {
        let layer = try PointRefine(
            inputChannels: 5, classes: 2, hiddenChannels: 8, steps: 1, points: 11)
        let maps = [try Tensor.random([2, 6, 7, 2]), try Tensor.random([2, 6, 7, 3], seed: 2)]
        let coarse = try Tensor.random([2, 4, 3, 2], seed: 3)
        let joined = try layer(try Operations.concatenate(maps, axis: -1), coarse: coarse)
        #expect(try layer(maps, coarse: coarse).hasBits(of: joined))
    }

    @Test func theInputStaysAsItIsAndOtherPixelsAreInterpolated() throws {
        let layer = try PointRefine(
            inputChannels: 2, classes: 3, hiddenChannels: 4, steps: 1, points: 6)
        let fine = try Tensor.random([2, 5, 5, 2]), coarse = try Tensor.random([2, 3, 2, 3])
        let copy = coarse.elements
        let doubled = try Operations.resize(coarse, by: 2, mode: .bilinear(alignCorners: false))
        let found = try layer(fine, coarse: coarse).elements
        let same = zip(found, doubled.elements).enumerated().filter { $1.0 == $1.1 }.count
        #expect(same == 3 * 2 * (24 - 6))
        #expect(coarse.elements == copy)
    }

    @Test func costsSayWhatWasExecuted() throws {
        let layer = try PointRefine(
            inputChannels: 5, classes: 2, hiddenChannels: 8, hiddenLayers: 1, steps: 1, points: 11)
        layer.assignLabels(prefix: "head")
        for shapeOnly in [false, true] {
            let trace = Trace()
            let fine = shapeOnly ? try Tensor(shapeOnly: [3, 6, 7, 5]) : try .random([3, 6, 7, 5])
            let coarse =
                shapeOnly ? try Tensor(shapeOnly: [3, 4, 3, 2]) : try .random([3, 4, 3, 2])
            let y = try trace.recording { try layer(fine, coarse: coarse) }
            #expect(y.shape == [3, 8, 6, 2] && y.isShapeOnly == shapeOnly)
            #expect(trace.events.map(\.path) == ["head.fc1", "head.predictor"])
            #expect(trace.events[0].cost.multiplyAdds == 3 * 48 * 7 * 8)
            #expect(trace.events[0].cost.executedMultiplyAdds == 33 * 7 * 8)
            #expect(trace.events[1].cost.executedMultiplyAdds == 33 * 10 * 2)
        }
        #expect(
            layer.allParameters().map { "\($0.name) \($0.parameter.shape)" } == [
                "fc1.weight [8, 7, 1]", "fc1.bias [8]", "predictor.weight [2, 10, 1]",
                "predictor.bias [2]",
            ])
    }

    @Test func emptyBatchesAreLegalAndWrongShapesAreNot() throws {
        let layer = try PointRefine(inputChannels: 5, classes: 2, hiddenChannels: 8, steps: 2)
        let none = try layer(Tensor(zeros: [0, 6, 7, 5]), coarse: Tensor(zeros: [0, 4, 3, 2]))
        #expect(none.shape == [0, 16, 12, 2])
        let coarse = try Tensor.random([1, 4, 3, 2])
        func refused(_ tensor: String, _ x: [Int], _ coarse: [Int]) throws {
            let error = #expect(throws: ProteanError.self) {
                _ = try layer(Tensor(zeros: x), coarse: Tensor(zeros: coarse))
            }
            guard case .shapeMismatch("PointRefine", tensor, _, _) = error else {
                Issue.record("unexpected \(String(describing: error))")
                return
            }
        }
        try refused("coarse", [1, 6, 7, 5], [1, 4, 3, 3])
        try refused("x", [1, 6, 7, 4], coarse.shape)
        try refused("x", [2, 6, 7, 5], coarse.shape)
        for body in [
            { try PointRefine(inputChannels: 0, classes: 1) },
            { try PointRefine(inputChannels: .max, classes: .max) },
            { try PointRefine(inputChannels: 1, classes: 1, steps: -1) },
            { try PointRefine(inputChannels: 1, classes: 1, points: -1) },
        ] {
            #expect(throws: ProteanError.self) { _ = try body() }
        }
    }
}
