import Foundation
import Testing

@testable import Protean

@Suite struct SqueezeExcitationTests {
    /// x · sigmoid(W₂ · relu(W₁ · mean(x) + b₁) + b₂) in double precision.
    static func reference(_ layer: SqueezeExcitation, _ x: Tensor) -> [Double] {
        let values = x.elements.map(Double.init)
        let n = x.shape[0], pixels = x.shape[1] * x.shape[2], c = x.shape[3]
        let parts = layer.allParameters().map { ($0.name, $0.parameter.value.elements) }
        let weights = parts.filter { $0.0.hasSuffix("weight") }.map { $0.1.map(Double.init) }
        let biases = parts.filter { $0.0.hasSuffix("bias") }.map { $0.1.map(Double.init) }
        func project(_ index: Int, _ v: [Double], _ outputs: Int) -> [Double] {
            (0..<outputs).map { k in
                v.indices.reduce(biases.isEmpty ? 0 : biases[index][k]) {
                    $0 + v[$1] * weights[index][k * v.count + $1]
                }
            }
        }
        var result: [Double] = []
        for sample in 0..<n {
            let map = values[sample * pixels * c..<(sample + 1) * pixels * c]
            let mean = (0..<c).map { channel in
                (0..<pixels).reduce(0.0) { $0 + map[map.startIndex + $1 * c + channel] }
                    / Double(pixels)
            }
            let isEffective = layer.variant == .effective
            let hidden =
                isEffective ? mean : project(0, mean, layer.squeezeChannels).map { max($0, 0) }
            let gates = project(isEffective ? 0 : 1, hidden, c).map {
                isEffective ? min(max($0 + 3, 0), 6) / 6 : 1 / (1 + exp(-$0))
            }
            result += map.enumerated().map { $0.element * gates[$0.offset % c] }
        }
        return result
    }

    @Test(arguments: SqueezeExcitation.Variant.allCases)
    func agreesWithItsFormula(variant: SqueezeExcitation.Variant) throws {
        for shape in [[1, 5, 9, 17], [3, 4, 3, 33], [2, 1, 1, 8], [1, 20, 31, 3]] {
            let layer = try SqueezeExcitation(
                channels: shape[3], squeezeChannels: variant == .effective ? shape[3] : 5,
                variant: variant, seed: 9)
            let x = try Tensor.random(shape)
            let expected = Self.reference(layer, x)
            try MapTest.everywhere {
                try layer(x)
            } check: { isa, y in
                // Gates carry the rounding of two short sums and a sigmoid.
                MapTest.expect(y, shape: shape, expected, tolerance: 2e-6, "\(isa)")
            }
        }
    }

    /// Whatever the reduction, the bits are those of the variant's own convolutions.
    @Test func theNetworkEqualsSeparateConvolutions() throws {
        let layer = try SqueezeExcitation(channels: 130, squeezeChannels: 33, seed: 3)
        let first = try Conv2d(inputChannels: 130, outputChannels: 33, kernelSize: 1)
        let second = try Conv2d(inputChannels: 33, outputChannels: 130, kernelSize: 1)
        for (conv, name) in [(first, "fc1"), (second, "fc2")] {
            try conv.weight.set(layer.parameter(at: name + ".weight")!.value)
            try conv.bias!.set(layer.parameter(at: name + ".bias")!.value)
        }
        let x = try Tensor.random([3, 6, 5, 130])
        for isa in KernelISA.supported {
            let (found, expected) = try Runtime.with(isa: isa) {
                let pooled = try Operations.globalAveragePool(x).reshaped(to: [3, 1, 1, 130])
                let hidden = try first(pooled, epilogue: Conv2dEpilogue(activation: .relu))
                let gates = try second(hidden, epilogue: Conv2dEpilogue(activation: .sigmoid))
                return (try layer.gates(of: x), try gates.reshaped(to: [3, 130]))
            }
            #expect(found.isBitEqual(to: expected), "\(isa)")
        }
    }

    @Test func aNormIsFoldedIn() throws {
        let layer = try SqueezeExcitation(
            channels: 7, squeezeChannels: 5, variant: .timm, hasNorm: true)
        try ChannelGateTest.randomise(layer)
        let reduce = try Conv2d(inputChannels: 7, outputChannels: 5, kernelSize: 1)
        let norm = try BatchNorm2d(channels: 5)
        try reduce.weight.set(layer.parameter(at: "fc1.weight")!.value)
        try reduce.bias!.set(layer.parameter(at: "fc1.bias")!.value)
        for named in norm.parameters {
            try named.parameter.set(layer.parameter(at: "bn." + named.name)!.value)
        }
        let expand = try Conv2d(inputChannels: 5, outputChannels: 7, kernelSize: 1)
        try expand.weight.set(layer.parameter(at: "fc2.weight")!.value)
        try expand.bias!.set(layer.parameter(at: "fc2.bias")!.value)
        let x = try Tensor.random([2, 4, 3, 7])
        let pooled = try Operations.globalAveragePool(x).reshaped(to: [2, 1, 1, 7])
        let hidden = try Operations.activate(norm(reduce(pooled)), .relu)
        let gates = try Operations.activate(expand(hidden), .sigmoid)
        let expected = try Operations.multiply(x, gates)
        #expect(try layer(x).maximumDifference(from: expected) < 2e-6)
        try ChannelGateTest.checkGate(layer, channels: 7)
    }

