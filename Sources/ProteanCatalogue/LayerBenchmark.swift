import Protean

/// How `kernelbench` measures a layer.
package struct LayerBenchmark: Sendable {
    /// The kernel's name in case lines.
    package let kernel: String
    /// A small realistic case: the rest of a case line, such as `h=56 w=56 c=64`.
    package let standard: String
    /// The kernel made from the entry; nil if `kernelbench` has a type for it.
    package let generic: Generic?

    /// A kernel made from a layer's entry. It runs the layer as `protean apply` does, and counts
    /// operations and bytes by the layer's own ``Cost``.
    package struct Generic: Sendable {
        /// Keys that a case must have: those of the standard case.
        package let requiredKeys: Set<String>
        /// Keys that a case may have; `n` and `seed` among them.
        package let optionalKeys: Set<String>
        /// The layer's configuration and inputs for the sizes of a case.
        package let sample: @Sendable (CaseSizes) throws -> LayerSample
    }

    /// A kernel that `kernelbench` implements, in a type under
    /// `Benchmarks/kernelbench-support/Kernels`.
    static func kernel(_ name: String, _ standard: String) -> LayerBenchmark {
        LayerBenchmark(kernel: name, standard: standard, generic: nil)
    }

    /// A kernel made from the entry, which needs no code in `kernelbench`:
    ///
    /// ```swift
    /// benchmark: .generic("group_norm", "h=56 w=56 c=64 groups=8") { sizes in
    ///     LayerSample(
    ///         ["num_groups": sizes["groups"], "num_channels": sizes["c"]],
    ///         inputs: ["x": .map(sizes.map)])
    /// }
    /// ```
    /// - Parameters:
    ///   - standard: a small case; its keys except `n` and `seed` are those that every case must
    ///     have.
    ///   - optional: keys that a case may have in addition to `n` and `seed`. Keys are those of the
    ///     case grammar, `CaseKey`.
    ///   - sample: configuration and input shapes for the sizes of a case.
    static func generic(
        _ name: String, _ standard: String, optional: Set<String> = [],
        sample: @escaping @Sendable (CaseSizes) throws -> LayerSample
    ) -> LayerBenchmark {
        let always: Set<String> = ["n", "seed"]
        let keys = standard.split(separator: " ").map { String($0.prefix { $0 != "=" }) }
        return LayerBenchmark(
            kernel: name, standard: standard,
            generic: Generic(
                requiredKeys: Set(keys).subtracting(always).subtracting(optional),
                optionalKeys: optional.union(always), sample: sample))
    }
}

/// The values of a case line, by key.
package struct CaseSizes: Sendable {
    private let values: [String: ModelConfiguration.Value]

    /// Values of a case line: numbers and words.
    package init(_ values: [String: ModelConfiguration.Value]) { self.values = values }

    /// The value of `key` for a configuration; `.null` if the case does not have it.
    package subscript(key: String) -> ModelConfiguration.Value { values[key] ?? .null }

    /// The value of `key` for a configuration, or `fallback`.
    package subscript(
        key: String, default fallback: ModelConfiguration.Value
    ) -> ModelConfiguration.Value { values[key] ?? fallback }

    /// The whole number under `key`, or `fallback`.
    package func int(_ key: String, default fallback: Int? = nil) throws(ProteanError) -> Int {
        if case .number(let number)? = values[key], let whole = Int(exactly: number) {
            return whole
        }
        guard let fallback, values[key] == nil else {
            throw .invalidOption(
                layer: "case", option: key, expected: "a whole number",
                found: values[key]?.description ?? "none")
        }
        return fallback
    }

    /// The batch: `n`, or 1 without it.
    package var batch: Int {
        get throws(ProteanError) { try int("n", default: 1) }
    }

    /// The number under `key`.
    package func number(_ key: String) throws(ProteanError) -> Double {
        guard case .number(let number)? = values[key] else {
            throw .invalidOption(
                layer: "case", option: key, expected: "a number",
                found: values[key]?.description ?? "none")
        }
        return number
    }

    /// `[n, h, w, 1]`.
    package var mask: [Int] {
        get throws(ProteanError) { try map.dropLast() + [1] }
    }

    /// Arguments of `torch.nn.Conv2d` for `c`, `k`, `r` and, if the case has them, `stride`, `pad`,
    /// `dilation` and `groups`. Without `pad` a map keeps its size at stride 1.
    package var convolution: [String: ModelConfiguration.Value] {
        get throws(ProteanError) {
            let reach = (try int("r") - 1) / 2 * (try int("dilation", default: 1))
            return [
                "in_channels": self["c"], "out_channels": self["k"], "kernel_size": self["r"],
                "stride": self["stride", default: 1],
                "padding": self["pad", default: .number(Double(reach))],
                "dilation": self["dilation", default: 1], "groups": self["groups", default: 1],
            ]
        }
    }

    /// `[n, h, w, c]`.
    package var map: [Int] {
        get throws(ProteanError) { [try batch, try int("h"), try int("w"), try int("c")] }
    }
}

