/// Layers applied to the same input, their results put together.
///
/// With ``Combination/concatenation`` results lie beside each other along the channels, in order;
/// with ``Combination/sum`` they are added. Batch, height and width must agree.
public final class Branches: Layer {
    /// How results are put together.
    public enum Combination: String, Sendable {
        case concatenation
        case sum
    }

    /// The branches under their names, in order.
    public let submodules: [NamedModule]
    private let branches: [any Layer]
    private let combination: Combination

    /// Branches under given names.
    ///
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)`` when there is none.
    public init(
        _ combination: Combination, named branches: [(String, any Layer)]
    ) throws(ProteanError) {
        guard !branches.isEmpty else {
            throw .invalidOption(
                layer: "Branches", option: "branches", expected: "at least 1", found: "0")
        }
        self.combination = combination
        self.branches = branches.map(\.1)
        submodules = branches.map { NamedModule($0.0, $0.1) }
    }

    /// Branches listed in braces, named by their position.
    ///
    /// - Throws: what making the layers throws.
    public convenience init(
        _ combination: Combination,
        @LayerListBuilder _ branches: () throws(ProteanError) -> [any Layer]
    ) throws(ProteanError) {
        let layers = try branches()
        try self.init(combination, named: layers.enumerated().map { ("\($0.offset)", $0.element) })
    }

    /// Branches listed in braces, where the error's type is not written out. Throws what making the
    /// layers throws.
    @_disfavoredOverload
    public convenience init(
        _ combination: Combination, @LayerListBuilder _ branches: () throws -> [any Layer]
    ) throws {
        let layers = try branches()
        try self.init(combination, named: layers.enumerated().map { ("\($0.offset)", $0.element) })
    }

    /// All branches' results, put together.
    ///
    /// - Throws: ``ProteanError`` when results or the input do not fit.
    public func callAsFunction(_ x: Tensor) throws(ProteanError) -> Tensor {
        var results: [Tensor] = []
        for branch in branches { results.append(try branch(x)) }
        switch combination {
        case .concatenation:
            return try Operations.concatenate(results, axis: 3)
        case .sum:
            var sum = results[0]
            for result in results.dropFirst() { sum = try Operations.add(sum, result) }
            return sum
        }
    }
}
