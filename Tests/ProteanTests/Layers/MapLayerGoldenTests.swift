import Testing

@testable import Protean

/// Layers without convolutions against PyTorch; Tests/Golden/generate/map_layers.py made the values.
@Suite struct MapLayerGoldenTests {
    static let file = Result {
        try Checkpoint.open(GoldenFiles.path("layers/map_layers.safetensors"))
    }

    /// A case of the file: its name, the name of its input, and the layer.
    struct Case: Sendable, CustomTestStringConvertible {
        var name: String
        var input: String
        var layer: @Sendable () throws -> any Layer
        var testDescription: String { name }

        init(_ name: String, _ input: String, _ layer: @escaping @Sendable () throws -> any Layer) {
            self.name = name
            self.input = input
            self.layer = layer
        }
    }

    static let activations: [Case] = [
        Case("ReLU", "small") { ReLU() }, Case("ReLU6", "small") { ReLU6() },
        Case("LeakyReLU", "small") { LeakyReLU() },
        Case("LeakyReLU.0.2", "small") { LeakyReLU(negativeSlope: 0.2) },
        Case("Sigmoid", "small") { Sigmoid() }, Case("HardSigmoid", "small") { HardSigmoid() },
        Case("HardSwish", "small") { HardSwish() }, Case("SiLU", "small") { SiLU() },
        Case("GELU", "small") { GELU() },
        Case("GELU.tanh", "small") { GELU(approximate: .tanh) },
        Case("Mish", "small") { Mish() }, Case("Tanh", "small") { Tanh() },
        Case("Softmax", "small") { Softmax() }, Case("PReLU", "small") { try PReLU() },
        Case("edges.SiLU", "edges") { SiLU() }, Case("edges.GELU", "edges") { GELU() },
        Case("edges.Mish", "edges") { Mish() }, Case("edges.Tanh", "edges") { Tanh() },
        Case("edges.HardSwish", "edges") { HardSwish() },
        Case("edges.Sigmoid", "edges") { Sigmoid() }, Case("edges.ReLU", "edges") { ReLU() },
        Case("edges.ReLU6", "edges") { ReLU6() },
    ]

    static let pools: [Case] = [
        Case("MaxPool2d.plain", "pooled") { try MaxPool2d(kernelSize: 2) },
        Case("MaxPool2d.resnet", "pooled") {
            try MaxPool2d(kernelSize: 3, stride: 2, padding: 1)
        },
        Case("MaxPool2d.ceil", "pooled") {
            try MaxPool2d(kernelSize: 3, stride: 2, padding: 1, ceilMode: true)
        },
        Case("MaxPool2d.dilated", "pooled") {
            try MaxPool2d(
                kernelSize: Size2d(height: 2, width: 3), stride: Size2d(height: 1, width: 2),
                padding: 1, dilation: Size2d(height: 3, width: 2))
        },
        Case("MaxPool2d.dilated.ceil", "pooled") {
            try MaxPool2d(kernelSize: 3, stride: 3, padding: 1, dilation: 2, ceilMode: true)
        },
        Case("MaxPool2d.narrow", "narrow") {
            try MaxPool2d(kernelSize: 3, stride: 2, ceilMode: true)
        },
        Case("AvgPool2d.plain", "pooled") {
            try AvgPool2d(kernelSize: Size2d(height: 2, width: 3))
        },
        Case("AvgPool2d.padded", "pooled") {
            try AvgPool2d(kernelSize: 3, stride: 2, padding: 1)
        },
        Case("AvgPool2d.uncounted", "pooled") {
            try AvgPool2d(kernelSize: 3, stride: 2, padding: 1, countIncludePad: false)
        },
        Case("AvgPool2d.ceil", "pooled") {
            try AvgPool2d(
                kernelSize: Size2d(height: 3, width: 2), stride: Size2d(height: 2, width: 3),
                padding: 1, ceilMode: true)
        },
        Case("AvgPool2d.ceil.uncounted", "pooled") {
            try AvgPool2d(
                kernelSize: 4, stride: 3, padding: 2, ceilMode: true, countIncludePad: false)
        },
        Case("AvgPool2d.divisor", "pooled") {
            try AvgPool2d(kernelSize: 3, stride: 2, padding: 1, divisorOverride: 5)
        },
        Case("AvgPool2d.narrow", "narrow") {
            try AvgPool2d(kernelSize: 3, stride: 2, ceilMode: true)
        },
        Case("AdaptiveAvgPool2d.1", "pooled") { try AdaptiveAvgPool2d(outputSize: 1) },
        Case("AdaptiveAvgPool2d.4x7", "pooled") {
            try AdaptiveAvgPool2d(outputSize: Size2d(height: 4, width: 7))
        },
        Case("AdaptiveAvgPool2d.12x3", "pooled") {
            try AdaptiveAvgPool2d(outputSize: Size2d(height: 12, width: 3))
        },
        Case("AdaptiveAvgPool2d.none", "pooled") { try AdaptiveAvgPool2d(height: nil, width: 3) },
    ]

