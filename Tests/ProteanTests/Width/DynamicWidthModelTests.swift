import Foundation
import ProteanModels
import Testing

@testable import Protean

/// Networks of dynamic width against the authors' code: names and shapes of all parameters, and logits
/// on weights that follow from a formula (Tests/Golden/generate/width_models.py).
@Suite struct DynamicWidthModelTests {
    private static func golden(_ name: String) throws -> Tensor {
        let path = GoldenFiles.path("models/width_models.safetensors")
        return try Checkpoint.open(path).tensor(name)
    }

    /// `bound` and `uniform` of the generator.
    private static func values(_ key: String, _ shape: [Int]) throws -> Tensor {
        let seed = key.utf8.reduce(UInt64(0xCBF2_9CE4_8422_2325)) {
            ($0 ^ UInt64($1)) &* 0x0000_0100_0000_01B3
        }
        return try Initializer.uniform(shape, in: range(key, shape), seed: seed)
    }

    private static func range(_ key: String, _ shape: [Int]) -> ClosedRange<Float> {
        if key == "x" { return -1...1 }
        if key.hasSuffix("running_var") { return 0.5...1.5 }
        if key.hasSuffix("threshold") { return -0.5...1 }
        if shape.count >= 2 {
            let edge = (6 / Float(shape.dropFirst().reduce(1, *))).squareRoot()
            return -edge...edge
        }
        return key.hasSuffix("weight") ? 0.5...1.5 : -0.25...0.25
    }

    private static func fill(_ network: any Layer) throws {
        for named in network.allParameters() where !named.name.hasSuffix(".mask") {
            try named.parameter.set(values(named.name, named.parameter.shape))
        }
        network.assignLabels()
    }

    private static func expectKeys(_ network: any Layer, _ file: String) throws {
        let path = GoldenFiles.path("models/width_\(file).keys.txt")
        let lines = try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n")
        let found = network.allParameters().map { "\($0.name) \($0.parameter.shape)" }
        #expect(Set(found) == Set(lines.map(String.init)))
        #expect(found.count == lines.count)
    }

    private static func expect(
        _ found: Tensor, _ name: String, sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        let expected = try golden(name)
        let size = expected.elements.map(abs).max() ?? 1
        let error = try found.maximumDifference(from: expected) / size
        #expect(error < 1e-4, "\(name): \(error)", sourceLocation: sourceLocation)
    }

