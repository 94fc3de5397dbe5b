import Foundation
import Testing

@testable import Protean

/// Groups narrower than a vector; groups that fill panels are in `Conv2dTests`.
@Suite struct Conv2dGroupedTests {
    struct Case: CustomTestStringConvertible {
        var input: [Int]
        var outputs: Int
        var groups: Int
        var kernel: Size2d = 3
        var stride: Size2d = 1
        var padding: Padding2d = 1
        var dilation: Size2d = 1

        var testDescription: String {
            "\(input)->\(outputs) g\(groups) k\(kernel) s\(stride) p\(padding) d\(dilation)"
        }

        func layer() throws -> Conv2d {
            try Conv2d(
                inputChannels: input[3], outputChannels: outputs, kernelSize: kernel,
                stride: stride, padding: padding, dilation: dilation, groups: groups, seed: 7)
        }
    }

    static let cases = [
        // 4, 8, 16 channels per group, as ResNeXt has them, whole and odd widths of tiles.
        Case(input: [1, 9, 28, 64], outputs: 64, groups: 16),
        Case(input: [2, 7, 31, 32], outputs: 32, groups: 4),
        Case(input: [1, 11, 15, 64], outputs: 64, groups: 8, stride: 2),
        Case(input: [1, 14, 13, 96], outputs: 96, groups: 6),
        Case(input: [1, 13, 30, 64], outputs: 64, groups: 4, stride: 2),
        // 2, 3, 5, 6, 7 and 12 per group: vectors begin within a group.
        Case(input: [1, 8, 17, 38], outputs: 38, groups: 19),
        Case(input: [3, 5, 9, 33], outputs: 33, groups: 11),
        Case(input: [1, 6, 16, 55], outputs: 55, groups: 11, stride: 2),
        Case(input: [1, 7, 6, 42], outputs: 42, groups: 7),
        Case(input: [2, 4, 11, 49], outputs: 49, groups: 7),
        Case(input: [1, 9, 8, 60], outputs: 60, groups: 5),
        // More outputs than inputs per group, and fewer.
        Case(input: [1, 10, 12, 24], outputs: 48, groups: 24),
        Case(input: [2, 7, 15, 17], outputs: 51, groups: 17, stride: 2),
        Case(input: [1, 9, 7, 3], outputs: 24, groups: 3),
        Case(input: [1, 9, 7, 2], outputs: 6, groups: 2, kernel: 5, padding: 2),
        Case(input: [1, 6, 10, 36], outputs: 20, groups: 4),
        Case(input: [1, 5, 8, 80], outputs: 40, groups: 5, kernel: 5, padding: 2),
        // Other kernels, strides, dilations and paddings.
        Case(input: [2, 6, 9, 24], outputs: 24, groups: 6, kernel: 1, padding: 0),
        Case(input: [1, 8, 12, 20], outputs: 20, groups: 5, kernel: 5, stride: 2, padding: 2),
        Case(input: [1, 9, 10, 32], outputs: 32, groups: 8, kernel: 7, padding: 3),
        Case(input: [1, 10, 21, 32], outputs: 32, groups: 8, padding: 2, dilation: 2),
        Case(
            input: [1, 12, 14, 24], outputs: 36, groups: 12,
            kernel: Size2d(height: 2, width: 4), stride: Size2d(height: 3, width: 1),
            padding: .explicit(top: 0, bottom: 3, left: 5, right: 1),
            dilation: Size2d(height: 2, width: 1)),
        Case(input: [1, 7, 20, 16], outputs: 16, groups: 4, stride: 3, padding: .same),
        Case(
            input: [1, 1, 40, 20], outputs: 20, groups: 5, padding: .symmetric(height: 1, width: 2)),
        Case(input: [1, 3, 1, 40], outputs: 40, groups: 10),
        // Large enough to be shared among threads.
        Case(input: [1, 40, 36, 64], outputs: 64, groups: 16),
        Case(input: [1, 1, 700, 64], outputs: 64, groups: 16, kernel: 1, padding: 0),
    ]

