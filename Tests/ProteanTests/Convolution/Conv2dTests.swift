import Testing

@testable import Protean

/// The defining sums; for Winograd see `Conv2dWinogradTests`.
@Suite struct Conv2dTests {
    struct Case: CustomTestStringConvertible {
        var input: [Int]
        var outputs: Int
        var kernel: Size2d = 3
        var stride: Size2d = 1
        var padding: Padding2d = 1
        var dilation: Size2d = 1
        var groups = 1

        var testDescription: String {
            "\(input)->\(outputs) k\(kernel) s\(stride) p\(padding) d\(dilation) g\(groups)"
        }

        func layer(bias: Bool = true) throws -> Conv2d {
            try Conv2d(
                inputChannels: input[3], outputChannels: outputs, kernelSize: kernel,
                stride: stride, padding: padding, dilation: dilation, groups: groups, bias: bias,
                algorithm: .direct, seed: 7)
        }
    }

    static let cases = [
        Case(input: [1, 5, 9, 1], outputs: 1),
        Case(input: [1, 7, 4, 3], outputs: 17),
        Case(input: [3, 9, 6, 17], outputs: 33, kernel: Size2d(height: 3, width: 2)),
        Case(
            input: [2, 11, 8, 8], outputs: 96, kernel: Size2d(height: 5, width: 3),
            stride: Size2d(height: 2, width: 1),
            padding: .explicit(top: 1, bottom: 0, left: 2, right: 3),
            dilation: Size2d(height: 1, width: 2)),
        Case(input: [1, 14, 13, 20], outputs: 130, kernel: 1, padding: 0),
        Case(input: [2, 9, 7, 6], outputs: 40, kernel: 1, stride: 2, padding: 0),
        Case(input: [1, 10, 12, 12], outputs: 20, padding: 2, dilation: 2, groups: 4),
        Case(input: [2, 6, 5, 6], outputs: 12, groups: 6),
        Case(input: [1, 8, 9, 32], outputs: 64, groups: 2),
        Case(input: [1, 15, 10, 3], outputs: 64, kernel: 7, stride: 2, padding: 3),
        Case(input: [1, 9, 10, 4], outputs: 5, kernel: 3, stride: 2, padding: .same),
        Case(input: [1, 9, 10, 4], outputs: 5, kernel: 4, stride: 3, padding: .same, dilation: 2),
        Case(input: [1, 6, 6, 4], outputs: 48, kernel: 3, padding: .valid),
        Case(input: [1, 3, 3, 512], outputs: 65),
        Case(input: [1, 40, 30, 5], outputs: 7, kernel: 2, padding: 5),
        // Rows of taps in the padding: with several blocks of taps, outside altogether, and more kinds
        // of rows than are told apart.
        Case(input: [1, 7, 7, 512], outputs: 70),
        Case(input: [1, 4, 20, 96], outputs: 70, kernel: 7, padding: 9, dilation: 2),
        Case(input: [2, 12, 9, 10], outputs: 33, kernel: 11, padding: 10),
        Case(input: [1, 4, 5, 200], outputs: 140, padding: 2, dilation: 2, groups: 2),
        // Depthwise.
        Case(input: [1, 5, 9, 1], outputs: 1, groups: 1),
        Case(input: [2, 13, 21, 19], outputs: 19, groups: 19),
        Case(input: [3, 8, 7, 48], outputs: 48, kernel: 5, stride: 2, padding: 2, groups: 48),
        Case(
            input: [1, 9, 30, 5], outputs: 5, kernel: Size2d(height: 2, width: 7),
            stride: Size2d(height: 1, width: 3),
            padding: .explicit(top: 0, bottom: 1, left: 4, right: 2),
            dilation: Size2d(height: 2, width: 1), groups: 5),
        Case(input: [1, 3, 2, 33], outputs: 33, kernel: 5, padding: 4, dilation: 2, groups: 33),
    ]

    @Test(arguments: cases)
    func agreesWithDoubleLoopsEverywhere(_ test: Case) throws {
        try Conv2dAgreement(test.layer(), input: test.input).expectEverywhere()
    }

    @Test(arguments: [cases[3], cases[6], cases[4], cases[15], cases[18], cases[20], cases[22]])
    func epiloguesAgreeWithTheirFormula(_ test: Case) throws {
        try Conv2dAgreement(test.layer(), input: test.input).expectEpilogues()
    }

    @Test(arguments: [cases[3], cases[6], cases[4], cases[15], cases[18], cases[20], cases[22]])
    func factorsAgreeWithTheirFormula(_ test: Case) throws {
        try Conv2dAgreement(test.layer(), input: test.input).expectFactors()
    }

    @Test func emptyBatchGivesEmptyResult() throws {
        let layer = try Conv2d(inputChannels: 3, outputChannels: 5, kernelSize: 3, padding: 1)
        #expect(try layer(Tensor(zeros: [0, 4, 6, 3])).shape == [0, 4, 6, 5])
    }

    @Test func aSampleDoesNotDependOnItsBatch() throws {
        let layer = try Conv2d(inputChannels: 5, outputChannels: 37, kernelSize: 3, padding: 1)
        let batch = try Tensor.random([3, 6, 7, 5])
        let together = try layer(batch).elements
        for n in 0..<3 {
            let one = try Tensor(
                Array(batch.elements[n * 210..<(n + 1) * 210]), shape: [1, 6, 7, 5])
            #expect(try layer(one).elements == Array(together[n * 1554..<(n + 1) * 1554]))
        }
    }

