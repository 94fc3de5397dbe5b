import Protean
import Testing

@testable import ProteanCatalogue

/// Layers within a configuration: their errors say where they are, and their keys are mapped.
@Suite struct ContainerEntryTests {
    private func build(_ layer: String, _ json: String) throws -> BuiltLayer {
        let entry = try LayerCatalogue.entry(named: layer)
        return try entry.build(LayerConfiguration(entry, json: json))
    }

    private func message(_ layer: String, _ json: String) -> String {
        #expect(throws: ProteanError.self) { _ = try build(layer, json) }?.description ?? ""
    }

    @Test(arguments: [
        (
            #"{"layers": [{"layer": "Conv2d", "in_channels": 0, "out_channels": 1, "kernel_size": 1}]}"#,
            "Sequential: option 'layers[0].in_channels' is 0"
        ),
        (
            #"{"layers": ["relu", {"layer": "Conv2d", "in_channels": 1}]}"#,
            "Sequential: option 'layers[1].out_channels' is missing"
        ),
        (
            #"{"layers": [{"layer": "Sequential", "layers": ["relu", "rely"]}]}"#,
            "Sequential: option 'layers[0].layers[1]' is \"rely\""
        ),
        (
            #"{"layers": [{"layer": "Nothing"}]}"#,
            "Sequential: option 'layers[0].layer' is \"Nothing\", expected one of"
        ),
        (#"{"layers": [{"kernel_size": 2}]}"#, "Sequential: option 'layers[0].layer' is missing"),
        (#"{"layers": [3]}"#, "Sequential: option 'layers[0]' is 3, expected an object"),
        (#"{"layers": "relu"}"#, "Sequential: option 'layers' is \"relu\", expected a list"),
        // Layers that take more than x do not stand in containers.
        (
            #"{"layers": [{"layer": "RoIAlign"}]}"#,
            "Sequential: option 'layers[0].layer' is \"RoIAlign\""
        ),
        (
            #"{"layers": [{"layer": "DynConvMaskUnit", "channels": 3}]}"#,
            "Sequential: option 'layers[0].layer' is \"DynConvMaskUnit\", expected a layer that turns"
        ),
    ])
    func errorsSayWhere(json: String, message: String) {
        let found = self.message("Sequential", json)
        #expect(found.hasPrefix(message), "\(found)")
    }

    @Test func partsThatDoNotFitAreRefused() {
        let conv = #"{"layer": "Conv2d", "in_channels": 2, "out_channels": 3, "kernel_size": 1}"#
        #expect(message("Sequential", "{\"layers\": [\(conv), \(conv)]}").contains("3"))
        #expect(message("Branches", #"{"branches": []}"#).hasPrefix("Branches: option 'branches'"))
        #expect(
            message("Branches", #"{"branches": ["relu"], "combination": "mean"}"#)
                .hasPrefix("Branches: option 'combination' is \"mean\""))
        #expect(message("Residual", "{}").hasPrefix("Residual: option 'main' is missing"))
        #expect(
            message("Residual", #"{"main": "relu", "activation": "rely"}"#)
                .hasPrefix("Residual: option 'activation' is \"rely\""))
    }

    /// Keys of a layer whose references have other names are mapped within a container, too.
    @Test func keysOfPartsAreMapped() throws {
        let pack = """
            {"layer": "DeformableConv2dPack", "in_channels": 2, "out_channels": 2, "kernel_size": 1}
            """
        let built = try build(
            "Residual", "{\"main\": {\"layer\": \"Sequential\", \"layers\": [\(pack)]}}")
        let paths = Set(built.module.allParameters().map(\.name))
        for path in paths { #expect(built.keyMap(path) == path) }
        // mmcv's older name of the same convolution.
        let old = KeyMap.deformable
        let part = try #require(paths.first(where: { $0.hasSuffix("conv_offset.weight") }))
        for name in ["conv_offset.weight", "conv2_offset.weight", "weight"] {
            #expect(built.keyMap("main.0.\(name)") == old(name).map { "main.0.\($0)" })
        }
        #expect(part == "main.0.conv_offset.weight")
    }

    @Test func aContainerTakesWhatItsLayersTake() throws {
        let built = try build(
            "Sequential", #"{"layers": [{"layer": "Linear", "in_features": 3, "out_features": 5}]}"#
        )
        let entry = try LayerCatalogue.entry(named: "Sequential")
        for layout in MapLayout.allCases {
            let inputs = try LayerInputs(
                entry, tensors: ["x": Tensor(zeros: [2, 3])], layout: layout, source: "test")
            let outputs = try built.run(inputs)
            #expect(outputs.map(\.tensor.shape) == [[2, 5]])
            #expect(outputs.map(\.isMap) == [false])
        }
    }
}
