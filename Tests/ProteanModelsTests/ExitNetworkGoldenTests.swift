import Foundation
import ProteanModels
import Testing

@testable import Protean

/// MSDNet, RANet, IMTA, Triple Wins, SDN and B-LeNet against the authors' code.
@Suite(.serialized) struct ExitNetworkGoldenTests {
    static let msdnets =
        [
            ExitGolden(name: "msdnet_cifar100", architecture: "msdnet_cifar100"),
            ExitGolden(name: "msdnet_cifar10", architecture: "msdnet_cifar10"),
            ExitGolden(
                name: "msdnet_cifar100_7", architecture: "msdnet_cifar100",
                options: #"{"blocks": 7}"#),
            ExitGolden(
                name: "msdnet_cifar100_6", architecture: "msdnet_cifar100",
                options: #"{"blocks": 6}"#),
            ExitGolden(
                name: "msdnet_cifar100_min", architecture: "msdnet_cifar100",
                options: #"{"blocks": 4, "prune": "min", "base": 3}"#),
            ExitGolden(
                name: "msdnet_cifar100_plain", architecture: "msdnet_cifar100",
                options: #"{"blocks": 3, "bottleneck": false, "reduction": 0}"#),
            ExitGolden(
                name: "msdnet_imagenet_small", architecture: "msdnet_imagenet",
                options: #"{"blocks": 3, "base": 2, "step": 2, "channels": 8, "growth": 4}"#),
        ]
        + (5...8).map {
            ExitGolden(
                name: "msdnet_cifar100_lin\($0)", architecture: "msdnet_cifar100",
                options: #"{"blocks": \#($0), "stepmode": "lin_grow", "step": 1, "base": 1}"#)
        }
        + (4...7).map {
            ExitGolden(
                name: "msdnet_imagenet_\($0)", architecture: "msdnet_imagenet",
                options: #"{"base": \#($0), "step": \#($0)}"#, hasLogits: false)
        }

    static let ranets =
        [
            ExitGolden(name: "ranet_cifar100", architecture: "ranet_cifar100"),
            ExitGolden(name: "ranet_cifar10", architecture: "ranet_cifar10"),
            ExitGolden(
                name: "ranet_imagenet_small", architecture: "ranet_imagenet",
                options: #"{"channels": 8, "growth": 4, "step": 2}"#),
            ExitGolden(
                name: "ranet_cifar100_steps", architecture: "ranet_cifar100",
                options: #"""
                    {"blocks": 1, "block_step": 3, "step": 2, "bnAfter": false, "scale_list": "1-2-3",
                    "grFactor": "4-2-1"}
                    """#),
        ]
        + (1...3).map {
            ExitGolden(name: "ranet_cifar100_model\($0)", architecture: "ranet_cifar100_model\($0)")
        }
        + [32, 64].map {
            ExitGolden(
                name: "ranet_imagenet_\($0)", architecture: "ranet_imagenet",
                options: #"{"channels": \#($0)}"#, hasLogits: false)
        }

    static let others = [
        ExitGolden(
            name: "imta_cifar100", architecture: "imta_cifar100", options: #"{"blocks": 4}"#),
        ExitGolden(name: "triplewins_mnist", architecture: "triplewins_mnist"),
        ExitGolden(name: "rdi_resnet38_cifar10", architecture: "rdi_resnet38_cifar10"),
        ExitGolden(name: "sdn_vgg16_cifar10", architecture: "sdn_vgg16_cifar10"),
        ExitGolden(
            name: "sdn_vgg16_tinyimagenet", architecture: "sdn_vgg16_cifar10",
            options: #"{"num_classes": 200, "input_size": 64}"#),
        ExitGolden(name: "branchynet_lenet", architecture: "branchynet_lenet"),
    ]

    static let all = msdnets + ranets + others

    /// Names and shapes as in a file, with the counters that PyTorch's norms have.
    static func keys(of network: ExitNetwork) -> [String] {
        network.allParameters().flatMap { named -> [String] in
            let line = "\(named.name) \(named.parameter.shape)"
            guard named.name.hasSuffix("running_var") else { return [line] }
            return [line, "\(named.name.dropLast("running_var".count))num_batches_tracked []"]
        }
    }

    @Test(arguments: all) func keysAreTheReferences(_ golden: ExitGolden) throws {
        let network = try golden.network(), row = try golden.row()
        #expect(network.parameterCount == row.parameters)
        let keys = Self.keys(of: network)
        #expect(keys.count == row.entries)
        let sorted = keys.sorted { Array($0.utf8).lexicographicallyPrecedes(Array($1.utf8)) }
        let hash = String(ExitGolden.hash(sorted.joined(separator: "\n")), radix: 16)
        let padded = String(repeating: "0", count: 16 - hash.count) + hash
        #expect(padded == row.keys)
        let list = ExitGolden.path("exits_\(golden.name).keys.txt")
        guard padded != row.keys, let text = try? String(contentsOfFile: list, encoding: .utf8)
        else { return }
        // Says which ones differ.
        let expected = Set(text.split(separator: "\n").map(String.init))
        #expect(expected.subtracting(keys) == [])
        #expect(Set(keys).subtracting(expected) == [])
    }

    /// The input shape of the golden values.
    static func input(_ network: ExitGolden) -> [Int] {
        switch network.architecture {
        case "triplewins_mnist", "branchynet_lenet": [2, 28, 28, 1]
        case "msdnet_imagenet", "ranet_imagenet": [1, 224, 224, 3]
        default: network.name.hasSuffix("tinyimagenet") ? [2, 64, 64, 3] : [2, 32, 32, 3]
        }
    }

    @Test(arguments: msdnets + ranets) func costsAreTheReferences(_ golden: ExitGolden) throws {
        let network = try golden.network(), row = try golden.row()
        let input = [1] + Self.input(golden).dropFirst()
        // Where norms come first, a ReLU does not follow every convolution.
        if golden.name != "ranet_cifar100_steps" {
            #expect(try network.referenceOperations(for: input) == row.operations)
        }
        let costs = try network.costs(for: input)
        #expect(costs.exits.map(\.multiplyAdds) == row.multiply_adds)
    }

    @Test(arguments: others.dropFirst()) func multiplyAddsAreTheReferences(
        _ golden: ExitGolden
    ) throws {
        let costs = try golden.network().costs(for: Self.input(golden))
        #expect(costs.exits.map(\.multiplyAdds) == (try golden.row().multiply_adds))
    }

    /// The MSDNet's costs, and what later exits read of the exits before: wider linear layers, and
    /// one from the logits.
    @Test func collaborationCostsTwoLinearLayers() throws {
        let plain = ExitGolden(
            name: "", architecture: "msdnet_cifar100", options: #"{"blocks": 4}"#)
        let input = [1, 32, 32, 3]
        let expected = try plain.network().costs(for: input).exits.enumerated().map {
            $0.element.multiplyAdds + $0.offset * (128 * 100 + 100 * 128)
        }
        let found = try Self.others[0].network().costs(for: input)
        #expect(found.exits.map(\.multiplyAdds) == expected)
    }

    @Test(arguments: all.filter(\.hasLogits)) func logitsAgree(_ golden: ExitGolden) throws {
        let network = try golden.loaded()
        let x = try ExitGolden.values("x", Self.input(golden))
        let found = try network.all(x)
        #expect(found.count == network.exitCount)
        var largest: Float = 0
        for (exit, logits) in found.enumerated() {
            let expected = try golden.logits(exit)
            // Residual networks' logits are larger.
            let scale = max(1, expected.elements.map(abs).max() ?? 0)
            let error = try logits.maximumDifference(from: expected) / scale
            #expect(error < 1e-4, "exit \(exit)")
            largest = max(largest, error)
        }
        print("\(golden.name): logits within \(largest)")
    }
}
