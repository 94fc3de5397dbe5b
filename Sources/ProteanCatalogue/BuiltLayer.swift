import Protean

/// A layer whose weights can be loaded, and a closure that runs it.
package struct BuiltLayer {
    /// Holds the parameters.
    package let module: any Module
    /// The map from names of the weight file to parameter paths.
    package let keyMap: KeyMap
    /// Runs the layer; returns the outputs by name.
    package let run: (LayerInputs) throws -> [LayerOutput]

    init(
        _ module: any Module, keyMap: KeyMap = .identity,
        run: @escaping (LayerInputs) throws -> [LayerOutput]
    ) {
        self.module = module
        self.keyMap = keyMap
        self.run = run
    }

    /// A layer that turns the map `x` into the map `y`.
    init(_ layer: any Layer, keyMap: KeyMap = .identity) {
        self.init(layer, keyMap: keyMap) { inputs in [.map("y", try layer(inputs.map("x")))] }
    }
}

/// One output: a map, converted to the file's layout, or a tensor that is not.
package struct LayerOutput {
    package let name: String
    package let tensor: Tensor
    package let isMap: Bool

    /// A map `[B, H, W, C]`.
    package static func map(_ name: String, _ tensor: Tensor) -> LayerOutput {
        LayerOutput(name: name, tensor: tensor, isMap: true)
    }

    /// A tensor whose axes do not depend on the layout.
    package static func plain(_ name: String, _ tensor: Tensor) -> LayerOutput {
        LayerOutput(name: name, tensor: tensor, isMap: false)
    }
}
