import Protean
import Testing

/// Layers as an outside package writes them: nothing here sees more than what is public.
///
/// They take part in what containers do with Protean's own: fusing, gates, initial values, states.
@Suite struct OutsideLayerTests {
    /// A convolution of its own on the public plan cache: norm, gate, residual and activation run in its
    /// kernel.
    final class PlannedConv: FoldsNorm, HasInitialWeights {
        let weight: Parameter
        let label: Label? = Label()
        private let plans: Conv2dPlanCache

        init(inputs: Int, outputs: Int) throws(ProteanError) {
            let geometry = try Conv2dGeometry(
                inputChannels: inputs, outputChannels: outputs, kernelSize: 3, padding: 1,
                layer: "PlannedConv")
            weight = Parameter(try Tensor(zeros: geometry.weightShape))
            plans = try Conv2dPlanCache(geometry: geometry, weight: weight, layer: "PlannedConv")
        }

        var parameters: [NamedParameter] { [NamedParameter("weight", weight)] }
        var initialWeights: [InitialWeight] { [InitialWeight("weight", weight)] }
        var channelFlow: ChannelFlow { plans.geometry.channelFlow }

        func callAsFunction(_ x: Tensor) throws(ProteanError) -> Tensor {
            try self(x, epilogue: Conv2dEpilogue())
        }

        func callAsFunction(
            _ x: Tensor, epilogue: Conv2dEpilogue
        ) throws(ProteanError) -> Tensor {
            try run(x, plans, epilogue)
        }

        func folding(_ norm: any FoldableNorm) throws(ProteanError) -> any EpilogueKernel {
            Folded(
                conv: self,
                plans: try Conv2dPlanCache(
                    geometry: plans.geometry, weight: weight, norm: norm, layer: "PlannedConv"))
        }

        private struct Folded: EpilogueKernel {
            let conv: PlannedConv
            let plans: Conv2dPlanCache
            var epilogueParts: EpilogueParts { [.activation, .residual] }
            func callAsFunction(
                _ x: Tensor, epilogue: Conv2dEpilogue
            ) throws(ProteanError) -> Tensor { try conv.run(x, plans, epilogue) }
        }

        private func run(
            _ x: Tensor, _ plans: Conv2dPlanCache, _ epilogue: Conv2dEpilogue
        ) throws(ProteanError) -> Tensor {
            try traced(
                typeName, path: label, input: x,
                cost: { Cost(multiplyAdds: $0.count, bytes: 4 * $0.count).folding(plans.norm) }
            ) { () throws(ProteanError) in
                try Operations.conv2d(x, plans: plans, epilogue: epilogue, layer: place)
            }
        }
    }

    /// Filters of mean 0 and variance 1, derived once per change and packed once per form.
    final class StandardizedConv: AcceptsEpilogue {
        private struct Key: Equatable, Sendable {
            var packing: Conv2dPacking
            var version: Int
        }
        let weight: Parameter
        private let geometry: Conv2dGeometry
        private let packed = Derived<Key, PackedConv2d>(capacity: 4)

        init(_ weight: Tensor) throws(ProteanError) {
            geometry = try Conv2dGeometry(
                inputChannels: weight.shape[1], outputChannels: weight.shape[0],
                kernelSize: Size2d(height: weight.shape[2], width: weight.shape[3]))
            self.weight = Parameter(weight)
        }

        var parameters: [NamedParameter] { [NamedParameter("weight", weight)] }

        func standardized() throws(ProteanError) -> Tensor {
            let values = weight.value.elements, count = values.count / weight.shape[0]
            var result: [Float] = []
            for k in 0..<weight.shape[0] {
                let filter = values[k * count..<(k + 1) * count].map(Double.init)
                let mean = filter.reduce(0, +) / Double(count)
                let variance = filter.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(count)
                result += filter.map { Float(($0 - mean) / (variance + 1e-5).squareRoot()) }
            }
            return try Tensor(result, shape: weight.shape)
        }

        func callAsFunction(_ x: Tensor) throws(ProteanError) -> Tensor {
            try self(x, epilogue: Conv2dEpilogue())
        }

        func callAsFunction(
            _ x: Tensor, epilogue: Conv2dEpilogue
        ) throws(ProteanError) -> Tensor {
            let packing = try geometry.packing(for: x.shape, layer: place)
            let weights = try packed.value(for: Key(packing: packing, version: weight.version)) {
                () throws(ProteanError) in
                try PackedConv2d(
                    weight: try standardized(), geometry: geometry, packing: packing, layer: place)
            }
            return try Operations.conv2d(x, packed: weights, epilogue: epilogue, layer: place)
        }
    }

    /// Channels by the sigmoid of their means.
    struct MeanGate: Gate {
        func gates(of x: Tensor) throws(ProteanError) -> Tensor {
            try Operations.activate(Operations.globalAveragePool(x), .sigmoid)
        }
    }

    /// An activation that Protean has no layer for.
    struct Steep: ActivationLayer {
        var activation: Activation { .leakyReLU(slope: 0.3) }
    }

    /// x · scale[c] + 1.
    final class Scaling: FoldableNorm {
        let scale: Parameter
        init(_ scale: Tensor) { self.scale = Parameter(scale) }
        var channels: Int { scale.count }
        var version: Int { scale.version }
        var parameters: [NamedParameter] { [NamedParameter("scale", scale)] }
        func scaleAndShift() throws(ProteanError) -> (scale: Tensor, shift: Tensor) {
            (scale.value, try Tensor(repeating: 1, shape: [channels]))
        }
        func callAsFunction(_ x: Tensor) throws(ProteanError) -> Tensor {
            let affine = try scaleAndShift()
            return try Operations.scaleShift(x, scale: affine.scale, shift: affine.shift)
        }
    }

