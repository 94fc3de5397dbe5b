import CProteanKernels
import Testing

@testable import Protean

/// A chain gives the bits of separate calls, however it is cut.
@Suite struct Conv2dChainKernelTests {
    struct Stage {
        var outputs: Int
        var kernel: Size2d = 1
        var stride: Size2d = 1
        var padding: Padding2d = 0
        var dilation: Size2d = 1
        var groups = 1
        var activation = Activation.relu6
    }

    struct Case: CustomTestStringConvertible {
        var input: [Int]
        var stages: [Stage]
        var residual = false

        var testDescription: String { "\(input) \(stages.map(\.outputs)) residual \(residual)" }
    }

    static let cases = [
        // Inverted residuals: 3 x 3, 5 x 5 with stride 2 and TensorFlow's padding, several bands.
        Case(
            input: [1, 21, 13, 7],
            stages: [
                Stage(outputs: 33), Stage(outputs: 33, kernel: 3, padding: 1, groups: 33),
                Stage(outputs: 7, activation: .identity),
            ], residual: true),
        Case(
            input: [3, 75, 66, 3],
            stages: [
                Stage(outputs: 96),
                Stage(outputs: 96, kernel: 5, stride: 2, padding: .same, groups: 96),
                Stage(outputs: 17, activation: .hardSwish),
            ]),
        // A stem and what follows; the last row of the second window hangs over the border.
        Case(
            input: [1, 60, 71, 3],
            stages: [
                Stage(outputs: 32, kernel: 3, stride: 2, padding: 1),
                Stage(outputs: 32, kernel: 3, padding: 1, groups: 32, activation: .silu),
                Stage(outputs: 16), Stage(outputs: 48, kernel: Size2d(height: 2, width: 3)),
                Stage(outputs: 5, kernel: 3, stride: 3, padding: 2, dilation: 2),
            ]),
        // Rows that no window reads; a single stage; a single row.
        Case(
            input: [2, 19, 9, 5], stages: [Stage(outputs: 6), Stage(outputs: 4, stride: 3)],
            residual: true),
        Case(input: [1, 6, 5, 3], stages: [Stage(outputs: 4, kernel: 3, padding: 1)]),
        Case(
            input: [1, 1, 40, 8],
            stages: [Stage(outputs: 9), Stage(outputs: 9, kernel: 3, padding: 1, groups: 9)]),
        Case(
            input: [0, 9, 9, 4], stages: [Stage(outputs: 5), Stage(outputs: 3, stride: 2)]),
    ]

    @Test(arguments: cases)
    func bitsAreThoseOfSeparateCalls(_ test: Case) throws {
        var channels = test.input[3]
        var layers: [(conv: Conv2d, activation: Activation)] = []
        for (index, stage) in test.stages.enumerated() {
            let conv = try Conv2d(
                inputChannels: channels, outputChannels: stage.outputs, kernelSize: stage.kernel,
                stride: stage.stride, padding: stage.padding, dilation: stage.dilation,
                groups: stage.groups, algorithm: .direct, seed: UInt64(index))
            layers.append((conv, stage.activation))
            channels = stage.outputs
        }
        let x = try Tensor.random(test.input)
        for (isa, threads) in allRuntimes {
            try Runtime.with(isa: isa, threads: threads) {
                var expected = x
                var calls: [PreparedConv2d] = []
                let settings = try Runtime.resolved()
                var residual: Tensor?
                for (index, layer) in layers.enumerated() {
                    let own = Conv2dPlanCache(
                        weight: layer.conv.weight, bias: layer.conv.bias,
                        geometry: layer.conv.geometry)
                    let call = try own.prepared(
                        for: expected.shape, settings: settings, layer: "test")
                    calls.append(call)
                    if index == layers.count - 1 && test.residual {
                        residual = try .random(call.output, seed: 99)
                    }
                    expected = try layer.conv(
                        expected,
                        epilogue: Conv2dEpilogue(
                            activation: layer.activation, residual: residual))
                }
                let chain = try PreparedConv2dChain(calls, settings: settings)
                let y = try Operations.conv2dChain(
                    x, chain, activations: layers.map(\.activation), residual: residual,
                    layer: "test")
                #expect(y.isBitEqual(to: expected), "\(isa), \(threads) threads")
            }
        }
    }

    @Test func chainsThatDoNotFitAreRefused() throws {
        func status(_ change: (inout [ptn_conv2d_stage]) -> Void) -> ptn_status {
            var shape = ptn_conv2d_shape()
            (shape.n, shape.h, shape.w, shape.c, shape.k) = (1, 8, 8, 4, 4)
            (shape.kh, shape.kw, shape.stride_h, shape.stride_w) = (1, 1, 1, 1)
            (shape.dilation_h, shape.dilation_w, shape.groups) = (1, 1, 1)
            shape.choice = PTN_CONV2D_SUMS
            var stage = ptn_conv2d_stage()
            stage.shape = shape
            var stages = [stage, stage]
            change(&stages)
            var runtime = ptn_runtime(isa: PTN_ISA_SCALAR, threads: 1)
            var plan = ptn_conv2d_chain_plan()
            return ptn_conv2d_chain_plan_for(&runtime, stages.count, &stages, &plan)
        }
        #expect(status { _ in } == PTN_OK)
        #expect(status { $0 = [] } == PTN_BAD_ARGUMENT)
        #expect(status { $0 = Array(repeating: $0[0], count: 9) } == PTN_BAD_ARGUMENT)
        #expect(status { $0[1].shape.c = 3 } == PTN_BAD_ARGUMENT)
        #expect(status { $0[1].shape.h = 7 } == PTN_BAD_ARGUMENT)
        #expect(status { $0[1].shape.n = 2 } == PTN_BAD_ARGUMENT)
        #expect(status { $0[0].shape.pad_top = 1 } == PTN_BAD_ARGUMENT)
        #expect(status { $0[0].shape.choice = PTN_CONV2D_WINOGRAD } == PTN_BAD_ARGUMENT)
        #expect(status { $0[0].shape.choice = PTN_CONV2D_AUTO } == PTN_BAD_ARGUMENT)
        var number: Float = 0
        withUnsafePointer(to: &number) { pointer in
            #expect(status { $0[1].epilogue.residual = pointer } == PTN_OK)
            #expect(status { $0[0].epilogue.residual = pointer } == PTN_BAD_ARGUMENT)
            #expect(status { $0[1].epilogue.gate = pointer } == PTN_BAD_ARGUMENT)
        }
    }
}
