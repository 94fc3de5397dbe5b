/// Layers applied to the same input, with their results combined.
///
/// With ``Combination/concatenation`` results are concatenated along the channels, in order; with
/// ``Combination/sum`` they are added. Batch, height and width must agree. A following activation
/// runs with the last sum or, if all branches are ``AcceptsEpilogue``, in their kernels; a branch
/// that is ``AcceptsEpilogue`` adds the sum of the branches before it in its kernel.
public final class Branches: AcceptsEpilogue {
    /// How results are combined.
    public enum Combination: String, Sendable {
        case concatenation
        case sum
    }

    /// The branches under their names, in order.
    public let submodules: [NamedModule]
    /// The input channels of every branch and the channels of the combined result, as far as they
    /// are known.
    public let channelFlow: ChannelFlow
    private let combination: Combination
    private let branches: [(name: String, layer: any Layer)]
    /// The branches whose kernels activate; the branches whose kernels add and activate.
    private let activating, adding: [(any EpilogueKernel)?]
    /// The branches' output shapes for the most recent input shapes; empty if they are not known.
    private let shapes = Derived<[Int], [[Int]]>(capacity: 4)

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
        activating = branches.map { $0.1.kernel(doing: .activation) }
        adding = branches.map { $0.1.kernel(doing: [.activation, .residual]) }
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

    /// Branches listed in braces whose errors' type is not known statically. Throws what making the
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
            // A result with one channel is broadcast; see ``Operations/add(_:_:activation:)``.
            return .fixed(input: taken?.channels, output: isKnown ? outputs.max() : nil)
        }
    }

    /// An activation.
    public var epilogueParts: EpilogueParts { .activation }

    /// All branches' results, combined.
    ///
    /// - Throws: ``ProteanError`` when results or the input do not fit.
    public func callAsFunction(_ x: Tensor) throws(ProteanError) -> Tensor {
        try run(x, .identity)
    }

    /// All branches' results, combined, followed by the epilogue.
    ///
    /// - Throws: ``ProteanError`` when a tensor does not fit.
    public func callAsFunction(
        _ x: Tensor, epilogue: Conv2dEpilogue
    ) throws(ProteanError) -> Tensor {
        guard epilogueParts.isSuperset(of: epilogue.parts) else {
            return try epilogue.applied(to: self(x), layer: place)
        }
        return try run(x, epilogue.activation)
    }

    private func run(_ x: Tensor, _ activation: Activation) throws(ProteanError) -> Tensor {
        switch combination {
        case .concatenation: try concatenation(x, activation)
        case .sum: try sum(x, activation)
        }
    }

    private func concatenation(
        _ x: Tensor, _ activation: Activation
    ) throws(ProteanError) -> Tensor {
        let fuses = activation != .identity && activating.allSatisfy { $0 != nil }
        var results: [Tensor] = []
        for (index, (name, branch)) in branches.enumerated() {
            guard fuses, let kernel = activating[index] else {
                results.append(try branch.applied(to: x, as: name))
                continue
            }
            do throws(ProteanError) {
                results.append(
                    try kernel(x, epilogue: Conv2dEpilogue(activation: activation)))
            } catch {
                throw error.positioned(name, of: branch)
            }
        }
        let y = try Operations.concatenate(results, axis: 3)
        return fuses ? y : try Operations.activate(y, activation)
    }

    private func sum(_ x: Tensor, _ activation: Activation) throws(ProteanError) -> Tensor {
        var sum = try branches[0].layer.applied(to: x, as: branches[0].name)
        if branches.count == 1 { return try Operations.activate(sum, activation) }
        let shapes = try outputShapes(for: x)
        for (index, (name, branch)) in branches.enumerated().dropFirst() {
            let last = index == branches.count - 1 ? activation : .identity
            // A kernel adds only maps of its own shape; other shapes need broadcasting along axes
            // of size 1.
            guard let kernel = adding[index],
                index < shapes.count, shapes[index] == sum.shape
            else {
                sum = try Operations.add(
                    sum, try branch.applied(to: x, as: name), activation: last)
                continue
            }
            do throws(ProteanError) {
                sum = try kernel(x, epilogue: Conv2dEpilogue(activation: last, residual: sum))
            } catch {
                throw error.positioned(name, of: branch)
            }
        }
        return sum
    }

    /// The branches' output shapes if some branch can add in its kernel; empty if none can, or if a
    /// branch needs values to compute its shape.
    private func outputShapes(for x: Tensor) throws(ProteanError) -> [[Int]] {
        guard adding.dropFirst().contains(where: { $0 != nil }) else { return [] }
        return try shapes.value(for: x.shape) { () throws(ProteanError) in
            try Trace.pausing { () throws(ProteanError) in
                do throws(ProteanError) {
                    var found: [[Int]] = []
                    for branch in branches {
                        found.append(try branch.layer.outputShape(for: x.shape))
                    }
                    return found
                } catch {
                    return []
                }
            }
        }
    }
}