    /// The mean of all inputs so far.
    struct RunningMean: StatefulLayer {
        struct State: Sendable {
            var sum: Tensor?
            var count: Float = 0
        }
        func initialState(for input: [Int]) -> State { State() }
        func callAsFunction(_ x: Tensor, state: inout State) throws(ProteanError) -> Tensor {
            let sum = try state.sum.map { (old) throws(ProteanError) in try Operations.add(old, x) }
            state.sum = sum ?? x
            state.count += 1
            return try Operations.multiply(
                state.sum ?? x, try Tensor(repeating: 1 / state.count, shape: [1]))
        }
    }

    private static func random(_ shape: [Int], _ seed: Float) throws -> Tensor {
        let count = shape.reduce(1, *)
        return try Tensor(
            (0..<count).map { Float(($0 * 37 + 11) % 101) / 50 - 1 + seed / 100 }, shape: shape)
    }

    private static func layers(_ layer: any Layer, _ x: Tensor) throws -> [String] {
        let trace = Trace()
        _ = try trace.recording { try layer(x) }
        return trace.events.map(\.layer)
    }

    private static func expect(_ y: Tensor, _ expected: Tensor, _ tolerance: Float = 0) {
        #expect(y.shape == expected.shape)
        for (a, b) in zip(y.elements, expected.elements) {
            #expect(abs(a - b) <= tolerance * max(1, abs(b)))
        }
    }

    @Test func anOwnConvolutionTakesWhatFollowsIt() throws {
        let conv = try PlannedConv(inputs: 3, outputs: 4)
        let norm = Scaling(try Self.random([4], 3))
        let block = try Sequential([conv, norm, Steep()])
        try block.initializeWeights(seed: 4)
        #expect(conv.weight.value.elements.contains { $0 != 0 })
        let x = try Self.random([2, 5, 6, 3], 1)
        let separate = try Operations.activate(norm(conv(x)), .leakyReLU(slope: 0.3))
        Self.expect(try block(x), separate, 1e-5)
        #expect(try Self.layers(block, x) == ["PlannedConv"])
        // The norm's new values are folded anew.
        try norm.scale.set(Tensor(zeros: [4]))
        #expect(try block(x).elements.allSatisfy { $0 == 1 })
        // A residual and a gate of the input in the same kernel.
        let square = try PlannedConv(inputs: 3, outputs: 3)
        try square.initializeWeights(seed: 9)
        let gated = Residual(main: Gated(square, by: MeanGate()), activation: .silu)
        let gates = try MeanGate().gates(of: x)
        let product = try Operations.scaleChannels(square(x), by: gates)
        Self.expect(try gated(x), try Operations.add(product, x, activation: .silu), 1e-6)
        #expect(try Self.layers(gated, x) == ["PlannedConv"])
    }

    @Test func anOwnCacheOfPackedWeights() throws {
        let conv = try StandardizedConv(try Self.random([5, 3, 2, 3], 2))
        let block = try Sequential([conv, HardSwish()])
        let x = try Self.random([2, 7, 6, 3], 4)
        func expected() throws -> Tensor {
            let plain = try Conv2d(weight: conv.standardized())
            return try Operations.activate(plain(x), .hardSwish)
        }
        for isa in KernelISA.supported {
            try Runtime.with(isa: isa) {
                Self.expect(try block(x), try expected())
                #expect(try block.outputShape(for: [1, 7, 6, 3]) == [1, 6, 4, 5])
            }
        }
        try conv.weight.set(try Self.random([5, 3, 2, 3], 50))
        Self.expect(try block(x), try expected())
    }

    @Test func weightsComputedAtRunTime() throws {
        let geometry = try Conv2dGeometry(inputChannels: 2, outputChannels: 3, kernelSize: 1)
        let x = try Self.random([2, 4, 5, 2], 3)
        // One filter set per call, from the input's mean; and one per sample.
        let mean = try Operations.globalAveragePool(x).elements
        let values = (0..<6).map { mean[$0 % 4] + Float($0) }
        let weight = try Tensor(values, shape: [3, 2, 1, 1])
        let y = try Operations.conv2d(x, weight: weight, geometry: geometry)
        Self.expect(y, try Conv2d(weight: weight)(x))
        let both = try Operations.conv2d(
            x, filtersPerSample: try Tensor(values + values, shape: [2, 3, 2, 1, 1]),
            geometry: geometry)
        Self.expect(both, y, 1e-6)
    }

    @Test func ownGatesAndStatesCompose() throws {
        let x = try Self.random([2, 3, 4, 5], 6)
        let block = try Sequential([Gated(MeanGate()), Steep()])
        let expected = try Operations.scaleChannels(
            x, by: MeanGate().gates(of: x), activation: .leakyReLU(slope: 0.3))
        Self.expect(try block(x), expected)
        #expect(try block.outputShape(for: [1, 2, 3, 5]) == [1, 2, 3, 5])
        let video = try StatefulSequential(named: [
            ("gate", Gated(MeanGate())), ("mean", RunningMean()), ("act", Steep()),
        ])
        var state = video.initialState(for: x.shape)
        _ = try video(x, state: &state)
        let again = try video(x, state: &state)
        Self.expect(again, expected, 1e-6)
    }
}
