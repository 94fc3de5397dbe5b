import Testing

@testable import Protean

@Suite struct LowCostCollaborativeConv2dTests {
    typealias LCCL = LowCostCollaborativeConv2d

    static let cases: [(LCCL.LowCost, Size2d, [Int])] = [
        (.shared(kernelSize: 3), 1, [3, 9, 14, 7]),
        (.shared(kernelSize: Size2d(height: 1, width: 5)), 2, [2, 11, 8, 5]),
        (.pointwise, 1, [1, 10, 7, 6]),
        (.pointwise, 2, [2, 7, 9, 4]),
        (.shared(kernelSize: 1), 1, [0, 5, 4, 3]),
    ]

    @Test(arguments: cases.indices)
    func equalsBothFactorsMultiplied(_ index: Int) throws {
        let (form, stride, shape) = Self.cases[index]
        let layer = try LCCL(
            inputChannels: shape[3], outputChannels: 19, stride: stride, lowCost: form)
        try layer.randomise()
        // Few pixels where all channels of the pointwise form are 0, unless it is pushed down.
        let norm = try #require(layer.module(at: "lc_bn") as? BatchNorm2d)
        if form == .pointwise {
            try norm.weight?.set(Tensor(repeating: 1, shape: [19]))
            try norm.bias?.set(Tensor(repeating: -0.5, shape: [19]))
        } else {
            try norm.weight?.set(Tensor(repeating: -2, shape: [1]))
            try norm.bias?.set(Tensor(repeating: 0, shape: [1]))
        }
        let x = try Tensor.random(shape)
        let main = try layer.fusedDirect("conv", "bn", .relu)
        let cheap = try layer.fusedDirect("lc_conv", "lc_bn", .relu)
        for (isa, threads) in allRuntimes {
            try Runtime.with(isa: isa, threads: threads) {
                let factors = try cheap(x)
                let expected = try Operations.multiply(try main(x), factors)
                let found = try layer(x)
                #expect(try found.maximumDifference(from: expected) < 1e-5, "\(isa) \(threads)")
                let channels = factors.shape[3], values = factors.elements
                let on = stride_(values.count, channels).map { start in
                    values[start..<start + channels].contains { $0 != 0 }
                }
                #expect(try layer.computedPixels(of: x).flags() == on)
                if shape[0] > 0 { #expect(Set(on).count == 2) }
            }
        }
    }

    private func stride_(_ count: Int, _ step: Int) -> [Int] {
        Array(Swift.stride(from: 0, to: count, by: step))
    }

    @Test(arguments: [(-100, 0), (100, 30)])
    func allOffAndAllOnAreLegal(_ shift: Int, _ computed: Int) throws {
        let layer = try LCCL(inputChannels: 3, outputChannels: 4)
        layer.assignLabels(prefix: "block")
        let norm = try #require(layer.module(at: "lc_bn") as? BatchNorm2d)
        try norm.bias?.set(Tensor(repeating: Float(shift), shape: [1]))
        let trace = Trace()
        let x = try Tensor.random([1, 6, 5, 3])
        let y = try trace.recording { try layer(x) }
        let event = try #require(trace.events.first { $0.path == "block.conv" })
        #expect(event.cost.multiplyAdds == 30 * 4 * 27)
        #expect(event.cost.executedMultiplyAdds == computed * 4 * 27)
        #expect(y.shape == [1, 6, 5, 4])
        #expect((y.elements.contains { $0 != 0 }) == (computed > 0))
    }

    @Test func whatDoesNotFitIsRefused() throws {
        #expect(throws: ProteanError.self) {
            try LCCL(inputChannels: 3, outputChannels: 4, kernelSize: 2)
        }
        #expect(throws: ProteanError.self) {
            try LCCL(inputChannels: 3, outputChannels: 4, lowCost: .shared(kernelSize: 4))
        }
        let layer = try LCCL(inputChannels: 3, outputChannels: 4)
        #expect(throws: ProteanError.self) { try layer(Tensor(zeros: [1, 5, 5, 4])) }
        #expect(throws: ProteanError.self) { try layer(Tensor(shapeOnly: [1, 5, 5, 3])) }
    }
}
