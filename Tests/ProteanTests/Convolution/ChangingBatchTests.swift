import Testing

@testable import Protean

/// A batch that changes from call to call takes memory for its results only.
@Suite(.serialized) struct ChangingBatchTests {
    private static let batches = [7, 3, 5, 1, 6, 2, 4, 7]

    @Test(arguments: ConvolutionCase.all)
    func convolutionAllocatesItsResult(test: ConvolutionCase) throws {
        let conv = try test.layer()
        try Runtime.with(threads: 1) {
            let inputs = try Self.batches.map { try test.input($0) }
            for _ in 0..<3 { for input in inputs { _ = try conv(input) } }
            let used = try allocations { for input in inputs { _ = try conv(input) } }
            #expect(used == inputs.count, "\(test)")
        }
    }

    @Test func linearAllocatesItsResult() throws {
        let layer = try Linear(inputFeatures: 40, outputFeatures: 30)
        try Runtime.with(threads: 1) {
            let inputs = try Self.batches.map { try MapTest.tensor([$0, 40]) }
            for _ in 0..<3 { for input in inputs { _ = try layer(input) } }
            let used = try allocations { for input in inputs { _ = try layer(input) } }
            #expect(used == inputs.count)
        }
    }

    /// Rows of a linear layer do not depend on the rows beside them, one feature each included.
    @Test(arguments: [(40, 30), (64, 3), (1, 1), (300, 130)])
    func linearRowsAreIndependent(inputs: Int, outputs: Int) throws {
        let layer = try Linear(inputFeatures: inputs, outputFeatures: outputs)
        let x = try MapTest.tensor([9, inputs])
        try MapTest.everywhere {
            try layer(x)
        } check: { isa, y in
            try Runtime.with(isa: isa) {
                for row in 0..<9 {
                    let alone = try layer(x.sample(row))
                    let same = try alone.isBitEqual(to: y.sample(row))
                    #expect(same, "\(isa), row \(row)")
                }
            }
        }
    }
}
