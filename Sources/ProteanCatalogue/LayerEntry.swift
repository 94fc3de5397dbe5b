import Protean

/// Everything that is known about one layer beside its code: what it is called and compared with,
/// how it is built from the reference's options, what goes in and out, and where its golden values,
/// benchmark, test and page are.
///
/// One entry per layer, in `Sources/ProteanCatalogue/<Family>/<Layer>Entry.swift`, listed in
/// ``LayerCatalogue``. `protean apply`, the golden checks, `kernelbench`, the fuzz harness, the table
/// in README.md and the tests of completeness read it.
package struct LayerEntry: Sendable {
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

    /// One line about the layer, for the tables in README.md. Layers of a family with equal lines
    /// share a row.
    package enum Summary: Sendable, Hashable {
        /// A dynamic layer, and what depends on the input: `a gate per channel`.
        case dynamic(String)
        /// A layer that does the same for every input, and what that is.
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

    /// The Swift type's name, which is what users ask for.
    package let name: String
    /// The family, which names the folders that the layer's files lie in.
    package let family: LayerFamily
    /// What the layer is compared with.
    package let reference: String
    /// What depends on the input, or what the layer does.
    package let summary: Summary
    /// Where the layer was described, the earliest first.
    package let papers: [Paper]
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
    /// Golden cases: files of `Tests/Golden/apply`, without `.safetensors`.
    package let golden: [String]
    /// How `kernelbench` measures the layer.
    package let benchmark: LayerBenchmark
    /// The test file in `Tests/ProteanTests/<Family>`, without `.swift`.
    package let test: String
    /// Public types that make sense with this layer only and are described on its page, such as the
    /// network that routes.
    package let parts: [String]
    /// Builds the layer.
    package let build: @Sendable (LayerConfiguration) throws -> BuiltLayer

    /// - Parameter test: only for rows of the activations' table, which share one test file; all
    ///   other layers have a file of their own, `<name>Tests`.
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