    static let resizes: [Case] = {
        let modes: [(String, ResizeMode)] = [
            ("nearest", .nearest), ("nearest-exact", .nearestExact),
            ("bilinear", .bilinear(alignCorners: false)),
            ("corners", .bilinear(alignCorners: true)),
        ]
        let sizes = [(14, 12), (11, 5), (3, 17), (7, 1)]
        let factors = [(2.0, 2.0), (1.3, 0.7), (0.5, 3.1)]
        return modes.flatMap { name, mode in
            sizes.map { height, width in
                Case("Resize.\(name).size.\(height).\(width)", "resized") {
                    try Resize(size: Size2d(height: height, width: width), mode: mode)
                }
            }
                + factors.map { height, width in
                    Case("Resize.\(name).scale.\(height).\(width)", "resized") {
                        try Resize(scale: Scale2d(height: height, width: width), mode: mode)
                    }
                }
        }
    }()

    static let others: [Case] = [
        Case("PixelShuffle", "shuffled") { try PixelShuffle(factor: 2) },
        Case("PixelUnshuffle", "unshuffled") { try PixelUnshuffle(factor: 2) },
        Case("Flatten", "small") { try Flatten() },
        Case("PReLU.channels", "small") {
            let layer = try PReLU(channels: 5)
            try layer.weight.set(file.get().tensor("PReLU.channels.weight"))
            return layer
        },
        Case("BatchNorm2d", "small") {
            let layer = try BatchNorm2d(channels: 5, eps: 1e-3)
            try layer.load(file.get(), prefix: "BatchNorm2d.parameters")
            return layer
        },
        Case("BatchNorm2d.plain", "small") {
            let layer = try BatchNorm2d(channels: 5, affine: false)
            try layer.load(file.get(), prefix: "BatchNorm2d.plain.parameters")
            return layer
        },
    ]

    @Test(arguments: activations + pools + resizes + others)
    func agreesWithPyTorch(_ c: Case) throws {
        let golden = try Self.file.get()
        let x = try golden.tensor("inputs.\(c.input)").nchwToNHWC()
        var expected = try golden.tensor(c.name)
        if expected.rank == 4 { expected = try expected.nchwToNHWC() }
        let layer = try c.layer()
        try MapTest.everywhere {
            try layer(x)
        } check: { isa, y in
            MapTest.expect(
                y, shape: expected.shape, expected.elements.map(Double.init), tolerance: 1e-6,
                "\(isa)")
        }
        #expect(try layer.outputShape(for: x.shape) == expected.shape)
    }

    @Test func everyCaseOfTheFileIsTried() throws {
        let names = Set(
            try Self.file.get().names.filter {
                !$0.hasPrefix("inputs.") && !$0.contains("parameters") && !$0.hasSuffix("weight")
            })
        let tried = Self.activations + Self.pools + Self.resizes + Self.others
        #expect(Set(tried.map(\.name)) == names)
        #expect(tried.count == 73)
    }
}
