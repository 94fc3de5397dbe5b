import Foundation
import Protean
import ProteanCatalogue

/// Runs one case on every instruction set and checks what is promised of all layers.
struct LayerCaseRunner {
    /// Instruction sets, the first of which is checked most.
    let sets: [KernelISA]

    /// The most processor seconds that one run, building included, took.
    private(set) var seconds = 0.0

    /// A check that failed.
    private struct Finding: Error { let text: String }

    /// What one run gave: outputs in the library's order, or the text of a typed error.
    private enum Answer {
        case outputs([LayerOutput])
        case error(String)
    }

    mutating func callAsFunction(_ one: LayerCase) -> CaseOutcome {
        seconds = 0
        var outcome = CaseOutcome(
            number: one.number, layer: one.entry.name, kind: one.kind.rawValue, result: .ran,
            note: "")
        do {
            let built = try build(one)
            guard case .outputs(let first) = try answer(built, one, set: sets[0], threads: 1) else {
                throw Finding(text: "unreachable")
            }
            try checkThreads(first, built, one)
            try checkShape(first, built, one)
            try checkSets(first, built, one)
            try checkSamples(first, built, one)
            outcome.sets = sets.map(\.rawValue)
        } catch let finding as Finding {
            outcome.result = .failed
            outcome.note = finding.text
        } catch let error as ProteanError {
            outcome.result = .refused
            outcome.note = error.description
            if case .kernel = error {
                outcome.result = .failed
                outcome.note = "a kernel refused what should have been checked: \(error)"
            }
        } catch {
            outcome.result = .failed
            outcome.note = "an error of another type: \(error)"
        }
        outcome.seconds = seconds
        return outcome
    }

    /// Builds the layer and gives its parameters random values.
    private mutating func build(_ one: LayerCase) throws -> BuiltLayer {
        let start = ProcessMeter.seconds
        defer { seconds = max(seconds, ProcessMeter.seconds - start) }
        let configuration = try LayerConfiguration(one.entry, given: one.values)
        let built = try one.entry.build(configuration)
        let parameters = built.module.allParameters()
        var random = LayerCaseRandom(seed: one.weightSeed, number: one.number)
        if one.kind == .weights, let wrong = parameters.randomElement(using: &random) {
            try wrong.parameter.set(Tensor(repeating: 0, shape: wrong.parameter.shape + [2]))
            throw Finding(text: "\(wrong.name) took a tensor of another shape")
        }
        guard parameters.reduce(0, { $0 + min($1.parameter.count, 1 << 24) }) < 1 << 20 else {
            return built
        }
        // A gated convolution's mask is a pattern that follows from its options.
        for named in parameters where named.name != "mask" {
            let isScale = named.name.hasSuffix("running_var") || named.name.hasSuffix("sigma")
            let elements = random.elements(
                named.parameter.count, special: one.kind == .values && random.percent(10),
                positive: isScale)
            try named.parameter.set(Tensor(elements, shape: named.parameter.shape))
        }
        return built
    }

    /// The layer's outputs; a typed error is thrown.
    private mutating func answer(
        _ built: BuiltLayer, _ one: LayerCase, set: KernelISA, threads: Int,
        inputs: [String: Tensor]? = nil
    ) throws -> Answer {
        let given = try LayerInputs(
            one.entry, tensors: inputs ?? one.inputs, layout: one.layout, source: "case")
        let start = ProcessMeter.seconds
        defer { seconds = max(seconds, ProcessMeter.seconds - start) }
        return try Runtime.with(isa: set, threads: threads) {
            let outputs = try built.run(given)
            try given.requireAllUsed()
            return .outputs(outputs)
        }
    }

    /// As above, where a first run gave outputs: an error is a finding.
    private mutating func again(
        _ what: String, _ built: BuiltLayer, _ one: LayerCase, set: KernelISA, threads: Int = 1,
        inputs: [String: Tensor]? = nil
    ) throws -> [LayerOutput] {
        do {
            if case .outputs(let outputs) = try answer(
                built, one, set: set, threads: threads, inputs: inputs)
            {
                return outputs
            }
        } catch let error as ProteanError {
            // What was kept for comparison, and every thread's scratch, count too.
            if case .outOfMemory = error { throw error }
            throw Finding(text: "\(what): \(error)")
        }
        return []
    }

    private mutating func checkThreads(
        _ first: [LayerOutput], _ built: BuiltLayer, _ one: LayerCase
    ) throws {
        for threads in [2, 3] {
            let other = try again(
                "\(threads) threads", built, one, set: sets[0], threads: threads)
            try compare(first, other, "1 and \(threads) threads", within: 0)
        }
    }

    /// The result has the shape that the layer says without computing.
    private mutating func checkShape(
        _ first: [LayerOutput], _ built: BuiltLayer, _ one: LayerCase
    ) throws {
        guard let layer = built.module as? any Layer, one.entry.inputs.count == 1,
            let x = one.inputs["x"], let y = first.first
        else { return }
        // A result of the same number of axes that is no map comes from an input that is none.
        let isMap = x.rank >= 3 && (y.isMap || (x.rank >= 4 && y.tensor.rank < x.rank))
        let shape =
            isMap && one.layout == .nchw ? [x.shape[0]] + x.shape[2...] + [x.shape[1]] : x.shape
        let traced: [Int]
        do {
            traced = try layer.outputShape(for: shape)
        } catch ProteanError.noValues {
            return
        } catch {
            throw Finding(text: "tracing \(shape): \(error)")
        }
        guard traced == y.tensor.shape else {
            throw Finding(text: "traced \(traced), computed \(y.tensor.shape)")
        }
    }

