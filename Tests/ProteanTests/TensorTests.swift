import Testing

@testable import Protean

@Suite struct TensorTests {
    @Test func writingACopyLeavesTheOriginal() throws {
        let original = try Tensor([1, 2, 3, 4, 5, 6], shape: [2, 3])
        var copy = original
        try copy.withUnsafeMutableBufferPointer { $0[0] = 9 }
        #expect(original.elements == [1, 2, 3, 4, 5, 6])
        #expect(copy.elements == [9, 2, 3, 4, 5, 6])
    }

    @Test func writingAnUnsharedTensorCopiesNothing() throws {
        var tensor = try Tensor(zeros: [4])
        let before = tensor.storage!.base
        try tensor.withUnsafeMutableBufferPointer { $0[1] = 1 }
        #expect(tensor.storage!.base == before)
    }

    @Test func reshapeInfersOneSize() throws {
        let tensor = try Tensor(zeros: [2, 3, 4])
        #expect(try tensor.reshaped(to: [-1, 6]).shape == [4, 6])
        #expect(throws: ProteanError.self) { try tensor.reshaped(to: [5, -1]) }
        #expect(throws: ProteanError.self) { try tensor.reshaped(to: [5, 5]) }
    }

    @Test func hugeAndNegativeSizesAreRefused() {
        #expect(throws: ProteanError.self) { try Tensor(zeros: [1 << 40, 1 << 40]) }
        #expect(throws: ProteanError.self) { try Tensor(zeros: [2, -1]) }
    }

    @Test func wrongCountsSayWhatWasExpected() throws {
        let error = #expect(throws: ProteanError.self) { try Tensor([1, 2, 3], shape: [2, 2]) }
        #expect(
            error?.description
                == "Tensor: tensor 'elements' has shape [3], expected 4 elements for the shape "
                + "[2, 2]")
        let six = try Tensor([1, 2, 3, 4, 5, 6], shape: [2, 3])
        for (shape, expected) in [
            ([5, 5], "25 elements for [5, 5]"), ([4, -1], "a multiple of 4 elements for [4, -1]"),
            ([0, -1], "a multiple of 0 elements for [0, -1]"),
        ] {
            #expect(
                throws: ProteanError.shapeMismatch(
                    layer: "reshape", tensor: "x", expected: expected, found: [2, 3])
            ) { try six.reshaped(to: shape) }
        }
        #expect(
            throws: ProteanError.invalidOption(
                layer: "reshape", option: "shape", expected: "-1 at most once",
                found: "[-1, -1, 6]")
        ) { try six.reshaped(to: [-1, -1, 6]) }
    }

    @Test func inputsInPyTorchsOrderGetAHint() throws {
        let conv = try Conv2d(inputChannels: 3, outputChannels: 8, kernelSize: 3)
        let expected = "[batch, height, width, 3]"
        let hint = "; this looks like NCHW, maps are NHWC here: convert it by `nchwToNHWC()`"
        let x = try Tensor(zeros: [1, 3, 24, 20])
        #expect(
            throws: ProteanError.shapeMismatch(
                layer: "Conv2d", tensor: "x", expected: expected + hint, found: [1, 3, 24, 20])
        ) { try conv(x) }
        #expect(try conv(x.nchwToNHWC()).shape == [1, 22, 18, 8])
        // Neither order fits: no hint.
        #expect(
            throws: ProteanError.shapeMismatch(
                layer: "Conv2d", tensor: "x", expected: expected, found: [1, 4, 24, 20])
        ) { try conv(Tensor(zeros: [1, 4, 24, 20])) }
        for layer: any Layer in [
            try BatchNorm2d(channels: 3), try LayerNorm(channels: 3),
            try DynamicReLU(channels: 3, reduction: 1),
            try SqueezeExcitation(channels: 3, squeezeChannels: 1),
            try DeformableConv2dPack(inputChannels: 3, outputChannels: 2, kernelSize: 3),
        ] {
            let error = #expect(throws: ProteanError.self) { try layer(x) }
            #expect(error?.description.contains("NCHW") == true, "\(layer.typeName)")
        }
    }

    @Test func descriptionsShowShapeAndValues() throws {
        #expect("\(try Tensor([1.5], shape: []))" == "Tensor []: 1.5")
        #expect("\(try Tensor([1, -2, .nan], shape: [3]))" == "Tensor [3]: [1.0, -2.0, nan]")
        #expect("\(try Tensor(zeros: [3, 0, 2]))" == "Tensor [3, 0, 2]: []")
        #expect("\(try Tensor(shapeOnly: [2, 3]))" == "Tensor [2, 3], without values")
        let matrix = try Tensor([1, 2, 3, 4], shape: [2, 2])
        #expect("\(matrix)" == "Tensor [2, 2]:\n[[1.0, 2.0],\n [3.0, 4.0]]")
        #expect(String(reflecting: matrix) == "\(matrix)")
        let cube = try Tensor([1, 2, 3, 4], shape: [2, 1, 2])
        #expect("\(cube)" == "Tensor [2, 1, 2]:\n[[[1.0, 2.0]],\n [[3.0, 4.0]]]")
    }

    @Test func descriptionsOfLargeTensorsAreShort() throws {
        let row = try Tensor((0..<2000).map(Float.init), shape: [2000])
        #expect(
            "\(row)"
                == "Tensor [2000]: [0.0, 1.0, 2.0, …, 1997.0, 1998.0, 1999.0]")
        let square = "\(try Tensor((0..<10_000).map(Float.init), shape: [100, 100]))"
        #expect(square.hasPrefix("Tensor [100, 100]:\n[[0.0, 1.0, 2.0, …, 97.0, 98.0, 99.0],\n"))
        #expect(square.contains(",\n …,\n"))
        #expect(square.hasSuffix("[9900.0, 9901.0, 9902.0, …, 9997.0, 9998.0, 9999.0]]"))
        // Whatever the shape, the text stays bounded.
        for shape in [
            [1 << 22], [64, 64, 64, 16], [2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2],
            [Int](repeating: 1, count: 20_000), [Int](repeating: 1, count: 200) + [2000],
        ] {
            let text = "\(try Tensor(repeating: -1.2345679e-30, shape: shape))"
            #expect(text.utf8.count < 100_000, "\(shape.count) axes")
        }
    }
}
