import Foundation
import ProteanCatalogue

/// The texts of a new layer's files. What has to be completed is marked by the word SCAFFOLD, which
/// no committed file may contain.
struct LayerTemplates {
    let names: LayerNames
    let hasKernel: Bool

    private var type: String { names.type }
    private var folder: String { names.family.rawValue }

    /// Layer, entry, test and page.
    var files: [LayerFiles.File] {
        [
            .init(path: "Sources/Protean/Layers/\(folder)/\(type).swift", text: layer),
            .init(path: "Sources/ProteanCatalogue/\(folder)/\(type)Entry.swift", text: entry),
            .init(path: "Tests/ProteanTests/\(folder)/\(type)Tests.swift", text: test),
            .init(path: "Docs/Layers/\(type).md", text: page),
        ]
    }

    private var call: String { hasKernel ? "Operations.\(names.member)(x)" : "x" }

    private var layer: String {
        """
        /// SCAFFOLD: one line that says what the layer does.
        ///
        /// `y = x`. SCAFFOLD: the formula; authors, "Title", arXiv number; cost; the neutral case.
        /// `[batch, height, width, channels]`, the same out.
        public struct \(type): Layer {
            /// SCAFFOLD: options with the reference's defaults, each checked here. A layer with parameters is
            /// a final class with a `label` of its own.
            public init() {}

            /// SCAFFOLD: what the result is.
            ///
            /// - Throws: ``ProteanError`` when `x` is no map or memory is short.
            public func callAsFunction(_ x: Tensor) throws(ProteanError) -> Tensor {
                guard x.rank == 4 else {
                    throw .shapeMismatch(
                        layer: place, tensor: "x", expected: "[batch, height, width, channels]",
                        found: x.shape)
                }
                return try traced("\(type)", path: label, input: x, cost: { .moving(x, $0) }) {
                    () throws(ProteanError) in \(hasKernel ? "try \(call)" : "x")
                }
            }
        }

        """
    }

    private var entry: String {
        """
        import Protean

        extension LayerEntry {
            static let \(names.member) = LayerEntry(
                "\(type)", family: .\(names.family), reference: "SCAFFOLD: what it is compared with",
                summary: .dynamic("SCAFFOLD: what depends on the input"),
                papers: ["0000.00000"],
                outputs: [.sameMap],
                golden: ["\(names.stem)"],
                benchmark: .generic("\(names.stem)", "h=56 w=56 c=64") { sizes in
                    LayerSample([:], inputs: ["x": .map(try sizes.map)])
                }
            ) { _ in
                // SCAFFOLD: keys above, read here: `try configuration.int("channels")`.
                BuiltLayer(\(type)())
            }
        }

        """
    }

    private var test: String {
        """
        import Testing

        @testable import Protean

        @Suite struct \(type)Tests {
            /// SCAFFOLD: the formula in double precision.
            private static func reference(_ x: Tensor) -> [Double] { x.elements.map(Double.init) }

            @Test(arguments: [[1, 5, 9, 17], [3, 4, 3, 33], [2, 1, 1, 8], [1, 20, 31, 3], [0, 2, 3, 4]])
            func agreesWithItsFormula(shape: [Int]) throws {
                let x = try Tensor.random(shape)
                let expected = Self.reference(x)
                for isa in KernelISA.supported {
                    let single = try Runtime.with(isa: isa, threads: 1) { try \(type)()(x) }
                    for (a, b) in zip(single.elements, expected) { #expect(abs(Double(a) - b) < 1e-6) }
                    for threads in [2, 3] {
                        let several = try Runtime.with(isa: isa, threads: threads) { try \(type)()(x) }
                        #expect(several.isBitEqual(to: single))
                    }
                }
            }

            /// SCAFFOLD: every option that is refused, the neutral case, NaN.
            @Test func otherShapesAreRefused() throws {
                #expect(throws: ProteanError.self) { try \(type)()(Tensor(zeros: [2, 3, 4])) }
            }

            @Test func passesShapesAndCountsItsCost() throws {
                #expect(try \(type)().outputShape(for: [2, 5, 3, 7]) == [2, 5, 3, 7])
                #expect(try \(type)().cost(for: [2, 5, 3, 7]).bytes == 2 * 4 * 2 * 5 * 3 * 7)
            }
        }

        """
    }

