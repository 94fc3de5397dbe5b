import Testing

@testable import Protean

@Suite struct DynConvBasicBlockTests {
    @Test(arguments: [(1, false), (2, true)])
    func followsItsFormula(_ stride: Int, _ downsample: Bool) throws {
        let block = try DynConvBasicBlock(
            inputChannels: 16, planes: downsample ? 24 : 16, stride: stride,
            downsample: downsample)
        try block.randomise()
        let x = try Tensor.random([2, 13, 9, 16])
        let first = try block.fusedDirect("conv1", "bn1", .relu)
        let second = try block.fusedDirect("conv2", "bn2", .relu)
        let identity = try DynConvBottleneckTests.shortcut(of: block, x)
        let whole = try second(try first(x), residual: identity)
        let off = try Operations.activate(identity, .relu)
        for pattern in MaskPattern.allCases {
            let mask = try pattern.plan(batch: 2, size: SparseTest.size(whole.shape))
            let expected = try SparseTest.select(whole, try mask.flags(), else: off)
            try MapTest.everywhere {
                try block(x, mask: mask)
            } check: { isa, y in
                // Tiles of Winograd round differently from the defining sums.
                let error = try y.maximumDifference(from: expected)
                #expect(error < 1e-4, "\(isa) \(pattern)")
            }
        }
    }

    @Test func updatesInPlaceGiveTheSame() throws {
        let block = try DynConvBasicBlock(inputChannels: 24, planes: 24)
        try block.randomise()
        let x = try Operations.activate(try Tensor.random([2, 12, 9, 24]), .relu)
        for pattern in MaskPattern.allCases {
            let mask = try pattern.plan(batch: 2, size: Size2d(height: 12, width: 9))
            var y = x
            try block.update(&y, mask: mask)
            #expect(try y.hasBits(of: try block(x, mask: mask)))
        }
        let strided = try DynConvBasicBlock(
            inputChannels: 24, planes: 24, stride: 2, downsample: true)
        #expect(throws: ProteanError.self) {
            var y = x
            try strided.update(&y, mask: try MaskPattern.all.plan(batch: 2, size: 6))
        }
    }

    @Test func theMaskIsTheMaskUnits() throws {
        let block = try DynConvBasicBlock(inputChannels: 7, planes: 7)
        try block.randomise()
        let x = try Tensor.random([3, 6, 11, 7])
        let mask = try block.masker(x)
        #expect(mask.count > 0 && mask.density < 1)
        #expect(try block(x).hasBits(of: block(x, mask: mask)))
        #expect(try block(Tensor(zeros: [0, 6, 11, 7])).shape == [0, 6, 11, 7])
    }

    @Test func shapesPassWithoutValues() throws {
        let block = try DynConvBasicBlock(
            inputChannels: 8, planes: 5, stride: 2, downsample: true)
        #expect(try block.outputShape(for: [2, 9, 7, 8]) == [2, 5, 4, 5])
        #expect(try block.cost(for: [2, 9, 7, 8]).parameters == block.parameterCount)
    }

    @Test func whatDoesNotFitIsRefused() throws {
        expectRefusal(of: "downsample") {
            _ = try DynConvBasicBlock(inputChannels: 8, planes: 8, stride: 2)
        }
        let block = try DynConvBasicBlock(inputChannels: 8, planes: 8)
        expectMismatch(of: "x") { _ = try block(Tensor(zeros: [1, 5, 5, 9])) }
    }
}
