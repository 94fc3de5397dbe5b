import Foundation
import Protean
import ProteanImage
import ProteanModels
import Testing

/// IMDN, RLFN and PAN against PyTorch (Tests/Golden/generate/super_resolution.py) on weights that
/// follow from a formula, and the published networks on their test images.
@Suite(.serialized) struct SuperResolutionTests {
    /// A network of the golden values.
    struct Network: CustomTestStringConvertible, Sendable {
        let name: String
        let scale: Int
        let parameters: Int
        /// The result's largest difference over its largest value.
        var tolerance: Float = 1e-5
        let make: @Sendable () throws -> any Layer

        var testDescription: String { name }

        /// A network of the registry.
        static func plugin(_ name: String, scale: Int, parameters: Int) -> Network {
            Network(name: name, scale: scale, parameters: parameters) {
                try ModelLoader.standard.makeModel(name)
            }
        }

        /// Names and shapes.
        func keys() throws -> [(name: String, shape: [Int])] {
            let file = TestFiles.golden("models/super_resolution_\(name).keys.txt")
            return try String(contentsOfFile: file, encoding: .utf8).split(separator: "\n").map {
                let space = try #require($0.firstIndex(of: " "))
                return (
                    String($0[..<space]),
                    $0[space...].split(whereSeparator: { !$0.isNumber }).compactMap { Int($0) }
                )
            }
        }

        /// `bound` of the generator.
        private func bound(_ key: String, _ shape: [Int]) -> Float {
            guard shape.count > 1 else { return 0.1 }
            let edge = (4.5 / Float(shape.dropFirst().reduce(1, *))).squareRoot()
            if name.hasPrefix("rlfn"), key == "fea_conv.weight" { return edge / 128 }
            let isSum = key.hasPrefix("SCPA_trunk.") && key.hasSuffix(".conv3.weight")
            return isSum ? edge / 4 : edge
        }

        /// The network with the formula's weights.
        func filled() throws -> any Layer {
            let network = try make()
            network.assignLabels()
            for (key, shape) in try keys() {
                let edge = bound(key, shape)
                let values = ResNetTests.uniform(key, -edge, edge, count: shape.reduce(1, *))
                try #require(network.parameter(at: key)).set(Tensor(values, shape: shape))
            }
            return network
        }
    }

    static let networks = [
        Network.plugin("imdn_x2", scale: 2, parameters: 694_404),
        Network.plugin("imdn_x4", scale: 4, parameters: 715_176),
        Network.plugin("rlfn_x4", scale: 4, parameters: 317_218),
        Network.plugin("pan_x4", scale: 4, parameters: 272_419),
        Network(name: "pan_x3", scale: 3, parameters: 2731) {
            try PAN(scale: 3, features: 8, largeFeatures: 5, blocks: 2)
        },
    ]

    @Test(arguments: networks) func keysAreTheReferences(_ network: Network) throws {
        let found = try network.make().allParameters().map { "\($0.name) \($0.parameter.shape)" }
        let expected = try network.keys().map { "\($0.name) \($0.shape)" }
        #expect(Set(found) == Set(expected) && found.count == expected.count)
        #expect(try network.make().parameterCount == network.parameters)
    }

    @Test(arguments: networks) func resultsAgreeWithPyTorch(_ network: Network) throws {
        let golden = try Checkpoint.open(TestFiles.golden("models/super_resolution.safetensors"))
        let x = try golden.tensor("\(network.name).x")
        let expected = try golden.tensor("\(network.name).y")
        let model = try network.filled()
        let largest = expected.elements.map(abs).max() ?? 0
        for isa in KernelISA.supported {
            let single = try Runtime.with(isa: isa, threads: 1) { try model(x) }
            let error = try single.maximumDifference(from: expected) / largest
            #expect(error < network.tolerance, "\(isa)")
            print("\(network.name), \(isa): within \(error) of the largest")
            let several = try Runtime.with(isa: isa, threads: 3) { try model(x) }
            #expect(several.elements == single.elements, "\(isa)")
        }
    }

    @Test(arguments: networks) func shapesAndRefusals(_ network: Network) throws {
        let model = try network.make()
        model.assignLabels()
        let output = try model.outputShape(for: [2, 21, 17, 3])
        #expect(output == [2, 21 * network.scale, 17 * network.scale, 3])
        #expect(try model(Tensor(zeros: [0, 16, 15, 3])).shape[0] == 0)
        for shape in [[1, 16, 16, 1], [1, 0, 16, 3], [16, 16, 3]] {
            let error = #expect(throws: ProteanError.self) { try model(Tensor(zeros: shape)) }
            let family = network.name.split(separator: "_")[0].uppercased()
            #expect(error?.description.contains(family) == true, "\(String(describing: error))")
        }
    }