    private mutating func checkSets(_ first: [LayerOutput], _ built: BuiltLayer, _ one: LayerCase)
        throws
    {
        for set in sets.dropFirst() {
            let other = try again(set.rawValue, built, one, set: set)
            let ordinary =
                one.kind != .values && !Self.deciding.contains(one.entry.name)
                && !Self.choosing.contains(one.entry.name)
            try compare(
                first, other, "\(sets[0].rawValue) and \(set.rawValue)",
                within: ordinary ? 1e-3 : .infinity)
        }
    }

    /// A sample's bits alone are those in its batch.
    private mutating func checkSamples(
        _ first: [LayerOutput], _ built: BuiltLayer, _ one: LayerCase
    ) throws {
        guard let batch = one.inputs["x"]?.shape.first, batch > 1,
            !Self.deciding.contains(one.entry.name), !Self.across.contains(one.entry.name)
        else { return }
        let last = try one.inputs.mapValues { tensor in
            tensor.shape.first == batch ? try tensor.sample(batch - 1) : tensor
        }
        let alone = try again("a sample alone", built, one, set: sets[0], inputs: last)
            .filter { !Self.isState($0, of: one.entry) }
        let own = try first.filter { !Self.isState($0, of: one.entry) }.map { output in
            LayerOutput.map(output.name, try output.tensor.sample(batch - 1))
        }
        try compare(own, alone, "a sample in a batch and alone", within: 0)
    }

    /// Whether an output is a recurrent layer's last state, whose first axis are layers.
    private static func isState(_ output: LayerOutput, of entry: LayerEntry) -> Bool {
        ["LSTM", "GRU"].contains(entry.name) && ["h", "c"].contains(output.name)
    }

    /// Layers that round or compare: a last bit may decide between quite different results.
    private static let deciding: Set<String> = [
        "MaskedConv2d", "PointRefine", "GridSample", "DynConvBottleneck", "DynConvBasicBlock",
        "DynConvInvertedResidual", "SpatiallyAdaptiveComputationTime",
        "SpatiallyAdaptiveBottleneck", "SparseMaskModule", "SparseMaskBlock", "DeltaConv2d",
        "DeltaSequential", "DynConvMaskUnit", "LASNetMaskUnit", "DGNetSpatialGate", "NormGate",
        "PerforatedConv2d", "RoIAlign", "DeformRoIPool", "SpatialTransformer",
    ]
    /// Layers that decide for each row: a last bit may decide, but a row's company must not.
    private static let choosing: Set<String> = [
        "AdaptiveComputationTime", "BranchRouting", "ChannelGatedConv2d", "Dispatch",
        "DynamicLinear", "ExitNetwork", "FeatureBoostedConv2d", "MixtureOfExperts",
        "NeuralBackedTree", "SelectedConv2d", "SemanticHashGate", "SkipBlock", "SoftDecisionTree",
    ]
    /// Layers whose first axis is not a batch, or whose list names samples.
    private static let across: Set<String> = [
        "Linear", "AffineGrid", "SparseBlocksConv", "DynamicMaskHead", "RegionGather",
    ]

    private func compare(
        _ a: [LayerOutput], _ b: [LayerOutput], _ what: String, within tolerance: Float
    ) throws {
        guard a.map(\.tensor.shape) == b.map(\.tensor.shape) else {
            throw Finding(
                text: "\(what): shapes \(a.map(\.tensor.shape)) and \(b.map(\.tensor.shape))")
        }
        guard tolerance < .infinity else { return }
        for (one, other) in zip(a, b) {
            if let place = try one.tensor.difference(from: other.tensor, within: tolerance) {
                throw Finding(
                    text: "\(what): \(one.name)[\(place)] is \(one.tensor.elements[place]) and "
                        + "\(other.tensor.elements[place])")
            }
        }
    }
}

extension LayerCaseRandom: RandomNumberGenerator {
    mutating func next() -> UInt64 {
        UInt64(int(0...Int(UInt32.max))) << 32 | UInt64(int(0...Int(UInt32.max)))
    }
}

extension Tensor {
    /// The first place where another tensor of this shape differs by more than `tolerance` times the
    /// largest element; NaN equals NaN.
    func difference(from other: Tensor, within tolerance: Float) throws -> Int? {
        try withUnsafeBufferPointer { a in
            try other.withUnsafeBufferPointer { b in
                guard let left = a.baseAddress, let right = b.baseAddress else { return nil }
                if memcmp(left, right, a.count * MemoryLayout<Float>.stride) == 0 { return nil }
                var scale: Float = 1
                for i in 0..<a.count { scale = Swift.max(scale, Swift.abs(left[i])) }
                for i in 0..<a.count {
                    let (p, q) = (left[i], right[i])
                    let equal =
                        p == q || (p.isNaN && q.isNaN) || Swift.abs(p - q) <= tolerance * scale
                    if !equal || (tolerance == 0 && p.sign != q.sign && !p.isNaN) { return i }
                }
                return nil
            }
        }
    }

    /// Sample `index` of the first axis, as a batch of one.
    func sample(_ index: Int) throws -> Tensor {
        let size = count / Swift.max(shape[0], 1)
        return try Tensor(
            Array(elements[index * size..<(index + 1) * size]), shape: [1] + shape.dropFirst())
    }
}