/// A configuration of a layer with inputs that fit, for benchmarks and random tests.
package struct LayerSample: Sendable {
    /// One input: its shape and the values that it may have.
    package struct Input: Sendable {
        /// The kind of an input's values.
        package enum Content: Sendable, Equatable {
            /// Any numbers; benchmarks take [-1, 1).
            case values
            /// 1 in a share `density` of the cells of `cell` × `cell` pixels, 0 in the others.
            case mask(density: Double, cell: Int)
            /// Whole numbers from 0 to one less than this.
            case indices(below: Int)
            /// Whole numbers from 0 to one less than `below`, the same within a cell of
            /// `cell` × `cell` pixels.
            case regions(below: Int, cell: Int)
            /// Boxes `(sample, x1, y1, x2, y2)` within a map of this shape.
            case boxes(on: [Int])
        }

        /// The shape in the library's axis order.
        package let shape: [Int]
        /// Whether the axes follow the layout of the input file: `[B, H, W, C]` here is
        /// `[B, C, H, W]` in a file of the layout `nchw`.
        package let isMap: Bool
        package let content: Content

        /// A map `[B, H, W, C]` of any numbers.
        package static func map(_ shape: [Int]) -> Input {
            Input(shape: shape, isMap: true, content: .values)
        }

        /// A tensor of any numbers whose axes do not depend on the layout.
        package static func plain(_ shape: [Int]) -> Input {
            Input(shape: shape, isMap: false, content: .values)
        }

        /// A mask `[B, H, W, 1]`.
        package static func mask(
            _ shape: [Int], density: Double = 0.5, cell: Int = 1
        ) -> Input {
            Input(shape: shape, isMap: true, content: .mask(density: density, cell: cell))
        }

        /// A map `[B, H, W, 1]` of region numbers.
        package static func regions(_ shape: [Int], below count: Int, cell: Int = 1) -> Input {
            Input(shape: shape, isMap: true, content: .regions(below: count, cell: cell))
        }

        /// `[count, 5]`: boxes within a map.
        package static func boxes(_ count: Int, on map: [Int]) -> Input {
            Input(shape: [count, 5], isMap: false, content: .boxes(on: map))
        }

        /// Whole numbers below `count`; the axes do not depend on the layout.
        package static func indices(_ shape: [Int], below count: Int) -> Input {
            Input(shape: shape, isMap: false, content: .indices(below: count))
        }
    }

    /// The configuration's keys; keys with defaults may be left out.
    package let configuration: [String: ModelConfiguration.Value]
    /// Inputs by name.
    package let inputs: [String: Input]

    /// A configuration with inputs that fit.
    package init(
        _ configuration: [String: ModelConfiguration.Value], inputs: [String: Input]
    ) {
        self.configuration = configuration
        self.inputs = inputs
    }
}