    private var page: String {
        let kernel =
            hasKernel
            ? "[ptn_\(names.stem).h](../../Kernels/include/ptn_\(names.stem).h), "
                + "[\(names.stem).c](../../\(KernelTemplates(names: names).source))"
            : "SCAFFOLD: of the operations that it is made of"
        return """
            # \(type)

            | | |
            |---|---|
            | Source | [\(type).swift](../../Sources/Protean/Layers/\(folder)/\(type).swift) |
            | Kernel | \(kernel) |
            | Tests | [\(type)Tests.swift](../../Tests/ProteanTests/\(folder)/\(type)Tests.swift); golden values `\(names.stem)*` in [Tests/Golden/apply](../../Tests/Golden/apply) |
            | Benchmark | `\(names.stem)`: `kernelbench --case "a \(names.stem) h=56 w=56 c=64"` |
            | Compare | `protean apply \(type) --help` |
            | Paper | SCAFFOLD: Authors, *Title*, [0000.00000](https://arxiv.org/abs/0000.00000) |

            ## Formula

            SCAFFOLD: `y = x`

            ## Shapes

            Input and output `[batch, height, width, channels]`.

            ## Keys

            None.

            ## Neutral case

            SCAFFOLD

            ## Traps

            SCAFFOLD

            """
    }
}

// The generator of golden values, and what is left to do.
extension LayerTemplates {
    var generatorPath: String {
        "Tests/Golden/generate/apply_\(folder.lowercased()).py"
    }

    /// The function of one layer.
    private var function: String {
        """
        @layer
        def \(names.stem)():
            # SCAFFOLD: the reference, with a case for every option.
            config = {}
            raise NotImplementedError("the reference of \(type)")
            save("\(names.stem)", "\(type)", config, nn.Identity(**config), map_of(2, 3, 7, 5))

        """
    }

    private static let entryPoint = "if __name__ == \"__main__\":"

    /// A generator with this layer alone.
    var newGenerator: String {
        """
        \"\"\"Golden values for `protean apply`: family \(folder); see golden.py.

        Run: python apply_\(folder.lowercased()).py [FUNCTION ...]   (needs torch, safetensors)
        \"\"\"

        from torch import nn

        from golden import layer, main, map_of, save


        \(function)

        \(Self.entryPoint)
            main()

        """
    }

    /// The family's generator with this layer at its end.
    func appended(to text: String) throws -> String {
        guard !text.contains("def \(names.stem)(") else {
            throw ScaffoldError(
                "\(generatorPath) has a function \(names.stem) already; nothing was written")
        }
        let parts = text.components(separatedBy: Self.entryPoint)
        guard parts.count == 2 else {
            throw ScaffoldError("\(generatorPath) lacks the line '\(Self.entryPoint)'")
        }
        return try Self.importing(parts[0]) + function + "\n\n" + Self.entryPoint + parts[1]
    }

    /// The generator with what the function needs among its imports.
    private static func importing(_ text: String) throws -> String {
        let start = "from golden import "
        var lines = text.components(separatedBy: "\n")
        guard let at = lines.firstIndex(where: { $0.hasPrefix(start) }) else {
            throw ScaffoldError("a generator lacks a line that begins with '\(start)'")
        }
        let names = Set(lines[at].dropFirst(start.count).components(separatedBy: ", "))
            .union(["layer", "main", "map_of", "save"])
        lines[at] = start + names.sorted().joined(separator: ", ")
        return lines.joined(separator: "\n")
    }

    var steps: [String] {
        let kernel =
            hasKernel
            ? ["complete the kernel and its contract, and test it: Docs/AddingAKernel.md"] : []
        return kernel + [
            "complete layer, entry, test and page: every SCAFFOLD in them",
            "write the reference in \(generatorPath) and run "
                + "`python apply_\(folder.lowercased()).py \(names.stem)` there, which makes "
                + "Tests/Golden/apply/\(names.stem).safetensors",
            "make catalogue, for the table in README.md",
            "add a line to CHANGELOG.md",
            "swift test --filter '\(type)|CatalogueTests|ApplyGoldenTests|LayerCaseTests'",
        ]
    }
}
