import Protean

/// The description of one layer: its name and reference, how it is built from the reference's
/// options, its inputs and outputs, and its golden values, benchmark, test and page.
///
/// One entry per layer, in `Sources/ProteanCatalogue/<Family>/<Layer>Entry.swift`, listed in
/// ``LayerCatalogue``. `protean apply`, the golden checks, `kernelbench`, the fuzz harness, the
/// table in README.md and the tests of completeness use it.
package struct LayerEntry: Sendable {
    /// An input or output tensor.
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

    /// One of several references that the layer implements, chosen by the key `variant`.
    package struct Variant: Sendable {
        package let name: String
        package let keys: [ConfigurationKey]
    }

    /// One line about the layer, for the tables in README.md. Layers of a family with equal lines
    /// share a row.
    package enum Summary: Sendable, Hashable {
        /// A dynamic layer, with the part that depends on the input: `a gate per channel`.
        case dynamic(String)
        /// A layer that computes the same function for every input, with its description.
        case fixed(String)
    }

    /// A paper with its address.
    package struct Paper: Sendable, Hashable, ExpressibleByStringLiteral {
        package let title: String
        package let address: String

        /// A paper that is not on arXiv.
        init(_ title: String, at address: String) {
            self.title = title
            self.address = address
        }

        /// A paper by its arXiv number, such as `1709.01507`.
        package init(stringLiteral number: String) {
            self.init(number, at: "https://arxiv.org/abs/" + number)
        }
    }

    /// The Swift type's name, by which users select the layer.
    package let name: String
    /// The family, which names the folders of the layer's files.
    package let family: LayerFamily
    /// The reference implementation with which the layer is compared.
    package let reference: String
    /// The part that depends on the input, or the layer's function.
    package let summary: Summary
    /// The papers that describe the layer, the earliest first.
    package let papers: [Paper]
    /// Configuration keys in the reference constructor's order.
    package let keys: [ConfigurationKey]
    /// Variants with their specific keys, the default first; empty for most layers.
    package let variants: [Variant]
    /// Tensors of the input file, `x` first.
    package let inputs: [TensorDescription]
    /// Tensors of the weight file, for the help text; the layer itself checks them.
    package let weights: [TensorDescription]
    /// Tensors of the output file, `y` first.
    package let outputs: [TensorDescription]
    /// Golden cases: files of `Tests/Golden/apply`, without `.safetensors`.
    package let golden: [String]
    /// How `kernelbench` measures the layer.
    package let benchmark: LayerBenchmark
    /// The test file in `Tests/ProteanTests/<Family>`, without `.swift`.
    package let test: String
    /// Public types that are used only with this layer and are described on its page, such as the
    /// routing network.
    package let parts: [String]
    /// Builds the layer.
    package let build: @Sendable (LayerConfiguration) throws -> BuiltLayer

    /// - Parameter test: only for the activations, which share one test file; all other layers have
    ///   a separate file, `<name>Tests`.
    init(
        _ name: String, family: LayerFamily, reference: String, summary: Summary,
        papers: [Paper] = [], keys: [ConfigurationKey] = [], variants: [Variant] = [],
        inputs: [TensorDescription] = [TensorDescription("x", "[B, C, H, W]")],
        weights: [TensorDescription] = [],
        outputs: [TensorDescription] = [TensorDescription("y", "[B, O, H', W']")],
        golden: [String], benchmark: LayerBenchmark, test: String? = nil, parts: [String] = [],
        build: @escaping @Sendable (LayerConfiguration) throws -> BuiltLayer
    ) {
        self.name = name
        self.family = family
        self.reference = reference
        self.summary = summary
        self.papers = papers
        self.keys = keys
        self.variants = variants
        self.inputs = inputs
        self.weights = weights
        self.outputs = outputs
        self.golden = golden
        self.benchmark = benchmark
        self.test = test ?? name + "Tests"
        self.parts = parts
        self.build = build
    }

    /// The layer's page, from the repository's root.
    package var page: String { "Docs/Layers/\(name).md" }
}