    /// Where the outputs of a group do not fill vectors, several groups share one.
    @Test func theWayFollowsFromTheGroups() throws {
        func algorithm(_ isa: KernelISA, perGroup: Int, groups: Int) throws -> Conv2dPlan.Algorithm
        {
            let input = [1, 9, 14, perGroup * groups]
            return try Runtime.with(isa: isa) {
                try Case(input: input, outputs: input[3], groups: groups).layer()
                    .plan(for: input).algorithm
            }
        }
        for isa in KernelISA.supported {
            #expect(try algorithm(isa, perGroup: 2, groups: 16) == .grouped)
            #expect(try algorithm(isa, perGroup: 4, groups: 8) == .grouped)
            #expect(try algorithm(isa, perGroup: 1, groups: 8) == .depthwise)
            #expect(try algorithm(isa, perGroup: 64, groups: 2) == .direct)
        }
    }

    @Test(arguments: cases)
    func agreesWithDoubleLoopsEverywhere(_ test: Case) throws {
        try Conv2dAgreement(test.layer(), input: test.input).expectEverywhere()
    }

    @Test(arguments: [cases[1], cases[6], cases[7], cases[12], cases[25]])
    func epiloguesAgreeWithTheirFormula(_ test: Case) throws {
        try Conv2dAgreement(test.layer(), input: test.input).expectEpilogues()
    }

    @Test(arguments: [cases[1], cases[6], cases[7], cases[12], cases[25]])
    func factorsAgreeWithTheirFormula(_ test: Case) throws {
        try Conv2dAgreement(test.layer(), input: test.input).expectFactors()
    }

    /// A value that is not finite reaches its own group's outputs only, and padding none.
    @Test func infinityStaysInItsGroup() throws {
        let perGroup = 4, groups = 9, channels = perGroup * groups
        var elements = try Tensor.random([1, 5, 6, channels]).elements
        let group = 5
        elements[(2 * 6 + 0) * channels + group * perGroup + 1] = .infinity
        let x = try Tensor(elements, shape: [1, 5, 6, channels])
        let layer = try Case(input: x.shape, outputs: channels, groups: groups).layer()
        for isa in KernelISA.supported {
            let y = try Runtime.with(isa: isa) { try layer(x).elements }
            for (i, value) in y.enumerated() {
                let row = i / channels / 6, column = i / channels % 6
                let reached =
                    i % channels / perGroup == group && abs(row - 2) <= 1 && column <= 1
                #expect(value.isFinite != reached, "\(isa): \(row), \(column), \(i % channels)")
            }
        }
    }

    @Test func perSampleWeightsAgreeWithOneConvolutionEach() throws {
        let input = [3, 6, 17, 24]
        let experts = try CondConv2d(
            inputChannels: 24, outputChannels: 36, kernelSize: 3, padding: 1, groups: 12,
            experts: 3, seed: 9)
        let x = try Tensor.random(input)
        for isa in KernelISA.supported {
            try Runtime.with(isa: isa) {
                let together = try experts(
                    x, routing: Tensor([1, 0, 0, 0, 1, 0, 0, 0, 1], shape: [3, 3])
                ).elements
                for n in 0..<3 {
                    let count = 6 * 17 * 24, results = 6 * 17 * 36
                    let sample = try Tensor(
                        Array(x.elements[n * count..<(n + 1) * count]), shape: [1, 6, 17, 24])
                    var routing: [Float] = [0, 0, 0]
                    routing[n] = 1
                    let alone = try experts(sample, routing: Tensor(routing, shape: [1, 3]))
                    #expect(
                        alone.elements == Array(together[n * results..<(n + 1) * results]))
                }
            }
        }
    }

    @Test func aRepeatedCallAllocatesItsResultOnly() async {
        await #expect(processExitsWith: .success) {
            let test = Self.cases[0]
            let layer = try test.layer()
            let x = try Tensor.random(test.input)
            for isa in KernelISA.supported {
                try Runtime.with(isa: isa, threads: 1) {
                    _ = try layer(x)
                    #expect(try allocations { _ = try layer(x) } == 1)
                }
            }
        }
    }
}
