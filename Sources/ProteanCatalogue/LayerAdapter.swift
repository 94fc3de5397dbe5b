import Protean

/// How `protean apply` builds and runs one layer: what it takes, by the reference's names, and the
/// closure that builds it.
package struct LayerAdapter: Sendable {
    /// A tensor that goes in or comes out.
    package struct TensorDescription: Sendable {
        package let name: String
        /// The axes as in PyTorch, such as `[B, C, H, W]`.
        package let shape: String
        package let isOptional: Bool

        init(_ name: String, _ shape: String, optional: Bool = false) {
            self.name = name
            self.shape = shape
            isOptional = optional
        }
    }

    /// One of several references that the layer can stand for, chosen by the key `variant`.
    package struct Variant: Sendable {
        package let name: String
        package let keys: [ConfigurationKey]
    }

    /// The Swift type's name, which is what users ask for.
    package let name: String
    /// What the layer is compared with.
    package let reference: String
    /// Configuration keys in the reference constructor's order.
    package let keys: [ConfigurationKey]
    /// Variants with the keys that only they have, the default first; empty for most layers.
    package let variants: [Variant]
    /// Tensors of the input file, `x` first.
    package let inputs: [TensorDescription]
    /// Tensors of the weight file, for the help text; the layer itself checks them.
    package let weights: [TensorDescription]
    /// Tensors of the output file, `y` first.
    package let outputs: [TensorDescription]
    /// Builds the layer.
    package let build: @Sendable (LayerConfiguration) throws -> BuiltLayer

    init(
        _ name: String, reference: String, keys: [ConfigurationKey], variants: [Variant] = [],
        inputs: [TensorDescription] = [TensorDescription("x", "[B, C, H, W]")],
        weights: [TensorDescription] = [],
        outputs: [TensorDescription] = [TensorDescription("y", "[B, O, H', W']")],
        build: @escaping @Sendable (LayerConfiguration) throws -> BuiltLayer
    ) {
        self.name = name
        self.reference = reference
        self.keys = keys
        self.variants = variants
        self.inputs = inputs
        self.weights = weights
        self.outputs = outputs
        self.build = build
    }
}

/// A layer ready for its weights, and how it is run.
package struct BuiltLayer {
    /// Holds the parameters.
    package let module: any Module
    /// How names of the weight file become parameter paths.
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

/// One output: a map, which follows the layout, or a tensor as it is.
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
