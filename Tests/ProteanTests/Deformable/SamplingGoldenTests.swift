import Testing

@testable import Protean

/// ONNX's node cases, PyTorch, torchvision and mmcv; Tests/Golden/generate/sampling.py made the
/// values.
@Suite struct SamplingGoldenTests {
    static let file = Result {
        try Checkpoint.open(GoldenFiles.path("layers/sampling.safetensors"))
    }

    /// A case of the file.
    struct Case: Sendable, CustomTestStringConvertible {
        var name: String
        var testDescription: String { name }

        func options() throws -> ModelConfiguration {
            let text = try #require(try SamplingGoldenTests.file.get().metadata[name])
            return try ModelConfiguration(json: text, source: name)
        }

        /// A tensor as it lies in the file.
        func plain(_ key: String) throws -> Tensor? {
            let file = try SamplingGoldenTests.file.get()
            if case .object(let same) = try options().values["same"],
                case .string(let other) = same[key]
            {
                return try file.tensor(other)
            }
            let full = "\(name)/\(key)"
            return file.names.contains(full) ? try file.tensor(full) : nil
        }

        /// An image or a volume of the file with the channels last.
        func map(_ key: String) throws -> Tensor? {
            guard let image = try plain(key) else { return nil }
            let (c, pixels) = (image.shape[1], image.shape[2...].reduce(1, *))
            let values = image.elements
            let moved = (0..<image.count).map { i in
                values[(i / (c * pixels) * c + i % c) * pixels + i / c % pixels]
            }
            return try Tensor(moved, shape: [image.shape[0]] + image.shape[2...] + [c])
        }

        func number(_ key: String) throws -> Double {
            guard case .number(let value) = try options().values[key] else { return 0 }
            return value
        }

        func flag(_ key: String) throws -> Bool { try options().values[key] == .bool(true) }

        func sizes(_ key: String) throws -> [Int] {
            guard case .array(let list) = try options().values[key] else { return [] }
            return list.compactMap { if case .number(let size) = $0 { Int(size) } else { nil } }
        }

        func size(_ key: String) throws -> Size2d {
            let sizes = try sizes(key)
            guard sizes.count == 2 else { throw ProteanError.noValues(layer: key) }
            return Size2d(height: sizes[0], width: sizes[1])
        }

        func text(_ key: String) throws -> String {
            guard case .string(let value) = try options().values[key] else { return "" }
            return value
        }
    }

    static func cases(_ prefix: String) -> [Case] {
        ((try? file.get())?.metadata.keys.sorted() ?? []).filter { $0.hasPrefix(prefix) }
            .map(Case.init)
    }

    static let all = cases("")

    @Test func thereAreCasesOfEveryKind() throws {
        #expect(Self.cases("onnx.test_").count == 22)
        #expect(Self.cases("onnx.test_gridsample").count == 18)
        #expect(Self.cases("torch.").count == 60)
        #expect(Self.cases("affine.").count == 12)
        #expect(Self.cases("torchvision.").count == 5)
        #expect(Set(try Self.all.map { try $0.text("kind") }).count == 5)
    }

    @Test(arguments: all)
    func equalsTheReference(_ test: Case) throws {
        let isMap = try test.text("kind") != "affine"
        let expected = try #require(isMap ? try test.map("y") : try test.plain("y"))
        // ONNX writes this one down with four decimals.
        let tolerance = test.name == "onnx.test_gridsample_bicubic" ? 6e-5 : 1e-5
        try MapTest.everywhere {
            try Self.run(test)
        } check: { isa, y in
            MapTest.expect(
                y, shape: expected.shape, expected.elements.map(Double.init),
                tolerance: tolerance, "\(isa)")
        }
    }

    static func run(_ test: Case) throws -> Tensor {
        switch try test.text("kind") {
        case "grid":
            return try Operations.gridSample(
                #require(try test.map("x")), grid: #require(try test.plain("grid")),
                mode: #require(GridMode(rawValue: try test.text("mode"))),
                padding: #require(GridPadding(rawValue: try test.text("padding"))),
                alignCorners: try test.flag("align"))
        case "affine":
            let theta = try #require(try test.plain("theta")), align = try test.flag("align")
            let sizes = try test.sizes("size")
            guard sizes.count == 3 else {
                return try Operations.affineGrid(
                    theta, size: test.size("size"), alignCorners: align)
            }
            return try Operations.affineGrid(
                theta, size: Size3d(depth: sizes[0], height: sizes[1], width: sizes[2]),
                alignCorners: align)
        case "roi":
            return try Operations.roiAlign(
                #require(try test.map("x")), boxes: #require(try test.plain("boxes")),
                size: try test.size("size"), scale: Float(try test.number("scale")),
                samplingRatio: Int(try test.number("ratio")), aligned: try test.flag("aligned"))
        case "mmcv":
            return try mmcv(test)
        default:
            return try deform(test)
        }
    }

    private static func deform(_ test: Case) throws -> Tensor {
        let weight = try #require(try test.plain("weight"))
        let groups = Int(try test.number("groups")), padding = try test.size("padding")
        let layer = try DeformableConv2d(
            inputChannels: weight.shape[1] * groups, outputChannels: weight.shape[0],
            kernelSize: Size2d(height: weight.shape[2], width: weight.shape[3]),
            stride: try test.size("stride"),
            padding: .symmetric(height: padding.height, width: padding.width),
            dilation: try test.size("dilation"), groups: groups)
        try layer.weight.set(weight)
        try layer.bias?.set(test.plain("bias") ?? Tensor(zeros: [weight.shape[0]]))
        return try layer(
            #require(try test.map("x")), offset: #require(try test.map("offset")),
            mask: try test.map("mask"))
    }

    private static func mmcv(_ test: Case) throws -> Tensor {
        let layer = try DeformableConv2dPack(
            inputChannels: 1, outputChannels: 1, kernelSize: 2)
        for (path, key) in [
            ("weight", "weight"), ("conv_offset.weight", "offset_weight"),
            ("conv_offset.bias", "offset_bias"),
        ] {
            try #require(layer.parameter(at: path)).set(#require(try test.plain(key)))
        }
        return try layer(#require(try test.map("x")))
    }
}
