import Testing

@testable import Protean

/// The unit against loops over cells.
@Suite struct LASNetMaskUnitTests {
    @Test(arguments: [
        (1, 1, [2, 9, 7, 5]), (4, 1, [3, 13, 18, 6]), (2, 2, [1, 11, 14, 3]), (3, 1, [0, 6, 6, 2]),
    ])
    func agreesWithDoubleLoopsEverywhere(
        _ granularity: Int, _ stride: Int, _ shape: [Int]
    ) throws {
        let unit = try LASNetMaskUnit(
            channels: shape[3], granularity: granularity, stride: stride)
        try unit.randomise()
        #expect(unit.allParameters().map(\.name) == ["conv2.weight", "conv2.bias"])
        try #require(unit.parameter(at: "conv2.bias")).set(Tensor([0.01, 0], shape: [2]))
        let x = try Tensor.random(shape)
        let (h, w) = ((shape[1] + stride - 1) / stride, (shape[2] + stride - 1) / stride)
        let (rows, columns) = (h / granularity, w / granularity)
        let weights = try #require(unit.parameter(at: "conv2.weight")).value.elements
        let biases = try #require(unit.parameter(at: "conv2.bias")).value.elements
        let keep = CellMeans.of(x, rows, columns).map { cell -> Bool in
            var logits = biases.map(Double.init)
            for k in 0..<2 {
                for (c, value) in cell.enumerated() {
                    logits[k] += value * Double(weights[k * cell.count + c])
                }
            }
            return logits[0] >= logits[1]
        }
        let expected = CellMeans.spread(keep, rows, columns, to: [shape[0], h, w])
        try MapTest.masksEverywhere {
            try unit(x)
        } check: { isa, mask in
            #expect(mask.size == Size2d(height: h, width: w))
            let flags = try mask.flags()
            #expect(flags == expected, "\(isa)")
        }
        if shape[0] > 0 { #expect(Set(expected).count == 2) }
    }

    @Test func whatDoesNotFitIsRefused() throws {
        expectRefusal(of: "granularity") { _ = try LASNetMaskUnit(channels: 4, granularity: 0) }
        expectRefusal(of: "stride") {
            _ = try LASNetMaskUnit(channels: 4, granularity: 1, stride: 0)
        }
        let unit = try LASNetMaskUnit(channels: 4, granularity: 8)
        expectRefusal(of: "granularity") { _ = try unit(Tensor(zeros: [1, 7, 9, 4])) }
        expectMismatch(of: "x") { _ = try unit(Tensor(zeros: [1, 9, 9, 3])) }
        #expect(throws: ProteanError.self) { try unit(Tensor(shapeOnly: [1, 9, 9, 4])) }
        #expect(try unit(.random([1, 9, 9, 4])).density == 1)
        let strided = try LASNetMaskUnit(channels: 4, granularity: 1, stride: OptionLimits.length)
        #expect(try strided(.random([1, 9, 7, 4])).size == 1)
    }

    /// The first of two equal scores wins, and one that is not a number does not.
    @Test func equalScoresKeepTheCell() throws {
        let plan = try MaskPlan(
            firstWins: Tensor([1, 1, .nan, 0, 0, 1, -0.0, 0], shape: [1, 1, 4, 2]))
        #expect(try plan.flags() == [true, false, false, true])
    }

    @Test func blocksTakeItsMasks() throws {
        let block = try DynConvBottleneck(inputChannels: 24, planes: 6)
        let x = try Tensor.random([1, 9, 8, 24])
        let unit = try LASNetMaskUnit(channels: 24, granularity: 4)
        let mask = try unit(x)
        #expect(try block(x, mask: mask).shape == x.shape)
    }
}
