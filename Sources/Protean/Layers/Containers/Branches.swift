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
    /// The channels that every branch takes and the whole gives, as far as they are known.
    public let channelFlow: ChannelFlow
    private let combination: Combination
    private let branches: [(name: String, layer: any Layer)]

    /// Branches under given names.
    ///
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)`` when there is none, and
    ///   when two of them take different numbers of channels.
    public init(
        _ combination: Combination, named branches: [(String, any Layer)]
    ) throws(ProteanError) {
        guard !branches.isEmpty else {
            throw .invalidOption(
                layer: "Branches", option: "branches", expected: "at least 1", found: "0")
        }
        self.combination = combination
        channelFlow = try Self.checkedFlow(combination, branches)
        self.branches = branches
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
    /// layers throws, as ``Sequential`` does.
    @_disfavoredOverload
    public convenience init(
        _ combination: Combination, @LayerListBuilder _ branches: () throws -> [any Layer]
    ) throws(ProteanError) {
        let layers = try LayerListBuilder.list("Branches", branches)
        try self.init(combination, named: layers.enumerated().map { ("\($0.offset)", $0.element) })
    }

    private static func checkedFlow(
        _ combination: Combination, _ branches: [(name: String, layer: any Layer)]
    ) throws(ProteanError) -> ChannelFlow {
        var taken: (channels: Int, by: String)?
        for (name, layer) in branches {
            guard let channels = layer.channelFlow.input else { continue }
            if let taken, taken.channels != channels {
                throw .invalidOption(
                    layer: "Branches", option: "branches",
                    expected: "the same number of input channels for all",
                    found: "\(taken.channels) for \(taken.by) and \(channels) for \(name)")
            }
            taken = (channels, name)
        }
        let outputs = branches.compactMap(\.layer.channelFlow.output)
        let isKnown = outputs.count == branches.count
        switch combination {
        case .concatenation:
            let all = isKnown ? outputs.reduce(0, +) : nil
            return .fixed(input: taken?.channels, output: all)
        case .sum:
            // One channel would be repeated for all; see ``Operations/add(_:_:activation:)``.
            return .fixed(input: taken?.channels, output: isKnown ? outputs.max() : nil)
        }
    }

    /// All branches' results, put together.
    ///
    /// - Throws: ``ProteanError`` when results or the input do not fit.
    public func callAsFunction(_ x: Tensor) throws(ProteanError) -> Tensor {
        var results: [Tensor] = []
        for (name, branch) in branches { results.append(try branch.applied(to: x, as: name)) }
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
