import Testing

@testable import Protean

@Suite struct ModulatedDeformableConv2dTests {
    static func modulated(seed: UInt64 = 3) throws -> ModulatedDeformableConv2d {
        try ModulatedDeformableConv2d(
            inputChannels: 6, outputChannels: 9, kernelSize: Size2d(height: 3, width: 2),
            stride: Size2d(height: 1, width: 2), padding: 1, offsetGroups: 2, seed: seed)
    }

    @Test func namesAndShapesAreTheReferences() throws {
        let layer = try Self.modulated()
        let found = layer.allParameters().map { ($0.name, $0.parameter.shape) }
        let expected = [
            ("weight", [9, 6, 3, 2]), ("bias", [9]), ("conv_offset.weight", [36, 6, 3, 2]),
            ("conv_offset.bias", [36]),
        ]
        #expect(found.map(\.0) == expected.map(\.0))
        #expect(found.map(\.1) == expected.map(\.1))
    }

    /// Logits of 0 are modulations of one half.
    @Test func aNewLayerIsHalfAConvolution() throws {
        let x = try Tensor.random([2, 7, 6, 5])
        let plain = try Conv2d(
            inputChannels: 5, outputChannels: 8, kernelSize: 3, padding: 1, bias: false,
            algorithm: .direct, seed: 3)
        let layer = try ModulatedDeformableConv2d(
            inputChannels: 5, outputChannels: 8, kernelSize: 3, padding: 1, bias: false, seed: 3)
        MapTest.expect(
            try layer(x), shape: [2, 7, 6, 8], try plain(x).elements.map { Double($0) / 2 },
            tolerance: 1e-6)
    }

    /// The prediction split by hand gives the same.
    @Test func offsetsComeFirstThenLogits() throws {
        let layer = try Self.modulated()
        let prediction = layer.offsetConvolution
        try prediction.weight.set(Tensor.random(prediction.weight.shape, seed: 8))
        try #require(prediction.bias).set(Tensor.random([36], seed: 9))
        let x = try Tensor.random([2, 9, 7, 6])
        let predicted = try prediction(x)
        let rows = predicted.count / 36, values = predicted.elements
        let offset = try Tensor(
            (0..<rows).flatMap { Array(values[$0 * 36..<$0 * 36 + 24]) },
            shape: predicted.shape.dropLast() + [24])
        let logits = try Tensor(
            (0..<rows).flatMap { Array(values[$0 * 36 + 24..<$0 * 36 + 36]) },
            shape: predicted.shape.dropLast() + [12])
        let core = try DeformableConv2d(
            inputChannels: 6, outputChannels: 9, kernelSize: Size2d(height: 3, width: 2),
            stride: Size2d(height: 1, width: 2), padding: 1, seed: 3)
        try MapTest.everywhere {
            try layer(x)
        } check: { isa, y in
            let expected = try Runtime.with(isa: isa) {
                try core(x, offset: offset, mask: Operations.activate(logits, .sigmoid))
            }
            MapTest.expect(
                y, shape: expected.shape, expected.elements.map(Double.init), tolerance: 1e-5,
                "\(isa)")
        }
    }

    @Test func batchNormIsFolded() throws {
        let layer = try Self.modulated(), norm = try BatchNorm2d(channels: 9)
        for (name, seed) in [("weight", 2), ("bias", 3), ("running_mean", 4)] {
            try #require(norm.parameter(at: name)).set(Tensor.random([9], seed: UInt64(seed)))
        }
        let x = try Tensor.random([1, 5, 6, 6])
        let fused = try FusedModulatedDeformableConv2d(layer, norm, .relu)
        let expected = try Operations.activate(norm(layer(x)), .relu)
        MapTest.expect(
            try fused(x), shape: expected.shape, expected.elements.map(Double.init),
            tolerance: 1e-5)
        #expect(throws: ProteanError.self) {
            try FusedModulatedDeformableConv2d(layer, BatchNorm2d(channels: 8))
        }
    }

    @Test func oldNamesAreUnderstood() {
        for (old, new) in [
            ("layer3.0.conv2_offset.weight", "layer3.0.conv2.conv_offset.weight"),
            ("conv2_offset.bias", "conv2.conv_offset.bias"),
            ("dcn.conv_offset_mask.weight", "dcn.conv_offset.weight"),
            ("offset_conv.bias", "conv_offset.bias"),
            ("layer.conv_offset.weight", "layer.conv_offset.weight"), ("weight", "weight"),
        ] {
            #expect(KeyMap.deformable.path(old) == new)
        }
    }

    @Test func whatDoesNotFitIsRefused() throws {
        for groups in [0, 4, -1] {
            expectRefusal(of: "offsetGroups") {
                _ = try ModulatedDeformableConv2d(
                    inputChannels: 6, outputChannels: 2, kernelSize: 3, offsetGroups: groups)
            }
        }
        let layer = try Self.modulated()
        expectMismatch(of: "x") { _ = try layer(Tensor(zeros: [1, 5, 5, 4])) }
        expectMismatch(of: "x") { _ = try layer(Tensor(zeros: [1, 0, 5, 6])) }
        #expect(try layer(Tensor(zeros: [0, 9, 7, 6])).shape == [0, 9, 4, 9])
    }

    @Test func costAndShapeNeedNoValues() throws {
        let layer = try Self.modulated()
        #expect(try layer.outputShape(for: [2, 9, 7, 6]) == [2, 9, 4, 9])
        #expect(try layer.cost(for: [2, 9, 7, 6]).parameters == layer.parameterCount)
    }
}
