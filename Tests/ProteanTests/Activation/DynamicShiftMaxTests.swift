import Testing

@testable import Protean

@Suite struct DynamicShiftMaxTests {
    /// The channel that is mixed with channel `c`.
    static func shifted(_ c: Int, channels: Int, groups: Int) -> Int {
        let n = channels / groups
        return (c / n + 1) % groups * n + (c % n + 1) % n
    }

    static func reference(_ x: Tensor, _ k: Tensor, groups: Int) -> [Double] {
        let c = x.shape[3], pieces = k.shape[1] / 2, a = k.elements, v = x.elements
        let perSample = x.shape[1] * x.shape[2] * c
        return v.indices.map { i in
            let other = Double(v[i - i % c + shifted(i % c, channels: c, groups: groups)])
            let at = i / perSample * 2 * pieces * c + i % c
            return (0..<pieces).map {
                Double(a[at + $0 * c]) * Double(v[i])
                    + Double(a[at + (pieces + $0) * c]) * other
            }.max() ?? 0
        }
    }

    @Test(arguments: [
        ([3, 5, 7, 17], [1, 17]), ([1, 9, 4, 1], [1]), ([2, 3, 5, 33], [1, 3, 11, 33]),
        ([0, 2, 3, 6], [2]), ([2, 3, 4, 16], [1, 2, 4, 8, 16]), ([1, 1, 1, 12], [3, 4]),
        ([2, 33, 30, 24], [2, 6]), ([1, 2, 3, 300], [4, 25]),
    ])
    func kernelAgreesWithDoubleLoopsEverywhere(_ shape: [Int], _ groups: [Int]) throws {
        let x = try MapTest.tensor(shape, seed: 3)
        for count in groups {
            for pieces in 1...2 {
                let k = try MapTest.tensor([shape[0], 2 * pieces, shape[3]], seed: 9, range: 2)
                let expected = Self.reference(x, k, groups: count)
                try MapTest.everywhere {
                    try Operations.shiftMax(x, coefficients: k, groups: count)
                } check: { isa, y in
                    MapTest.expect(
                        y, shape: shape, expected, tolerance: 2e-6, "\(isa) \(count) \(pieces)")
                }
            }
        }
    }

    /// As the reference has it for four groups of four.
    @Test func theShiftMovesGroupsAndMembers() {
        let order = (0..<16).map { Self.shifted($0, channels: 16, groups: 4) }
        #expect(order == [5, 6, 7, 4, 9, 10, 11, 8, 13, 14, 15, 12, 1, 2, 3, 0])
    }

    static func layers(_ channels: Int, groups: Int) throws -> [DynamicShiftMax] {
        try [
            DynamicShiftMax.Options(),
            .init(reach: 2, initialOwn: [1, 0.5], initialShifted: [0, 0.5]),
            .init(isMaximum: false, initialOwn: [1, 0], initialShifted: [0.25, 0]),
            .init(reach: 2, rectifiesFirst: true),
        ].map { try DynamicShiftMax(channels: channels, groups: groups, options: $0, seed: 5) }
    }

    @Test func resultsAreTheFormulaOnTheirCoefficients() throws {
        let x = try MapTest.tensor([2, 5, 3, 12], seed: 8)
        for layer in try Self.layers(12, groups: 4) {
            let input = layer.options.rectifiesFirst ? try ReLU()(x) : x
            let k = try layer.coefficients(of: x)
            #expect(k.shape == [2, layer.options.isMaximum ? 4 : 2, 12])
            let expected = Self.reference(input, k, groups: 4)
            try MapTest.everywhere {
                try layer(x)
            } check: { isa, y in
                MapTest.expect(y, shape: x.shape, expected, tolerance: 1e-5, "\(isa)")
            }
        }
    }

    /// With zero weights the hard sigmoid is one half, and the constants are left.
    @Test func zeroedNetworkLeavesTheConstants() throws {
        let x = try Tensor.random([1, 3, 4, 6])
        let layer = try DynamicShiftMax(
            channels: 6, groups: 2, options: .init(initialOwn: [1, 0]))
        for named in layer.allParameters() {
            try named.parameter.set(Tensor(zeros: named.parameter.shape))
        }
        #expect(try layer(x).elements == ReLU()(x).elements)
    }

    @Test func degenerateMaps() throws {
        for layer in try Self.layers(8, groups: 2) {
            #expect(try layer(Tensor(zeros: [0, 3, 2, 8])).shape == [0, 3, 2, 8])
            #expect(try layer(Tensor.random([2, 1, 1, 8])).shape == [2, 1, 1, 8])
            #expect(try layer.outputShape(for: [2, 5, 3, 8]) == [2, 5, 3, 8])
        }
        var x = [Float](repeating: 1, count: 8)
        x[3] = .nan
        let k = try Tensor(repeating: 1, shape: [1, 4, 8])
        let y = try Operations.shiftMax(
            Tensor(x, shape: [1, 1, 1, 8]), coefficients: k, groups: 2
        ).elements
        // Channel 3 itself, and the one that it is mixed into.
        #expect(y.indices.filter { y[$0].isNaN } == [3, 6])
    }

    @Test func whatDoesNotFitIsRefused() throws {
        expectRefusal(of: "groups") { _ = try DynamicShiftMax(channels: 8, groups: 3) }
        expectRefusal(of: "channels") { _ = try DynamicShiftMax(channels: 0, groups: 1) }
        expectRefusal(of: "reduction") {
            _ = try DynamicShiftMax(channels: 8, groups: 2, reduction: 0)
        }
        for (option, options) in [
            ("reach", DynamicShiftMax.Options(reach: 0)),
            ("initialOwn", .init(initialOwn: [1])),
            ("initialShifted", .init(initialShifted: [1, .nan])),
        ] {
            expectRefusal(of: option) {
                _ = try DynamicShiftMax(channels: 8, groups: 2, options: options)
            }
        }
        let layer = try DynamicShiftMax(channels: 8, groups: 2)
        expectMismatch(of: "x") { _ = try layer(Tensor(zeros: [1, 3, 4, 6])) }
        let x = try Tensor(zeros: [2, 3, 4, 6])
        expectRefusal(of: "groups") {
            _ = try Operations.shiftMax(x, coefficients: Tensor(zeros: [2, 4, 6]), groups: 4)
        }
        for shape in [[2, 3, 6], [2, 6, 6], [1, 4, 6], [2, 4, 5]] {
            expectMismatch(of: "coefficients") {
                _ = try Operations.shiftMax(x, coefficients: Tensor(zeros: shape), groups: 2)
            }
        }
    }

    @Test func cost() throws {
        let layer = try DynamicShiftMax(channels: 8, groups: 2)
        let cost = try layer.cost(for: [1, 3, 4, 8])
        #expect((cost.parameters, cost.buffers) == (layer.parameterCount, 0))
        #expect(cost.multiplyAdds == 4 * 96 + 8 * 4 + 4 * 32)
    }
}