    @Test func halfOfTheMaximumIsAdded() throws {
        let layer = try SqueezeExcitation(
            channels: 3, squeezeChannels: 3, variant: .effective, gate: .identity,
            addMaximum: true)
        var identity = [Float](repeating: 0, count: 9)
        for i in 0..<3 { identity[4 * i] = 1 }
        try layer.parameter(at: "fc.weight")!.set(Tensor(identity, shape: [3, 3, 1, 1]))
        try layer.parameter(at: "fc.bias")!.set(Tensor(zeros: [3]))
        let x = try Tensor.random([2, 4, 5, 3])
        let (mean, most) = try (Operations.globalAveragePool(x), Operations.globalMaxPool(x))
        let half = try Operations.multiply(
            Operations.add(mean, most), Tensor(repeating: 0.5, shape: [1]))
        #expect(try layer.gates(of: x).isBitEqual(to: half))
    }

    @Test func residualAndActivationComeAfterTheGate() throws {
        let layer = try SqueezeExcitation(channels: 7, squeezeChannels: 2, variant: .linear)
        let x = try Tensor.random([2, 3, 5, 7]), side = try Tensor.random([2, 3, 5, 7], seed: 8)
        let separate = try Operations.add(layer(x), side, activation: .relu)
        let together = try layer(x, residual: side, activation: .relu)
        #expect(try together.maximumDifference(from: separate) < 1e-6)
    }

    @Test func anOpenGateChangesNothing() throws {
        let layer = try SqueezeExcitation(channels: 6, squeezeChannels: 3)
        try layer.parameter(at: "fc2.weight")!.set(Tensor(zeros: [6, 3, 1, 1]))
        // The sigmoid of 100 is 1 in Float32.
        try layer.parameter(at: "fc2.bias")!.set(Tensor(repeating: 100, shape: [6]))
        let x = try Tensor.random([2, 4, 3, 6])
        #expect(try layer(x).isBitEqual(to: x))
    }

    @Test func keysAndShapesAreTheReferences() throws {
        func keys(_ variant: SqueezeExcitation.Variant) throws -> [String: [Int]] {
            let layer = try SqueezeExcitation(
                channels: 8, squeezeChannels: 2, variant: variant)
            return Dictionary(
                uniqueKeysWithValues: layer.allParameters().map { ($0.name, $0.parameter.shape) })
        }
        let convolutions = [
            "fc1.weight": [2, 8, 1, 1], "fc1.bias": [2], "fc2.weight": [8, 2, 1, 1],
            "fc2.bias": [8],
        ]
        #expect(try keys(.timm) == convolutions)
        #expect(try keys(.torchvision) == convolutions)
        #expect(try keys(.linear) == ["fc.0.weight": [2, 8], "fc.2.weight": [8, 2]])
        #expect(try keys(.timmEfficientNet)["conv_expand.weight"] == [8, 2, 1, 1])
        #expect(try keys(.caffe)["1x1_down.weight"] == [2, 8, 1, 1])
        let effective = try SqueezeExcitation(channels: 8, reduction: 1, variant: .effective)
        #expect(effective.allParameters().map(\.name) == ["fc.weight", "fc.bias"])
        #expect(effective.parameter(at: "fc.weight")?.shape == [8, 8, 1, 1])
    }

    @Test(arguments: [16, 24, 40, 64, 96, 120, 256, 320, 480, 672, 960, 1024, 2048])
    func squeezeWidthsAreTheReferences(channels: Int) throws {
        // As the references' own code rounds them.
        let expected: [Int: (timm: Int, efficientNet: Int, torchvision: Int)] = [
            16: (8, 4, 8), 24: (8, 6, 8), 40: (8, 10, 16), 64: (8, 16, 16), 96: (8, 24, 24),
            120: (8, 30, 32), 256: (16, 64, 64), 320: (24, 80, 80), 480: (32, 120, 120),
            672: (40, 168, 168), 960: (64, 240, 240), 1024: (64, 256, 256),
            2048: (128, 512, 512),
        ]
        func width(_ reduction: Int, _ variant: SqueezeExcitation.Variant) throws -> Int {
            try SqueezeExcitation(channels: channels, reduction: reduction, variant: variant)
                .squeezeChannels
        }
        let (timm, efficientNet, torchvision) = expected[channels]!
        #expect(try width(16, .timm) == timm)
        #expect(try width(4, .timmEfficientNet) == efficientNet)
        #expect(try width(4, .torchvision) == torchvision)
    }

    @Test func emptyBatchAndWrongChannels() throws {
        let layer = try SqueezeExcitation(channels: 4, squeezeChannels: 2)
        #expect(try layer(Tensor(zeros: [0, 3, 3, 4])).shape == [0, 3, 3, 4])
        #expect(throws: ProteanError.self) { try layer(Tensor(zeros: [1, 3, 3, 5])) }
        #expect(throws: ProteanError.self) {
            try SqueezeExcitation(channels: 4, squeezeChannels: 0)
        }
        ChannelGateTest.refuses("SqueezeExcitation", "squeezeChannels") {
            try SqueezeExcitation(channels: 4, squeezeChannels: 2, variant: .effective)
        }
        ChannelGateTest.refuses("SqueezeExcitation", "hasNorm") {
            try SqueezeExcitation(channels: 4, squeezeChannels: 2, hasNorm: true)
        }
    }
}