    @Test func featureBoostingGivesThePortsLogits() throws {
        let x = try Self.values("x", [3, 32, 32, 3])
        for (name, density) in [("fbs_m_cifarnet", 0.5), ("fbs_m_cifarnet_dense", 1)] {
            let network = try FBSMCifarNet(density: density)
            #expect(network.parameterCount == 1_441_802)
            try Self.expectKeys(network, "fbs_m_cifarnet")
            try Self.fill(network)
            let y = try network(x)
            try Self.expect(y, name)
            for row in 0..<3 { #expect(try network(x.sample(row)).isBitEqual(to: y.sample(row))) }
        }
    }

    @Test func featureBoostingComputesASquareOfItsDensity() throws {
        let network = try FBSMCifarNet(density: 0.5)
        try Self.fill(network)
        let dense = try network.cost(for: [1, 32, 32, 3]).multiplyAdds
        // 174.3 M for the convolutions; predictors and classifier beside.
        let predictors = 64 * (3 + 64) + 128 * (64 + 128 + 128) + 192 * (128 + 192 + 192)
        #expect(dense == 174_299_904 + predictors + 1_920)
        let trace = Trace()
        _ = try trace.recording { try network(Self.values("x", [1, 32, 32, 3])) }
        let share = trace.totalCost.executedShare
        #expect(share > 0.05 && share < 0.27)
        #expect(trace.totalCost.multiplyAdds == dense)
    }

    @Test func channelGatingGivesTheReferencesLogits() throws {
        let x = try Self.values("x", [2, 32, 32, 3])
        for (name, group, shuffle) in [
            ("cg_resnet20", false, false), ("cg_resnet20_group", true, false),
            ("cg_resnet20_shuffle", true, true),
        ] {
            let network = try CGResNet(usesGroups: group, shuffles: shuffle)
            #expect(network.parameterCount == 270_058)
            try Self.expectKeys(network, "cg_resnet20")
            try Self.fill(network)
            let y = try network(x)
            try Self.expect(y, name)
            for row in 0..<2 { #expect(try network(x.sample(row)).isBitEqual(to: y.sample(row))) }
            let trace = Trace()
            _ = try trace.recording { try network(x) }
            let gated = trace.events.filter { $0.layer == "ChannelGatedConv2d" }
            #expect(gated.count == 9)
            let full = try Self.golden(name + "_full").elements
            #expect(full.reduce(0, +) > 0)
        }
    }

    @Test func slimmableSubnetworksGiveTheReferencesLogits() throws {
        let network = try DSMobileNet()
        #expect(network.parameterCount == 7_676_204)
        try Self.expectKeys(network, "ds_mobilenet")
        try Self.fill(network)
        let x = try Self.values("x", [2, 75, 59, 3])
        for width in [0, 1, 3, 7, 13] {
            try Self.expect(try network(x, width: width), "ds_mobilenet_\(width)")
        }
        try Self.expect(try network.largest(x), "ds_mobilenet_largest")
        // The gate chooses per row; each row has the logits of its width.
        let scores = try Self.golden("ds_mobilenet_gate")
        let chosen = try Rule.argmax.choose(scores).picks.map { $0[0].action }
        let y = try network(x)
        for row in 0..<2 {
            let alone = try network(x.sample(row), width: chosen[row])
            #expect(alone.isBitEqual(to: try y.sample(row)))
        }
    }

    @Test func rowsOfSeveralWidthsRunApart() throws {
        let network = try DSMobileNet(classes: 7)
        try Self.fill(network)
        let x = try Tensor.random([4, 64, 64, 3], seed: 4)
        let widths = [2, 0, 3, 0]
        let table = [network.place: widths.map { [Choice.Pick(action: $0)] }]
        let trace = Trace()
        let y = try trace.recording { () throws(ProteanError) in
            try DecisionSource.with(.table(table)) { () throws(ProteanError) in try network(x) }
        }
        let executed = trace.executed(batch: 4)
        #expect(executed[1] == executed[3])
        #expect(executed[1] < executed[0] && executed[0] < executed[2])
        #expect(executed.reduce(0, +) == trace.totalCost.executedMultiplyAdds)
        for row in 0..<4 {
            let alone = try network(x.sample(row), width: widths[row])
            #expect(alone.isBitEqual(to: try y.sample(row)))
        }
        #expect(try network(Tensor(zeros: [0, 64, 64, 3])).shape == [0, 7])
    }

    @Test(arguments: [
        (0, 133e6), (1, 153e6), (2, 175e6), (3, 200e6), (4, 226e6), (5, 255e6), (6, 286e6),
        (7, 319e6), (8, 355e6), (9, 393e6), (10, 433e6), (11, 475e6), (12, 519e6), (13, 565e6),
    ]) func slimmableCostsAreThePublished(_ width: Int, _ published: Double) throws {
        let trace = Trace()
        let x = try Tensor(shapeOnly: [1, 224, 224, 3])
        let network = try DSMobileNet()
        network.assignLabels()
        _ = try trace.recording { try network(x, width: width) }
        // The published counts take an addition of a mean for a multiply-add.
        let averaged = trace.events.filter { $0.path.hasSuffix("conv_dw") }
            + trace.events.filter { $0.path.hasSuffix("conv_pw") }.suffix(1)
        let additions = averaged.reduce(0) { $0 + $1.outputShape.reduce(1, *) }
        let found = Double(trace.totalCost.executedMultiplyAdds + additions)
        #expect((found / 1e6).rounded() * 1e6 == published, "\(found)")
    }

    @Test func prunedVGGEqualsTheMaskedOne() throws {
        let network = try RNPVGG16(classes: 10, groups: 4, code: 16, hidden: 16, units: 40)
        network.assignLabels()
        let x = try Tensor.random([3, 32, 32, 3], seed: 3)
        // Row r takes action (r + layer) % 4, so parts split and join at every layer.
        var table: [String: [[Choice.Pick]]] = [:]
        for layer in 0..<13 {
            table["\(network.place).\(layer)"] = (0..<3).map {
                [Choice.Pick(action: ($0 + layer) % 4)]
            }
        }
        let source = DecisionSource.table(table)
        let trace = Trace()
        let y = try trace.recording { () throws(ProteanError) in
            try DecisionSource.with(source) { () throws(ProteanError) in try network(x) }
        }
        let executed = trace.executed(batch: 3)
        #expect(Set(executed).count == 3)
        #expect(executed.reduce(0, +) == trace.totalCost.executedMultiplyAdds)
        for row in 0..<3 {
            let own = DecisionSource.table(table.mapValues { [$0[row]] })
            let alone = try DecisionSource.with(own) { () throws(ProteanError) in
                try network(try Operations.slice(x, [AxisSlice(row..<row + 1)]))
            }
            #expect(alone.isBitEqual(to: try y.sample(row)))
            let masked = try Self.masked(network, x.sample(row)) { (row + $0) % 4 }
            let size = masked.elements.map(abs).max() ?? 1
            #expect(try alone.maximumDifference(from: masked) / size < 1e-4)
        }
    }

    /// Every convolution dense, then channels behind the chosen groups zeroed.
    private static func masked(
        _ network: RNPVGG16, _ x: Tensor, _ action: (Int) -> Int
    ) throws -> Tensor {
        var y = x, layer = 0
        let pools = [1, 3, 6, 9, 12]
        for part in network.submodules {
            guard let conv = part.module as? Conv2d else { continue }
            let channels = conv.geometry.outputChannels, kept = (action(layer) + 1) * channels / 4
            let ones = (0..<channels).map { Float($0 < kept ? 1 : 0) }
            y = try Operations.scaleShift(
                try Operations.activate(try conv(y), .relu), scale: Tensor(ones, shape: [channels]),
                shift: Tensor(zeros: [channels]))
            if pools.contains(layer) {
                let pool = try MaxPool2d(kernelSize: 2)
                y = try pool(y)
            }
            layer += 1
        }
        y = try Operations.adaptiveAvgPool2d(y, outputSize: 7)
        var flat = try Operations.permute(y, [0, 3, 1, 2]).reshaped(to: [1, 512 * 49])
        for (index, name) in ["classifier.0", "classifier.3", "classifier.6"].enumerated() {
            let linear = try #require(network.module(at: name) as? Linear)
            flat = try linear(flat, activation: index < 2 ? .relu : .identity)
        }
        return flat
    }

    @Test func everyNetworkIsFoundByItsName() throws {
        for name in [
            "fbs_m_cifarnet", "cg_resnet20_cifar", "ds_mobilenet", "rnp_vgg16", "s2dnas_resnet56",
            "vgg16_bn_cifar", "densenet_bc100_cifar",
        ] {
            let model = try ModelLoader.standard.makeModel(name)
            let keys = Set(model.allParameters().map(\.name))
            #expect(keys.isSuperset(of: model.plugin.landmarkKeys), "\(name)")
            let size = model.plugin.inputShape
            let shape = try model.outputShape(for: [2] + size.dropFirst())
            #expect(shape == [2, size[1] == 32 ? 10 : 1000], "\(name)")
            let odd = try ModelConfiguration(json: #"{"colour": 3}"#, source: "test")
            #expect(throws: ProteanError.self) {
                try ModelLoader.standard.makeModel(name, configuration: odd)
            }
        }
    }

    @Test func prunedVGGHasTheStaticNetworksSizes() throws {
        let network = try RNPVGG16()
        let policy = try #require(network.module(at: "policy")).parameterCount
        #expect(network.parameterCount - policy == 138_357_544)
        // Encoders 3 … 512 to 128, an LSTM of 128 units with two biases, a decoder to 4.
        let encoders = 128 * (3 + 64 + 64 + 128 + 128 + 256 * 3 + 512 * 5 + 13)
        #expect(policy == encoders + 4 * 128 * (256 + 2) + 4 * 129)
        let cost = try network.cost(for: [1, 224, 224, 3]).multiplyAdds
        #expect(cost == 15_470_264_320 + encoders - 13 * 128 + 13 * (4 * 128 * 256 + 4 * 128))
    }
}