    @Test func sizesAreChecked() throws {
        #expect(throws: ProteanError.self) { try IMDN(scale: 5) }
        #expect(throws: ProteanError.self) { try IMDN(features: 18) }
        #expect(throws: ProteanError.self) { try IMDN(blocks: 0) }
        #expect(throws: ProteanError.self) { try RLFN(scale: 1) }
        #expect(throws: ProteanError.self) { try RLFN(features: 0) }
        #expect(throws: ProteanError.self) { try PAN(features: 7) }
        #expect(throws: ProteanError.self) { try PAN(largeFeatures: 0) }
        // Spatial attention sees windows of 15 pixels.
        let error = #expect(throws: ProteanError.self) {
            try RLFN(blocks: 1)(Tensor(zeros: [1, 14, 20, 3]))
        }
        #expect(error?.description.contains("15") == true)
        for (name, json) in [
            ("imdn_x4", #"{"nf": 17}"#), ("rlfn_x4", #"{"nb": 4}"#), ("pan_x4", #"{"nf": "40"}"#),
        ] {
            let wrong = try ModelConfiguration(json: json, source: "test")
            #expect(throws: ProteanError.self) {
                try ModelLoader.standard.makeModel(name, configuration: wrong)
            }
        }
    }

    @Test func configurationSetsTheSizes() throws {
        let loader = ModelLoader.standard
        for (name, json, parameters) in [
            ("imdn_x2", #"{"nf": 16, "num_modules": 1}"#, "IMDB1.c1.weight"),
            ("rlfn_x4", #"{"nf": 16, "mf": 8}"#, "B4.c1_r.weight"),
            ("pan_x4", #"{"nf": 16, "unf": 4, "nb": 1}"#, "SCPA_trunk.0.conv1_a.weight"),
        ] {
            let configuration = try ModelConfiguration(json: json, source: "test")
            let model = try loader.makeModel(name, configuration: configuration)
            #expect(model.parameter(at: parameters)?.shape[1] == 16)
        }
    }

    /// The gates of every attention layer are recorded, and recording changes no results.
    @Test(arguments: [("imdn_x2", 6), ("rlfn_x4", 4), ("pan_x4", 18)])
    func gatesAreRecorded(name: String, count: Int) throws {
        let network = try #require(Self.networks.first { $0.name == name })
        let model = try network.filled()
        let x = try Tensor(ResNetTests.uniform("x", 0, 255, count: 810), shape: [1, 15, 18, 3])
        let record = AttentionRecord()
        let y = try record.recording { try model(x) }
        #expect(try y.maximumDifference(from: model(x)) <= 1e-5 * (y.elements.map(abs).max() ?? 0))
        #expect(record.entries.count == count)
        for entry in record.entries {
            #expect(entry.gates.elements.allSatisfy { $0 >= 0 && $0 <= 1 }, "\(entry.path)")
        }
    }

    // MARK: The published networks

    static let imdn = TestFiles.shared("weights/IMDN_x4.pth")
    static let rlfn = TestFiles.shared("weights/ntire2022_team04_rlfn.pth")

    /// Mean luma PSNR on Set5 as PyTorch finds it with these weights, in decibels.
    @Test(
        .enabled(if: TestFiles.exist(imdn, rlfn), "skipped: no published weights"),
        arguments: [("imdn_x4", imdn, 32.210), ("rlfn_x4", rlfn, 32.097)])
    func thePublishedNetworksReachTheirFigures(
        name: String, weights: String, expected: Double
    ) throws {
        let model = try ModelLoader.standard.load(weights, as: name)
        var sum = 0.0
        for image in ["baby", "bird", "butterfly", "head", "woman"] {
            let folder = TestFiles.shared("data/set5")
            let small = try Image.decode("\(folder)/LR_bicubic/X4/\(image)x4.png").rgb
            let whole = try Image.decode("\(folder)/HR/\(image).png").rgb
            let result = try Image(try model(try small.tensor()))
            let ratio = try result.lumaPSNR(against: whole, border: 4)
            print("\(name), \(image): \(ratio) dB")
            sum += ratio
        }
        print("\(name), Set5: \(sum / 5) dB")
        #expect(abs(sum / 5 - expected) < 0.01)
    }
}