    @Test func wrongShapesAndOptionsAreRefusedByName() throws {
        let layer = try Conv2d(inputChannels: 3, outputChannels: 4, kernelSize: 3)
        for shape in [[1, 8, 8, 4], [8, 8, 3], [1, 2, 8, 3], [1, 0, 8, 3]] {
            let error = #expect(throws: ProteanError.self) { try layer(Tensor(zeros: shape)) }
            guard case .shapeMismatch(_, "x", _, let found) = error else {
                Issue.record("unexpected \(String(describing: error))")
                continue
            }
            #expect(found == shape)
        }
        func refused(_ option: String, _ make: () throws(ProteanError) -> Conv2d) {
            let error = #expect(throws: ProteanError.self) { try make() }
            guard case .invalidOption("Conv2d", option, _, _) = error else {
                Issue.record("\(option): unexpected \(String(describing: error))")
                return
            }
        }
        refused("groups") { () throws(ProteanError) in
            try Conv2d(inputChannels: 4, outputChannels: 4, kernelSize: 3, groups: 0)
        }
        refused("inputChannels") { () throws(ProteanError) in
            try Conv2d(inputChannels: 3, outputChannels: 4, kernelSize: 3, groups: 2)
        }
        refused("outputChannels") { () throws(ProteanError) in
            try Conv2d(inputChannels: 4, outputChannels: 3, kernelSize: 3, groups: 2)
        }
        refused("kernelSize") { () throws(ProteanError) in
            try Conv2d(inputChannels: 4, outputChannels: 4, kernelSize: 0)
        }
        refused("stride") { () throws(ProteanError) in
            try Conv2d(inputChannels: 4, outputChannels: 4, kernelSize: 1, stride: 0)
        }
        refused("padding") { () throws(ProteanError) in
            try Conv2d(inputChannels: 4, outputChannels: 4, kernelSize: 1, padding: -1)
        }
    }

    @Test func hugeShapesAreRefusedBeforeAnythingIsAllocated() throws {
        let layer = try Conv2d(inputChannels: 1, outputChannels: 64, kernelSize: 1, padding: 0)
        #expect(throws: ProteanError.sizeOverflow(layer: "Conv2d", what: "a buffer")) {
            try layer.outputShape(for: [1 << 20, 1 << 20, 1 << 18, 1])
        }
        #expect(throws: ProteanError.self) {
            try Conv2d(inputChannels: 1 << 31, outputChannels: 1 << 31, kernelSize: 3)
        }
    }

    @Test func aRepeatedCallAllocatesItsResultOnly() async {
        await #expect(processExitsWith: .success) {
            let layer = try Conv2d(
                inputChannels: 16, outputChannels: 32, kernelSize: 3, padding: 1)
            let x = try Tensor.random([1, 20, 20, 16])
            for isa in KernelISA.supported {
                try Runtime.with(isa: isa, threads: 1) {
                    _ = try layer(x)
                    #expect(try allocations { _ = try layer(x) } == 1)
                }
            }
        }
    }

    @Test func shapeCostAndPlanNeedNoValues() throws {
        let layer = try Conv2d(
            inputChannels: 6, outputChannels: 9, kernelSize: 3, stride: 2, padding: 1, groups: 3)
        #expect(try layer.outputShape(for: [2, 9, 7, 6]) == [2, 5, 4, 9])
        let cost = try layer.cost(for: [2, 9, 7, 6])
        #expect(cost.multiplyAdds == 2 * 5 * 4 * 9 * 2 * 9)
        #expect(cost.parameters == 9 * 2 * 9 + 9)
        for isa in KernelISA.supported {
            let plan = try Runtime.with(isa: isa) { try layer.plan(for: [2, 9, 7, 6]) }
            // Which of them depends on the instruction set.
            #expect([.direct, .grouped].contains(plan.algorithm))
            #expect(plan.outputShape == [2, 5, 4, 9])
            #expect(plan.multiplyAdds == cost.multiplyAdds)
        }
    }

    @Test func changedWeightsArePackedAnew() throws {
        let layer = try Conv2d(inputChannels: 2, outputChannels: 3, kernelSize: 1, bias: false)
        let x = try Tensor.random([1, 2, 2, 2])
        _ = try layer(x)
        try layer.weight.set(Tensor(zeros: [3, 2, 1, 1]))
        #expect(try layer(x).elements.allSatisfy { $0 == 0 })
    }

    @Test func notANumberStaysInItsReceptiveField() throws {
        // Winograd's tiles spread it further; see Docs/Numerics.md.
        let layer = try Conv2d(
            inputChannels: 4, outputChannels: 33, kernelSize: 3, padding: 1, algorithm: .direct)
        var x = try Tensor.random([1, 7, 7, 4])
        try x.withUnsafeMutableBufferPointer { $0[(3 * 7 + 3) * 4] = .nan }
        for isa in KernelISA.supported {
            let y = try Runtime.with(isa: isa) {
                try layer(x, epilogue: Conv2dEpilogue(activation: .relu)).elements
            }
            for (i, value) in y.enumerated() {
                let oy = i / 33 / 7, ox = i / 33 % 7
                let touched = abs(oy - 3) <= 1 && abs(ox - 3) <= 1
                #expect(value.isNaN == touched)
            }
        }
    }

    @Test func manyTasksMayShareOneLayer() async throws {
        let layer = try Conv2d(inputChannels: 8, outputChannels: 40, kernelSize: 3, padding: 1)
        let x = try Tensor.random([2, 15, 11, 8])
        let expected = try Conv2d(
            weight: layer.weight.value, bias: layer.bias!.value, padding: 1)(x)
        try await withThrowingTaskGroup(of: Tensor.self) { group in
            for task in 0..<16 {
                group.addTask { try Runtime.with(threads: 1 + task % 3) { try layer(x) } }
            }
            for try await y in group { #expect(y.isBitEqual(to: expected)) }
        }
    }
}
