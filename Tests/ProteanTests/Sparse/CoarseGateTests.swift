import Testing

@testable import Protean

/// Gates against loops over cells and windows.
@Suite struct CoarseGateTests {
    /// The mean of every cell of an adaptive pooling.
    static func pooled(_ x: Tensor, _ rows: Int, _ columns: Int) -> [[Double]] {
        let (n, h, w, c) = (x.shape[0], x.shape[1], x.shape[2], x.shape[3])
        let values = x.elements
        return (0..<n * rows * columns).map { cell -> [Double] in
            let (sample, i, j) = (cell / (rows * columns), cell / columns % rows, cell % columns)
            var sums = [Double](repeating: 0, count: c), count = 0.0
            for y in i * h / rows..<((i + 1) * h + rows - 1) / rows {
                for x in j * w / columns..<((j + 1) * w + columns - 1) / columns {
                    count += 1
                    for k in 0..<c { sums[k] += Double(values[((sample * h + y) * w + x) * c + k]) }
                }
            }
            return sums.map { $0 / count }
        }
    }

    @Test(arguments: [
        (1, 1, [2, 9, 7, 5]), (4, 1, [3, 13, 18, 6]), (2, 2, [1, 11, 14, 3]), (3, 1, [0, 6, 6, 2]),
    ])
    func cellsOfLASNet(_ granularity: Int, _ stride: Int, _ shape: [Int]) throws {
        let unit = try LASNetMaskUnit(
            channels: shape[3], granularity: granularity, stride: stride)
        try DynConvTests.randomise(unit)
        #expect(unit.allParameters().map(\.name) == ["conv2.weight", "conv2.bias"])
        try #require(unit.parameter(at: "conv2.bias")).set(Tensor([0.01, 0], shape: [2]))
        let x = try Tensor.random(shape)
        let (h, w) = ((shape[1] + stride - 1) / stride, (shape[2] + stride - 1) / stride)
        let (rows, columns) = (h / granularity, w / granularity)
        let weights = try #require(unit.parameter(at: "conv2.weight")).value.elements
        let biases = try #require(unit.parameter(at: "conv2.bias")).value.elements
        let keep = Self.pooled(x, rows, columns).map { cell -> Bool in
            var logits = biases.map(Double.init)
            for k in 0..<2 {
                for (c, value) in cell.enumerated() {
                    logits[k] += value * Double(weights[k * cell.count + c])
                }
            }
            return logits[0] >= logits[1]
        }
        let expected = (0..<shape[0] * h * w).map { pixel -> Bool in
            let (sample, y, x) = (pixel / (h * w), pixel / w % h, pixel % w)
            let row = sample * rows + y * rows / h
            return keep[row * columns + x * columns / w]
        }
        for (isa, threads) in allRuntimes {
            let mask = try Runtime.with(isa: isa, threads: threads) { try unit(x) }
            #expect(mask.size == Size2d(height: h, width: w))
            #expect(try mask.flags() == expected, "\(isa)")
        }
        if shape[0] > 0 { #expect(Set(expected).count == 2) }
    }

    @Test(arguments: [
        (8, 1, [2, 17, 30, 5], true), (3, 2, [3, 13, 18, 6], false), (1, 1, [1, 5, 7, 4], true),
    ])
    func cellsOfDGNet(_ cell: Int, _ stride: Int, _ shape: [Int], _ bias: Bool) throws {
        let gate = try DGNetSpatialGate(
            channels: shape[3], cellSize: cell, stride: stride, bias: bias)
        try DynConvTests.randomise(gate)
        #expect(gate.allParameters().count == (bias ? 2 : 1))
        let x = try Tensor.random(shape)
        let (h, w) = ((shape[1] + stride - 1) / stride, (shape[2] + stride - 1) / stride)
        let (rows, columns) = ((h + cell - 1) / cell, (w + cell - 1) / cell)
        let weights = try #require(gate.parameter(at: "atten_s.weight")).value.elements
        let offset = gate.parameter(at: "atten_s.bias")?.value.elements[0] ?? 0
        let cells = Self.pooled(x, rows, columns), channels = shape[3]
        let keep = cells.indices.map { index -> Bool in
            let (sample, i, j) = (index / (rows * columns), index / columns % rows, index % columns)
            var sum = Double(offset)
            for di in 0..<3 {
                for dj in 0..<3 {
                    let (y, x) = (i + di - 1, j + dj - 1)
                    guard (0..<rows).contains(y), (0..<columns).contains(x) else { continue }
                    let values = cells[(sample * rows + y) * columns + x]
                    for k in 0..<channels {
                        sum += values[k] * Double(weights[(k * 3 + di) * 3 + dj])
                    }
                }
            }
            return sum >= 0
        }
        let expected = (0..<shape[0] * h * w).map { pixel -> Bool in
            let (sample, y, x) = (pixel / (h * w), pixel / w % h, pixel % w)
            let row = sample * rows + y * rows / h
            return keep[row * columns + x * columns / w]
        }
        for (isa, threads) in allRuntimes {
            let mask = try Runtime.with(isa: isa, threads: threads) { try gate(x) }
            #expect(try mask.flags() == expected, "\(isa)")
        }
        #expect(Set(expected).count == 2)
    }

    @Test(
        arguments: NormGate.Kind.allCases, [NormGate.Divisor.number(1), .number(3), .outputHeight])
    func normsInTheWindow(_ kind: NormGate.Kind, _ divisor: NormGate.Divisor) throws {
        let conv = try Conv2d(
            inputChannels: 4, outputChannels: 6, kernelSize: Size2d(height: 3, width: 5),
            stride: Size2d(height: 2, width: 1), padding: .symmetric(height: 1, width: 2))
        let x = try Tensor.random([3, 11, 8, 4])
        let (h, w) = (6, 8)
        let norms = Self.pooled(try x.reshaped(to: [3, 11, 8, 4]), 11, 8).map {
            $0.reduce(0) { $0 + abs($1) }
        }
        let weights = conv.weight.value.elements
        let mean = weights.reduce(0) { $0 + abs(Double($1)) } / Double(weights.count)
        let scale: Double
        switch divisor {
        case .number(let number): scale = 1 / Double(number)
        case .outputHeight: scale = 1 / Double(h)
        }
        let bounds = (0..<3 * h * w).map { pixel -> Double in
            let (sample, oy, ox) = (pixel / (h * w), pixel / w % h, pixel % w)
            var sum = 0.0
            for i in 0..<3 {
                for j in 0..<5 {
                    let (y, x) = (2 * oy + i - 1, ox + j - 2)
                    guard (0..<11).contains(y), (0..<8).contains(x) else { continue }
                    sum += norms[(sample * 11 + y) * 8 + x]
                }
            }
            return sum / 15 * scale * (kind == .output ? mean : 1)
        }
        let sorted = bounds.sorted()
        let epsilon = Float((sorted[60] + sorted[61]) / 2)
        let gate = try NormGate(conv, kind: kind, epsilon: epsilon, divisor: divisor)
        for (isa, threads) in allRuntimes {
            let mask = try Runtime.with(isa: isa, threads: threads) { try gate(x) }
            #expect(mask.size == Size2d(height: h, width: w))
            #expect(try mask.flags() == bounds.map { $0 > Double(epsilon) })
        }
        #expect(try gate(Tensor(zeros: x.shape)).count == 0)
    }

    @Test func whatDoesNotFitIsRefused() throws {
        let conv = try Conv2d(inputChannels: 4, outputChannels: 6, kernelSize: 3, padding: 1)
        let wide = try Conv2d(inputChannels: 4, outputChannels: 6, kernelSize: 3, padding: 2)
        let dilated = try Conv2d(inputChannels: 4, outputChannels: 6, kernelSize: 3, dilation: 2)
        #expect(throws: ProteanError.self) { try NormGate(wide) }
        #expect(throws: ProteanError.self) { try NormGate(dilated) }
        #expect(throws: ProteanError.self) { try NormGate(conv, epsilon: -1) }
        #expect(throws: ProteanError.self) { try NormGate(conv, divisor: .number(0)) }
        #expect(throws: ProteanError.self) { try NormGate(conv)(Tensor(zeros: [1, 5, 5, 3])) }
        #expect(throws: ProteanError.self) { try LASNetMaskUnit(channels: 4, granularity: 0) }
        let unit = try LASNetMaskUnit(channels: 4, granularity: 8)
        #expect(throws: ProteanError.self) { try unit(Tensor(zeros: [1, 7, 9, 4])) }
        #expect(throws: ProteanError.self) { try unit(Tensor(zeros: [1, 9, 9, 3])) }
        #expect(throws: ProteanError.self) { try unit(Tensor(shapeOnly: [1, 9, 9, 4])) }
        #expect(try unit(.random([1, 9, 9, 4])).density == 1)
        let strided = try LASNetMaskUnit(channels: 4, granularity: 1, stride: OptionLimits.length)
        #expect(try strided(.random([1, 9, 7, 4])).size == 1)
        #expect(throws: ProteanError.self) { try DGNetSpatialGate(channels: 4, cellSize: 0) }
        #expect(throws: ProteanError.self) {
            try DGNetSpatialGate(channels: 4)(Tensor(zeros: [1, 9, 9, 3]))
        }
        let odd = try MaskPlan(
            firstWins: Tensor([1, 1, .nan, 0, 0, 1, -0.0, 0], shape: [1, 1, 4, 2]))
        #expect(try odd.flags() == [true, false, false, true])
    }

    @Test func blocksTakeTheirMasks() throws {
        let block = try DynConvBottleneck(inputChannels: 24, planes: 6)
        let x = try Tensor.random([1, 9, 8, 24])
        let unit = try LASNetMaskUnit(channels: 24, granularity: 4)
        let mask = try unit(x)
        #expect(try block(x, mask: mask).shape == x.shape)
    }
}
