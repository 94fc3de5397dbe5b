import CProteanKernels
import Testing

@testable import Protean

/// Convolutions of some rows of a batch, in place: every row has the bits of a call on it alone, and
/// other rows are neither read nor written.
@Suite struct Conv2dRowsTests {
    /// `map` with the rows that are not in the plan set to `value`.
    static func spoiled(_ map: Tensor, outside plan: RowPlan, by value: Float) throws -> Tensor {
        var values = map.elements
        let each = values.count / max(map.shape[0], 1)
        for row in plan.inverted.rows {
            for i in row * each..<(row + 1) * each { values[i] = value }
        }
        return try Tensor(values, shape: map.shape)
    }

    /// A plan of `count` rows of `batch`, spread by a seed.
    static func plan(_ count: Int, of batch: Int, seed: Int) throws -> RowPlan {
        let order = (0..<batch).sorted { ($0 * 7 + seed) % 11 < ($1 * 7 + seed) % 11 }
        return try RowPlan(rows: order.prefix(count).sorted(), batch: batch)
    }

    @Test(arguments: ConvolutionCase.all, [0, 1, 3, 7])
    func rowsHaveTheBitsOfSingleCalls(test: ConvolutionCase, count: Int) throws {
        let conv = try test.layer()
        let relu = try FusedConv2d(conv, nil, .relu)
        let read = try Self.plan(count, of: 8, seed: 2),
            written = try Self.plan(count, of: 9, seed: 5)
        let x = try Self.spoiled(test.input(8), outside: read, by: .nan)
        try MapTest.everywhere {
            let size = try conv.outputShape(for: [9] + x.shape.dropFirst())
            let before = try MapTest.tensor(size, seed: 9)
            var y = before
            try relu(x, inputRows: read, outputRows: written, into: &y, adding: true)
            for (i, row) in written.rows.enumerated() {
                let one = try x.sample(read.rows[i])
                let alone = try relu(one, residual: before.sample(row))
                let same = try alone.isBitEqual(to: y.sample(row))
                #expect(same, "\(test), row \(row)")
            }
            for row in written.inverted.rows {
                let same = try before.sample(row).isBitEqual(to: y.sample(row))
                #expect(same, "\(test) wrote row \(row)")
            }
            return y
        } check: { isa, y in
            try Runtime.with(isa: isa) {
                let compact = try conv(x, rows: read)
                #expect(compact.shape[0] == count)
                for (i, row) in read.rows.enumerated() {
                    let alone = try conv(x.sample(row))
                    let same = try alone.isBitEqual(to: compact.sample(i))
                    #expect(same, "\(test), \(isa)")
                }
            }
        }
    }

    @Test(arguments: ConvolutionCase.all)
    func epilogueFollowsTheLists(test: ConvolutionCase) throws {
        let conv = try test.layer(bias: false)
        let read = try RowPlan(rows: [1, 2, 4], batch: 5),
            written = try RowPlan(rows: [0, 3, 4], batch: 6)
        let x = try test.input(5)
        let shape = try conv.outputShape(for: [6] + x.shape.dropFirst())
        let epilogue = Conv2dEpilogue(
            activation: .silu, residual: try MapTest.tensor(shape, seed: 4),
            residualAfterActivation: true, gate: try MapTest.tensor([3, test.outputs], seed: 5),
            factor: try MapTest.tensor(shape, seed: 6))
        for isa in KernelISA.supported {
            try Runtime.with(isa: isa, threads: 2) {
                var y = try Tensor(zeros: shape)
                try conv(x, inputRows: read, outputRows: written, into: &y, epilogue: epilogue)
                for (i, row) in written.rows.enumerated() {
                    let one = Conv2dEpilogue(
                        activation: .silu, residual: try epilogue.residual!.sample(row),
                        residualAfterActivation: true, gate: try epilogue.gate!.sample(i),
                        factor: try epilogue.factor!.sample(row))
                    let alone = try conv(x.sample(read.rows[i]), epilogue: one)
                    let same = try alone.isBitEqual(to: y.sample(row))
                    #expect(same, "\(test), \(isa), row \(row)")
                }
            }
        }
    }

