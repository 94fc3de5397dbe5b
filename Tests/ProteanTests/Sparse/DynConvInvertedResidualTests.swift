import Testing

@testable import Protean

@Suite struct DynConvInvertedResidualTests {
    @Test func equalsTheDenseFormulaBitForBit() throws {
        let block = try DynConvInvertedResidual(channels: 10, expandRatio: 3.3)
        try block.randomise()
        let x = try Tensor.random([2, 9, 14, 10])
        let expand = try block.fusedDirect("conv.0", "conv.1", .relu6)
        let depthwise = try block.fusedDirect("conv.3", "conv.4", .relu6)
        let project = try block.fusedDirect("conv.6", "conv.7", .identity)
        for isa in KernelISA.supported {
            try Runtime.with(isa: isa, threads: 2) {
                let whole = try project(try depthwise(try expand(x)), residual: x)
                #expect(try block.dense(x).hasBits(of: whole))
                for pattern in MaskPattern.allCases {
                    let mask = try pattern.plan(batch: 2, size: Size2d(height: 9, width: 14))
                    let expected = try SparseTest.select(whole, try mask.flags(), else: x)
                    for threads in 1...3 {
                        let found = try Runtime.with(threads: threads) { try block(x, mask: mask) }
                        #expect(try found.hasBits(of: expected), "\(isa) \(pattern) \(threads)")
                    }
                }
            }
        }
    }

    @Test(arguments: DynConvMaskUnit.Kind.allCases)
    func theMaskIsTheMaskUnits(_ kind: DynConvMaskUnit.Kind) throws {
        let block = try DynConvInvertedResidual(channels: 3, expandRatio: 2, maskUnit: kind)
        try block.randomise()
        let x = try Tensor.random([3, 6, 11, 3])
        let mask = try block.masker(x)
        #expect(mask.count > 0 && mask.density < 1)
        #expect(try block(x).hasBits(of: block(x, mask: mask)))
        #expect(try block(Tensor(zeros: [0, 6, 11, 3])).shape == [0, 6, 11, 3])
    }

    /// Without values all pixels count.
    @Test func costsWithoutValuesAreUpperBounds() throws {
        let block = try DynConvInvertedResidual(
            channels: 8, expandRatio: 4, maskUnit: .squeeze)
        let cost = try block.cost(for: [2, 6, 5, 8])
        let pixels = 2 * 6 * 5
        #expect(cost.multiplyAdds == pixels * (2 * 8 * 32 + 9 * 32 + 9 * 8) + 2 * 8)
        #expect(cost.executedMultiplyAdds == cost.multiplyAdds)
        let pose = try DynConvInvertedResidual(channels: 8, expandRatio: 4)
        #expect(try pose.outputShape(for: [0, 6, 5, 8]) == [0, 6, 5, 8])
        #expect(
            throws: ProteanError.shapeMismatch(
                layer: "MaskPlan", tensor: "map", expected: "[batch, height, width, channels]",
                found: [6, 5])
        ) { try MaskPlan(allOf: Tensor(zeros: [6, 5])) }
    }

    @Test func whatDoesNotFitIsRefused() throws {
        for ratio in [1, 0, -2, .nan, .infinity, 1e9] as [Double] {
            expectRefusal(of: "expandRatio") {
                _ = try DynConvInvertedResidual(channels: 8, expandRatio: ratio)
            }
        }
        expectRefusal(of: "channels") { _ = try DynConvInvertedResidual(channels: 0) }
        let block = try DynConvInvertedResidual(channels: 8)
        expectMismatch(of: "x") { _ = try block(Tensor(zeros: [1, 5, 5, 9])) }
        expectMismatch(of: "x") { _ = try block(Tensor(zeros: [5, 5, 8])) }
    }
}
