import CommandSupport
import Protean
import Testing

@testable import ProteanCLI
@testable import ProteanCatalogue

/// Refusals of the sparse layers' entries: by the names of the configuration and of the input.
@Suite struct SparseEntryTests {
    struct Refusal: Sendable, CustomTestStringConvertible {
        let layer: String
        let config: String
        let option: String
        var testDescription: String { "\(layer) \(option)" }
    }

    static let refusals = [
        Refusal(
            layer: "LASNetMaskUnit",
            config: #"{"in_channels": 4, "mask_size": 4, "mask_channel_group": 2}"#,
            option: "mask_channel_group"),
        // 7 over a whole number is 7, 3, 2 or 1.
        Refusal(
            layer: "LASNetMaskUnit",
            config: #"{"in_channels": 4, "mask_size": 4, "feature_size": 7}"#, option: "mask_size"),
        Refusal(
            layer: "LASNetMaskUnit", config: #"{"in_channels": 4, "mask_size": 0}"#,
            option: "mask_size"),
        Refusal(
            layer: "LASNetMaskUnit",
            config: #"{"in_channels": 0, "mask_size": 4, "feature_size": 8}"#,
            option: "in_channels"),
        Refusal(
            layer: "DGNetSpatialGate",
            config: #"{"h": 8, "w": 8, "planes": 4, "block_w": 4, "block_h": 2}"#,
            option: "block_h"),
        Refusal(
            layer: "DGNetSpatialGate",
            config: #"{"h": 0, "w": 8, "planes": 4, "block_w": 4, "block_h": 4}"#, option: "h"),
        Refusal(
            layer: "NormGate",
            config: #"{"kernel_size": 3, "stride": 1, "padding": 1, "norm": 2}"#, option: "norm"),
        Refusal(
            layer: "NormGate",
            config: #"{"kernel_size": 3, "stride": 1, "padding": 1, "eps": -1}"#, option: "eps"),
        Refusal(
            layer: "NormGate", config: #"{"kernel_size": 3, "stride": 1, "padding": 2}"#,
            option: "padding"),
        Refusal(
            layer: "DynConvMaskUnit", config: #"{"channels": 4, "kind": "wide"}"#, option: "kind"),
        Refusal(
            layer: "SparseBlocksConv",
            config: #"{"in_channels": 2, "out_channels": 2, "kernel_size": 3, "bsize": 0}"#,
            option: "bsize"),
        Refusal(
            layer: "SparseBlocksConv",
            config:
                #"{"in_channels": 2, "out_channels": 2, "kernel_size": 3, "bsize": 4, "padding": "same"}"#,
            option: "padding"),
        Refusal(
            layer: "PerforatedConv2d",
            config: #"{"in_channels": 2, "out_channels": 2, "kernel_size": 3, "rate": 0.5}"#,
            option: "rate"),
        Refusal(
            layer: "PerforatedConv2d",
            config:
                #"{"in_channels": 2, "out_channels": 2, "kernel_size": 3, "mask": "impact", "rate": 0}"#,
            option: "rate"),
        Refusal(
            layer: "LowCostCollaborativeConv2d",
            config: #"{"in_channels": 2, "out_channels": 2, "low_cost_kernel_size": 2}"#,
            option: "low_cost_kernel_size"),
        Refusal(
            layer: "DeltaConv2d",
            config:
                #"{"in_channels": 2, "out_channels": 2, "kernel_size": 3, "delta_threshold": -1}"#,
            option: "delta_threshold"),
        Refusal(layer: "DeltaSequential", config: #"{"layers": []}"#, option: "layers"),
        Refusal(layer: "DeltaSequential", config: #"{"layers": ["ReLU", 2]}"#, option: "layers[1]"),
        Refusal(
            layer: "DeltaSequential", config: #"{"layers": ["PReLU"]}"#, option: "layers[0]"),
        Refusal(
            layer: "DeltaSequential", config: #"{"layers": [{"num_features": 2}]}"#,
            option: "layers[0].layer"),
        Refusal(
            layer: "DeltaSequential",
            config: #"{"layers": ["ReLU", {"layer": "BatchNorm2d", "num_features": 0}]}"#,
            option: "layers[1].num_features"),
        // A step always computes directly.
        Refusal(
            layer: "DeltaSequential",
            config:
                #"{"layers": [{"layer": "Conv2d", "in_channels": 2, "out_channels": 2, "kernel_size": 3, "algorithm": "winograd"}]}"#,
            option: "layers[0].algorithm"),
        Refusal(
            layer: "DeltaSequential", config: #"{"layers": ["ReLU"], "delta_threshold": -1}"#,
            option: "delta_threshold"),
        Refusal(
            layer: "SparseMaskBlock", config: #"{"in_channels": 4, "out_channels": 5}"#,
            option: "out_channels"),
        Refusal(
            layer: "SparseMaskBlock",
            config: #"{"in_channels": 4, "out_channels": 4, "n_layers": 0}"#, option: "n_layers"),
        Refusal(
            layer: "SparseMaskModule", config: #"{"in_channels": 12, "out_channels": 12}"#,
            option: "in_channels"),
        Refusal(
            layer: "SparseMaskModule",
            config: #"{"in_channels": 16, "out_channels": 16, "stride": 2}"#, option: "stride"),
        Refusal(
            layer: "DynConvBasicBlock", config: #"{"inplanes": 4, "planes": 8}"#,
            option: "downsample"),
        Refusal(
            layer: "DynConvInvertedResidual", config: #"{"inp": 4, "oup": 8, "expand_ratio": 6}"#,
            option: "oup"),
        Refusal(
            layer: "DynConvInvertedResidual", config: #"{"inp": 4, "oup": 4, "expand_ratio": 1}"#,
            option: "expand_ratio"),
        Refusal(
            layer: "SpatiallyAdaptiveComputationTime",
            config: #"{"inplanes": 8, "planes": 2, "units": 2, "eps": 1}"#, option: "eps"),
        Refusal(
            layer: "SpatiallyAdaptiveBottleneck",
            config:
                #"{"inplanes": 8, "planes": 2, "gaussian_kernel": 4, "grid_prior_interval": 11}"#,
            option: "gaussian_kernel"),
        Refusal(
            layer: "SpatiallyAdaptiveBottleneck",
            config:
                #"{"inplanes": 8, "planes": 2, "gaussian_kernel": 7, "grid_prior_interval": 0}"#,
            option: "grid_prior_interval"),
    ]

    @Test(arguments: refusals)
    func optionsAreRefusedByTheConfigurationsName(_ refusal: Refusal) throws {
        let entry = try LayerCatalogue.entry(named: refusal.layer)
        let configuration = try LayerConfiguration(entry, json: refusal.config)
        let error = #expect(throws: ProteanError.self) {
            do {
                _ = try entry.build(configuration)
            } catch let error as ProteanError {
                throw configuration.renamed(error)
            }
        }
        guard case .invalidOption(let layer, let option, _, _) = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect((layer, option) == (refusal.layer, refusal.option))
    }

    private func apply(
        _ layer: String, _ config: String, inputs: [(String, Tensor)]
    ) throws -> String {
        let folder = try TemporaryFolder()
        try Checkpoint.writeSafetensors(
            to: folder.path("in"), tensors: inputs.map { (name: $0.0, tensor: $0.1) })
        let weights = try LayerCatalogue.entry(named: layer)
        let built = try weights.build(LayerConfiguration(weights, json: config))
        let parameters = built.module.allParameters()
        if !parameters.isEmpty {
            try built.module.save(to: folder.path("w"))
        }
        let error = #expect(throws: (any Error).self) {
            try LayerRun(
                entry: weights, config: config,
                weights: parameters.isEmpty ? nil : folder.path("w"),
                input: folder.path("in"), output: folder.path("out"), layout: .nchw)()
        }
        #expect(!folder.exists("out"))
        return error.map(CommandProcess.line) ?? "no failure"
    }

    @Test func inputsAreRefusedByName() throws {
        let gate = #"{"kernel_size": 3, "stride": 1, "padding": 1}"#
        let x = ("x", try Tensor(zeros: [1, 4, 5, 6]))
        #expect(try apply("NormGate", gate, inputs: [x]).contains("'w'"))
        let small = try apply("NormGate", gate, inputs: [x, ("w", Tensor(zeros: [2, 4, 3, 1]))])
        #expect(small.contains("'w'") && small.contains("[O, C/g, 3, 3]"), "\(small)")
        let input = #"{"kernel_size": 3, "stride": 1, "padding": 1, "type": "input"}"#
        let extra = try apply("NormGate", input, inputs: [x, ("w", Tensor(zeros: [2, 4, 3, 3]))])
        #expect(extra.contains("no tensor 'w'"), "\(extra)")

        let cells = #"{"in_channels": 4, "mask_size": 3, "feature_size": 6}"#
        let other = try apply("LASNetMaskUnit", cells, inputs: [x])
        #expect(other.contains("'feature_size'"), "\(other)")

        let perforated = #"{"in_channels": 4, "out_channels": 2, "kernel_size": 1}"#
        #expect(try apply("PerforatedConv2d", perforated, inputs: [x]).contains("'mask'"))
        let mask = try apply(
            "PerforatedConv2d", perforated, inputs: [x, ("mask", Tensor(zeros: [6, 5]))])
        #expect(mask.contains("'mask'") && mask.contains("[5, 6]"), "\(mask)")

        let block = #"{"in_channels": 4, "out_channels": 4}"#
        #expect(try apply("SparseMaskBlock", block, inputs: [x]).contains("'mask'"))
        let turned = try apply(
            "SparseMaskBlock", block, inputs: [x, ("mask", Tensor(zeros: [1, 1, 6, 5]))])
        #expect(turned.contains("'x'") && turned.contains("[1, 4, 5, 6]"), "\(turned)")
        let module = #"{"in_channels": 16, "out_channels": 16}"#
        let odd = try apply(
            "SparseMaskModule", module, inputs: [("x", Tensor(zeros: [1, 16, 5, 6]))])
        #expect(odd.contains("'x'") && odd.contains("even height"), "\(odd)")
    }
}
