import Testing

@testable import Protean

@Suite struct ConditionalBatchNorm2dTests {
    static func layer(
        _ channels: Int, variant: ConditionalBatchNorm2d.Variant
    ) throws -> ConditionalBatchNorm2d {
        let layer = try ConditionalBatchNorm2d(
            channels: channels, conditions: 4, variant: variant, eps: 1e-3, seed: 3)
        for (index, named) in layer.allParameters().enumerated() {
            let isVariance = named.name.hasSuffix("_var")
            let values = MapTest.values(named.parameter.count, seed: UInt64(index + 1), range: 1)
            try named.parameter.set(
                Tensor(
                    isVariance ? values.map { 0.5 + abs($0) } : values,
                    shape: named.parameter.shape))
        }
        return layer
    }

    static func reference(
        _ x: Tensor, _ condition: Tensor, _ layer: ConditionalBatchNorm2d
    ) -> [Double] {
        let all = Dictionary(
            uniqueKeysWithValues: layer.allParameters().map {
                ($0.name, $0.parameter.value.elements.map(Double.init))
            })
        func value(_ name: String, _ at: Int) -> Double { all[name]?[at] ?? .nan }
        let c = x.shape[3], perSample = x.shape[1] * x.shape[2] * c, k = condition.elements
        return x.elements.enumerated().map { i, element in
            let n = i / perSample, channel = i % c
            var scale = 1.0, shift = 0.0
            let isClasses = layer.variant == .classes
            if isClasses {
                let row = Int(k[n]) * 2 * c
                scale = value("embed.weight", row + channel)
                shift = value("embed.weight", row + c + channel)
            } else {
                for f in 0..<4 {
                    scale += value("gain.weight", channel * 4 + f) * Double(k[n * 4 + f])
                    shift += value("bias.weight", channel * 4 + f) * Double(k[n * 4 + f])
                }
            }
            let mean = value(isClasses ? "bn.running_mean" : "stored_mean", channel)
            let variance = value(isClasses ? "bn.running_var" : "stored_var", channel)
            return (Double(element) - mean) / (variance + 1e-3).squareRoot() * scale + shift
        }
    }

    @Test(
        arguments: [
            [3, 5, 7, 17], [1, 9, 4, 1], [2, 3, 5, 33], [0, 2, 3, 7], [1, 1, 1, 3],
            [2, 40, 37, 5],
        ], ConditionalBatchNorm2d.Variant.allCases)
    func agreesWithDoubleLoopsEverywhere(
        _ shape: [Int], _ variant: ConditionalBatchNorm2d.Variant
    ) throws {
        let layer = try Self.layer(shape[3], variant: variant)
        let x = try MapTest.tensor(shape, seed: 7)
        let condition =
            variant == .classes
            ? try Tensor((0..<shape[0]).map { Float($0 * 3 % 4) }, shape: [shape[0]])
            : try MapTest.tensor([shape[0], 4], seed: 8, range: 1)
        let expected = Self.reference(x, condition, layer)
        try MapTest.everywhere {
            try layer(x, condition: condition)
        } check: { isa, y in
            MapTest.expect(y, shape: shape, expected, tolerance: 1e-5, "\(isa)")
        }
        let fused = try layer(x, condition: condition, activation: .relu)
        #expect(fused.elements == (try ReLU()(layer(x, condition: condition))).elements)
    }

    @Test func namesAreTheReferences() throws {
        #expect(
            try Self.layer(3, variant: .classes).allParameters().map {
                "\($0.name) \($0.parameter.shape)"
            } == ["bn.running_mean [3]", "bn.running_var [3]", "embed.weight [4, 6]"])
        let linear = try Self.layer(3, variant: .linear)
        #expect(
            linear.allParameters().map { "\($0.name) \($0.parameter.shape)" } == [
                "stored_mean [3]", "stored_var [3]", "gain.weight [3, 4]", "bias.weight [3, 4]",
            ])
        #expect(linear.bufferCount == 6)
    }

    @Test func whatDoesNotFitIsRefused() throws {
        expectRefusal(of: "channels") {
            _ = try ConditionalBatchNorm2d(channels: 0, conditions: 2)
        }
        expectRefusal(of: "conditions") {
            _ = try ConditionalBatchNorm2d(channels: 2, conditions: 0)
        }
        let classes = try ConditionalBatchNorm2d(channels: 3, conditions: 4)
        let x = try Tensor(zeros: [2, 2, 2, 3])
        expectMismatch(of: "x") {
            _ = try classes(Tensor(zeros: [2, 2, 2, 4]), condition: Tensor(zeros: [2]))
        }
        expectMismatch(of: "condition") { _ = try classes(x, condition: Tensor(zeros: [2, 4])) }
        for wrong in [4, -1, 0.5, .nan] as [Float] {
            #expect(throws: ProteanError.self) {
                try classes(x, condition: Tensor([0, wrong], shape: [2]))
            }
        }
        let linear = try ConditionalBatchNorm2d(channels: 3, conditions: 4, variant: .linear)
        expectMismatch(of: "condition") { _ = try linear(x, condition: Tensor(zeros: [2, 3])) }
    }

    @Test func notANumberStaysInItsPlace() throws {
        let layer = try Self.layer(2, variant: .classes)
        let x = try Tensor([1, .nan, 2, 3], shape: [1, 2, 1, 2])
        let y = try layer(x, condition: Tensor([1], shape: [1])).elements
        #expect(y.map(\.isNaN) == [false, true, false, false])
    }
}