    /// Outputs that the guard leaves out are completed in the rows where they belong.
    @Test(arguments: [Conv2dAlgorithm.winograd4x4, .winograd6x6])
    func guardCompletesRows(algorithm: Conv2dAlgorithm) throws {
        let conv = try Conv2d(
            inputChannels: 12, outputChannels: 20, kernelSize: 3, padding: 1, algorithm: algorithm)
        var values = MapTest.values(4 * 17 * 15 * 12, seed: 3)
        values[2 * 17 * 15 * 12 + 1000] = 1e6
        let x = try Tensor(values, shape: [4, 17, 15, 12])
        let read = try RowPlan(rows: [1, 2], batch: 4),
            written = try RowPlan(rows: [0, 2], batch: 3)
        let relu = try FusedConv2d(conv, nil, .relu)
        for (isa, threads) in allRuntimes {
            try Runtime.with(isa: isa, threads: threads, exactness: .guarded) {
                let before = try MapTest.tensor([3, 17, 15, 20], seed: 8)
                var y = before
                let record = WinogradGuardRecord()
                try record.recording {
                    try relu(x, inputRows: read, outputRows: written, into: &y, adding: true)
                }
                #expect(record.leftOut > 0)
                for i in 0..<2 {
                    let alone = try relu(
                        x.sample(read.rows[i]), residual: before.sample(written.rows[i]))
                    let same = try alone.isBitEqual(to: y.sample(written.rows[i]))
                    #expect(same, "\(isa), row \(i)")
                }
            }
        }
    }

    @Test func listsThatDoNotFitAreRefused() throws {
        let conv = try ConvolutionCase.dense[0].layer()
        let x = try ConvolutionCase.dense[0].input(3)
        var y = try Tensor(zeros: conv.outputShape(for: x.shape))
        let two = try RowPlan(rows: [0, 2], batch: 3), other = try RowPlan(rows: [1], batch: 4)
        #expect(throws: ProteanError.self) {
            try conv(x, inputRows: other, outputRows: nil, into: &y)
        }
        #expect(throws: ProteanError.self) {
            try conv(x, inputRows: nil, outputRows: other, into: &y)
        }
        #expect(throws: ProteanError.self) {
            try conv(x, inputRows: two, outputRows: nil, into: &y)
        }
        #expect(throws: ProteanError.self) {
            try conv(
                x, inputRows: nil, outputRows: nil, into: &y, adding: true,
                epilogue: Conv2dEpilogue(activation: .silu))
        }
        var small = try Tensor(zeros: [3, 2, 2, 50])
        #expect(throws: ProteanError.self) {
            try conv(x, inputRows: nil, outputRows: nil, into: &small)
        }
        #expect(throws: ProteanError.self) { try RowPlan(rows: [1, 1], batch: 3) }
        #expect(throws: ProteanError.self) { try RowPlan(rows: [0, 3], batch: 3) }
    }

    @Test(arguments: [[1, 1], [1, 0], [0, 3]])
    func kernelRefusesBadLists(list: [Int]) throws {
        let conv = try ConvolutionCase.dense[0].layer()
        let x = try ConvolutionCase.dense[0].input(3)
        let plans = Conv2dPlanCache(weight: conv.weight, bias: nil, geometry: conv.geometry)
        let call = try plans.prepared(
            for: [2] + x.shape.dropFirst(), settings: Runtime.resolved(), layer: "test")
        let y = try Tensor(zeros: conv.outputShape(for: x.shape))
        var runtime = call.runtime, shape = call.shape, epilogue = ptn_conv2d_epilogue()
        var weights = ptn_weights_shared(call.packed.weights)
        for asInput in [true, false] {
            let status = list.withUnsafeBufferPointer { rows in
                var part = ptn_conv2d_part()
                if asInput {
                    part.input_samples = rows.baseAddress
                    part.inputs = 3
                } else {
                    part.output_samples = rows.baseAddress
                    part.outputs = 3
                }
                return ptn_conv2d_partly(
                    &runtime, &shape, &part, x.storage!.base, &weights, &epilogue,
                    y.storage!.base, nil)
            }
            #expect(status == PTN_BAD_ARGUMENT)
        }
    }

    @Test func shapesAloneAreChecked() throws {
        let conv = try ConvolutionCase.dense[0].layer()
        let x = try Tensor(shapeOnly: [5, 9, 7, 37])
        let rows = try RowPlan(rows: [0, 4], batch: 5)
        let compact = try conv(x, rows: rows)
        #expect(compact.isShapeOnly && compact.shape == [2, 9, 7, 50])
        let trace = Trace()
        try trace.recording {
            var y = try Tensor(shapeOnly: [5, 9, 7, 50])
            try conv(x, inputRows: rows, outputRows: rows, into: &y)
        }
        #expect(trace.totalCost.multiplyAdds == 2 * 9 * 7 * 50 * 37 * 9)
    }
}
