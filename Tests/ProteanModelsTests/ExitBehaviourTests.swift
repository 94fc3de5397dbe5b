import Foundation
import ProteanModels
import Testing

@testable import Protean

/// What every network with exits promises, for each of the networks.
@Suite(.serialized) struct ExitBehaviourTests {
    /// Small forms of the networks.
    static let networks = [
        ExitGolden(
            name: "msdnet", architecture: "msdnet_cifar100",
            options: #"{"blocks": 4, "base": 2, "step": 1, "channels": 8, "growth": 4}"#),
        ExitGolden(
            name: "ranet", architecture: "ranet_cifar100",
            options: #"{"step": 2, "channels": 8, "growth": 4}"#),
        ExitGolden(
            name: "boostnet on msdnet", architecture: "boostnet_msdnet_cifar100",
            options: #"{"blocks": 3, "base": 2, "step": 2, "channels": 8, "growth": 4}"#),
        ExitGolden(
            name: "imta", architecture: "imta_cifar100",
            options: #"{"blocks": 3, "base": 2, "step": 2, "channels": 8, "growth": 4}"#),
        ExitGolden(name: "triplewins_mnist", architecture: "triplewins_mnist"),
        ExitGolden(
            name: "rdi_resnet", architecture: "rdi_resnet38_cifar10", options: #"{"blocks": 2}"#),
        ExitGolden(name: "branchynet_lenet", architecture: "branchynet_lenet"),
        ExitGolden(
            name: "sdn_vgg16", architecture: "sdn_vgg16_cifar10",
            options: #"{"fc_layers": [16, 16]}"#),
    ]

    /// The first threads and instruction sets take all networks, the others small ones.
    static let light = networks.dropLast()

    static func images(_ golden: ExitGolden, _ batch: Int, seed: UInt64 = 3) throws -> Tensor {
        let input = ExitNetworkGoldenTests.input(golden)
        return try Initializer.uniform(
            [batch] + input.dropFirst(), in: -1...1, seed: seed)
    }

    /// Thresholds between the scores, so that about a third of the rows that are left leave at
    /// every exit.
    static func policy(_ network: ExitNetwork, _ x: Tensor) throws -> ExitPolicy {
        var left = Array(0..<x.shape[0]), thresholds: [Float] = []
        for logits in try network.all(x) {
            let scores = try left.map { row -> Float in
                let own = try Self.row(row, of: logits)
                return Criterion.probabilities(own.elements[...]).max() ?? 0
            }
            let sorted = scores.sorted()
            let threshold = sorted.isEmpty ? 2 : sorted[sorted.count * 2 / 3]
            thresholds.append(threshold)
            left = zip(left, scores).filter { $0.1 < threshold }.map(\.0)
        }
        return .threshold(.maximumProbability, thresholds)
    }

    static func row(_ index: Int, of x: Tensor) throws -> Tensor {
        try x.slice(axis: 0, from: index, to: index + 1)
    }

    static func areEqual(_ a: Tensor, _ b: Tensor) -> Bool {
        a.shape == b.shape
            && zip(a.elements, b.elements).allSatisfy { $0.bitPattern == $1.bitPattern }
    }

    @Test(arguments: networks) func rowsGetTheBitsTheyWouldGetAlone(
        _ golden: ExitGolden
    ) throws {
        let network = try golden.loaded(), x = try Self.images(golden, 7)
        let policy = try Self.policy(network, x)
        let all = try network.all(x), result = try network.dynamic(x, policy: policy)
        #expect(Set(result.exits).count > 1)
        for row in 0..<7 {
            let image = try Self.row(row, of: x)
            let alone = try network.dynamic(image, policy: policy)
            let own = try Self.row(row, of: result.logits)
            #expect(alone.exits[0] == result.exits[row])
            #expect(Self.areEqual(own, alone.logits), "row \(row)")
            #expect(Self.areEqual(own, try Self.row(row, of: all[result.exits[row]])))
            let separate = try network.all(image)
            for (exit, logits) in separate.enumerated() {
                #expect(Self.areEqual(logits, try Self.row(row, of: all[exit])), "exit \(exit)")
            }
        }
    }

    @Test(arguments: light) func everyInstructionSetAndThreadCount(_ golden: ExitGolden) throws {
        let network = try golden.loaded(), x = try Self.images(golden, 3)
        for isa in KernelISA.supported {
            var first: ExitResult?
            let policy = try Runtime.with(isa: isa, threads: 1) { try Self.policy(network, x) }
            for threads in 1...3 {
                let result = try Runtime.with(isa: isa, threads: threads) {
                    try network.dynamic(x, policy: policy)
                }
                let wanted = first ?? result
                first = wanted
                #expect(result.exits == wanted.exits)
                #expect(Self.areEqual(result.logits, wanted.logits), "\(isa), \(threads) threads")
            }
        }
    }

    @Test(arguments: networks, [0, 1, 7]) func untilEqualsAll(
        _ golden: ExitGolden, _ batch: Int
    ) throws {
        let network = try golden.loaded(), x = try Self.images(golden, batch)
        let all = try network.all(x)
        #expect(all.count == network.exitCount)
        for exit in all.indices {
            #expect(all[exit].shape[0] == batch)
            #expect(Self.areEqual(try network.until(exit, x), all[exit]), "exit \(exit)")
        }
        let never = ExitPolicy.threshold(
            .maximumProbability, [Float](repeating: 2, count: network.exitCount))
        let last = try network.dynamic(x, policy: never)
        #expect(last.exits == [Int](repeating: network.exitCount - 1, count: batch))
        if batch > 0 { #expect(Self.areEqual(last.logits, all[network.exitCount - 1])) }
    }

    @Test(arguments: networks) func executedEqualsTableAndCount(_ golden: ExitGolden) throws {
        let network = try golden.loaded(), x = try Self.images(golden, 7)
        let policy = try Self.policy(network, x)
        // The first dynamic call also finds what exits cost, which no trace may count as run.
        let counted = try Trace.measuring { () throws(ProteanError) in
            try network.dynamic(x, policy: policy)
        }
        let table = try network.costs(for: x.shape)
        let executed = counted.result.executed
        #expect(executed == counted.result.exits.map { table.exits[$0].multiplyAdds })
        #expect(counted.cost.executedMultiplyAdds == executed.reduce(0, +))
        // Everything that leaves at once costs the first exit only.
        let always = ExitPolicy.threshold(
            .maximumProbability, [Float](repeating: 0, count: network.exitCount))
        let early = try Trace.measuring { () throws(ProteanError) in
            try network.dynamic(x, policy: always)
        }
        #expect(early.cost.executedMultiplyAdds == 7 * table.exits[0].multiplyAdds)
    }

    @Test(arguments: light) func largeBatchesInAnyOrder(_ golden: ExitGolden) throws {
        let network = try golden.loaded(), x = try Self.images(golden, 32)
        let policy = try Self.policy(network, x)
        let result = try network.dynamic(x, policy: policy)
        let order = (0..<32).map { $0 * 13 % 32 }
        let turned = try network.dynamic(
            try Operations.indexSelect(x, axis: 0, indices: order), policy: policy)
        #expect(turned.exits == order.map { result.exits[$0] })
        let expected = try Operations.indexSelect(result.logits, axis: 0, indices: order)
        #expect(Self.areEqual(turned.logits, expected))
        #expect(
            Self.areEqual(
                try Self.row(31, of: result.logits),
                try network.dynamic(try Self.row(31, of: x), policy: policy).logits))
    }

    @Test func boostingFollowsTheRecurrence() throws {
        let plain = ExitGolden(
            name: "", architecture: "msdnet_cifar100", options: Self.networks[2].options)
        let x = try Self.images(plain, 2)
        let own = try plain.loaded().all(x), boosted = try Self.networks[2].loaded().all(x)
        var sum = own[0].elements
        #expect(boosted[0].elements == sum)
        for exit in 1..<own.count {
            sum = zip(sum, own[exit].elements).map { 0.5 * $0 + $1 }
            #expect(boosted[exit].elements == sum)
        }
    }

    @Test func factorsAreOneTwoOrAll() throws {
        func factors(_ json: String) throws -> ExitNetwork.Combiner {
            let options = #"{"blocks": 3, "base": 1, "ensemble_reweight": \#(json)}"#
            return try ExitGolden(
                name: "", architecture: "boostnet_msdnet_cifar100", options: options
            ).network().combiner
        }
        #expect(try factors("0.25") == .boosted([0.25, 0.25]))
        #expect(try factors("[0, 1]") == .boosted([0.5, 1]))
        #expect(try factors("[9, 0.5, 0.75]") == .boosted([0.5, 0.75]))
        #expect(throws: ProteanError.self) { try factors("[1, 2, 3, 4]") }
        #expect(throws: ProteanError.self) { try factors(#""half""#) }
    }

    @Test(arguments: [
        ("msdnet_cifar100", #"{"blocks": 0}"#, "blocks"),
        ("msdnet_cifar100", #"{"base": 65}"#, "base"),
        ("msdnet_cifar100", #"{"growth": 3, "grFactor": [1, 1, 2]}"#, "growth"),
        ("msdnet_cifar100", #"{"grFactor": "1-2-x"}"#, "grFactor"),
        ("msdnet_cifar100", #"{"bnFactor": [1, 2]}"#, "bnFactor"),
        ("msdnet_cifar100", #"{"prune": "middle"}"#, "prune"),
        ("msdnet_cifar100", #"{"prune": "min", "blocks": 1, "base": 1}"#, "prune"),
        ("msdnet_cifar100", #"{"stepmode": "odd"}"#, "stepmode"),
        ("msdnet_cifar100", #"{"reduction": 0.001}"#, "reduction"),
        ("msdnet_cifar100", #"{"reduction": 2}"#, "reduction"),
        ("msdnet_cifar100", #"{"num_class": 7}"#, "num_class"),
        ("msdnet_cifar100", #"{"ensemble_reweight": 0.5}"#, "ensemble_reweight"),
        ("ranet_cifar100", #"{"scale_list": [1, 3, 4, 4]}"#, "scale_list"),
        ("ranet_cifar100", #"{"scale_list": [1, 2]}"#, "grFactor"),
        ("ranet_cifar100", #"{"compress_factor": 0.1}"#, "compress_factor"),
        ("ranet_cifar100", #"{"compress_factor": 1}"#, "compress_factor"),
        ("ranet_cifar100", #"{"step": 0}"#, "step"),
        ("sdn_vgg16_cifar10", #"{"input_size": 40}"#, "size"),
        ("sdn_vgg16_cifar10", #"{"fc_layers": [4]}"#, "hidden"),
        ("rdi_resnet38_cifar10", #"{"blocks": 1}"#, "blocks"),
    ]) func wrongOptionsAreRefused(_ name: String, _ json: String, _ option: String) throws {
        do {
            _ = try ModelLoader.standard.makeModel(
                name, configuration: ModelConfiguration(json: json, source: "test"))
            Issue.record("\(name) took \(json)")
        } catch ProteanError.invalidOption(_, let found, _, _) {
            #expect(found == option)
        }
    }

    @Test(arguments: networks) func wrongImagesAreRefused(_ golden: ExitGolden) throws {
        let network = try golden.network()
        let input = ExitNetworkGoldenTests.input(golden)
        for shape in [[2, input[1], input[2], 5], [2, 4, 4, input[3]], [2, 3], []] {
            #expect(throws: ProteanError.self, "\(shape)") { try network(try Tensor(zeros: shape)) }
        }
    }

    @Test func weightsOfDataParallelLoad() throws {
        let golden = Self.networks[0]
        let trained = try golden.loaded()
        let path = "/tmp/protean-exits-\(UInt64.random(in: 0...UInt64.max)).safetensors"
        defer { try? FileManager.default.removeItem(atPath: path) }
        try Checkpoint.writeSafetensors(
            to: path,
            tensors: trained.allParameters().map { ("module.\($0.name)", $0.parameter.value) })
        let model = try ModelLoader.standard.load(
            path, as: golden.architecture,
            configuration: ModelConfiguration(json: golden.options, source: "test"))
        let x = try Self.images(golden, 1)
        #expect(Self.areEqual(try model(x), try trained(x)))
    }

    @Test func landmarksAreKeysOfTheirNetworks() throws {
        let names = [
            "msdnet_cifar100", "msdnet_cifar10", "msdnet_imagenet", "boostnet_msdnet_cifar100",
            "boostnet_msdnet_imagenet", "imta_cifar100", "imta_cifar10", "imta_imagenet",
            "ranet_cifar100", "ranet_cifar10", "ranet_cifar100_model1", "ranet_cifar100_model2",
            "ranet_cifar100_model3", "ranet_imagenet", "boostnet_ranet_cifar100",
            "boostnet_ranet_imagenet", "triplewins_mnist", "rdi_resnet38_cifar10",
            "sdn_vgg16_cifar10", "branchynet_lenet",
        ]
        for name in names {
            let model = try ModelLoader.standard.makeModel(name)
            let keys = Set(model.allParameters().map(\.name))
            #expect(!model.plugin.landmarkKeys.isEmpty)
            #expect(model.plugin.landmarkKeys.allSatisfy(keys.contains), "\(name)")
            let classes = try model.outputShape(for: model.plugin.inputShape)[1]
            #expect([0, classes].contains(model.plugin.classNames.count), "\(name)")
        }
    }
}
