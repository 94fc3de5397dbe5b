import Testing

@testable import Protean

@Suite struct SubmanifoldConv2dTests {
    @Test(arguments: [
        ([2, 11, 8, 7], 20, Size2d(height: 3, width: 5), 2, 1),
        ([1, 5, 13, 1], 3, Size2d(3), 1, 1), ([3, 6, 9, 12], 12, Size2d(3), 1, 12),
        ([1, 7, 6, 32], 32, Size2d(5), 1, 2), ([0, 4, 5, 2], 3, Size2d(1), 1, 1),
    ])
    func equalsTheDenseFormulaBitForBit(
        _ shape: [Int], _ outputs: Int, _ kernel: Size2d, _ dilation: Int, _ groups: Int
    ) throws {
        let layer = try SubmanifoldConv2d(
            inputChannels: shape[3], outputChannels: outputs, kernelSize: kernel,
            dilation: Size2d(dilation), groups: groups)
        let x = try Tensor.random(shape)
        let direct = try Conv2d(
            weight: layer.conv.weight.value, bias: layer.conv.bias?.value,
            padding: .symmetric(
                height: kernel.height / 2 * dilation, width: kernel.width / 2 * dilation),
            dilation: Size2d(dilation), groups: groups, algorithm: .direct)
        for pattern in MaskPattern.allCases {
            let mask = try pattern.plan(batch: shape[0], size: SparseTest.size(shape))
            let flags = try mask.flags()
            let compact = try SparseTest.rows(x, flags)
            // What lies at inactive pixels must not be read.
            let junk = try Tensor(repeating: .nan, shape: shape)
            let map = try SparseTest.select(x, flags, else: junk)
            for isa in KernelISA.supported {
                let dense = try Runtime.with(isa: isa) {
                    try direct(try SparseTest.select(x, flags))
                }
                let expected = try SparseTest.select(dense, flags)
                for threads in 1...3 {
                    try Runtime.with(isa: isa, threads: threads) {
                        let what = "\(isa) \(pattern) \(threads)"
                        #expect(try layer(map, mask: mask).hasBits(of: expected), "\(what)")
                        let rows = try layer.rows(compact, mask: mask)
                        #expect(try rows.hasBits(of: SparseTest.rows(dense, flags)), "\(what)")
                    }
                }
            }
        }
    }

    /// Groups narrower than a vector, which a dense convolution adds in another order.
    @Test func narrowGroupsFollowTheDenseFormula() throws {
        let layer = try SubmanifoldConv2d(
            inputChannels: 6, outputChannels: 9, kernelSize: 5, groups: 3)
        let x = try Tensor.random([1, 7, 6, 6])
        for pattern in MaskPattern.allCases {
            let mask = try pattern.plan(batch: 1, size: Size2d(height: 7, width: 6))
            let flags = try mask.flags()
            let input = try SparseTest.select(x, flags)
            let reference = try Conv2dReference(
                layer.conv.geometry, x: input,
                weights: layer.conv.weight.value.elements.map(Double.init))
            let bias = try #require(layer.conv.bias).value.elements.map(Double.init)
            try MapTest.everywhere {
                try layer(x, mask: mask)
            } check: { isa, y in
                let worst = reference.worstError(y) { sum, at in
                    flags[at / 9] ? sum + bias[at % 9] : 0
                }
                // Errors add up like a random walk at most as long as the sum.
                let limit = 4 + 2 * Double(layer.conv.geometry.fanIn).squareRoot()
                #expect(worst < limit, "\(isa) \(pattern): \(worst) units, limit \(limit)")
            }
        }
    }

    @Test func costsCountActivePixels() throws {
        let layer = try SubmanifoldConv2d(inputChannels: 3, outputChannels: 4)
        let mask = try MaskPattern.rows.plan(batch: 1, size: Size2d(height: 6, width: 5))
        let trace = Trace()
        let y = try trace.recording { try layer(Tensor(shapeOnly: [1, 6, 5, 3]), mask: mask) }
        #expect(y.isShapeOnly && y.shape == [1, 6, 5, 4])
        #expect(trace.totalCost.multiplyAdds == 30 * 4 * 27)
        #expect(trace.totalCost.executedMultiplyAdds == mask.count * 4 * 27)
    }

    @Test func whatDoesNotFitIsRefused() throws {
        expectRefusal(of: "kernelSize") {
            _ = try SubmanifoldConv2d(inputChannels: 1, outputChannels: 1, kernelSize: 2)
        }
        expectRefusal(of: "dilation") {
            _ = try SubmanifoldConv2d(inputChannels: 1, outputChannels: 1, dilation: 0)
        }
        expectRefusal(of: "inputChannels") {
            _ = try SubmanifoldConv2d(inputChannels: 3, outputChannels: 4, groups: 2)
        }
        let layer = try SubmanifoldConv2d(inputChannels: 3, outputChannels: 4)
        let mask = try MaskPattern.rows.plan(batch: 1, size: Size2d(height: 6, width: 5))
        expectMismatch(of: "x") { _ = try layer(Tensor(zeros: [1, 6, 5, 2]), mask: mask) }
        expectMismatch(of: "x") { _ = try layer(Tensor(zeros: [1, 6, 4, 3]), mask: mask) }
        expectMismatch(of: "x") { _ = try layer.rows(Tensor(zeros: [3, 3]), mask: mask) }
    }
}
