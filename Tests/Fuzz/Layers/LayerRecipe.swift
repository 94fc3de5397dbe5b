import Protean
import ProteanCatalogue

/// How plausible configurations and inputs of one layer are drawn.
struct LayerRecipe: Sendable {
    /// One configuration with its inputs.
    struct Draw {
        /// Values of the layer's keys.
        let values: LayerValues
        /// Shapes of the input tensors, maps in PyTorch's order.
        var shapes: [String: [Int]]
        /// What is known of the inputs beside their shapes, where the layer's entry says it; nil for a
        /// recipe of this harness.
        let inputs: [String: LayerSample.Input]?
    }

    /// Draws a configuration and inputs that fit.
    let draw: @Sendable (inout LayerCaseRandom, LayerScene) throws -> Draw

    init(
        _ configure: @escaping @Sendable (inout LayerCaseRandom, LayerScene) -> LayerValues,
        inputs:
            @escaping @Sendable (inout LayerCaseRandom, LayerScene, LayerValues) -> [String: [Int]] =
            {
                _, scene, _ in ["x": scene.map]
            }
    ) {
        draw = { random, scene in
            let values = configure(&random, scene)
            return Draw(values: values, shapes: inputs(&random, scene, values), inputs: nil)
        }
    }

    init(draw: @escaping @Sendable (inout LayerCaseRandom, LayerScene) throws -> Draw) {
        self.draw = draw
    }

    /// The recipe of a layer: one of this harness, else the one that the layer's benchmark gives; nil
    /// for a layer that has neither.
    static func of(_ entry: LayerEntry) -> LayerRecipe? {
        all[entry.name] ?? entry.benchmark.generic.map { LayerRecipe(entry, $0) }
    }

    private static let all: [String: LayerRecipe] =
        [
            convolutions, filters, sampling, sparse, blocks, basic, activations,
            branches, spatialAttention, channelAttention, conditioned,
        ].reduce(into: [:]) {
            all, some in
            all.merge(some) { $1 }
        }
}

/// Values that several recipes draw.
extension LayerCaseRandom {
    /// A number for both axes, or one for each.
    mutating func pair(_ range: ClosedRange<Int>) -> Value {
        let first = int(range)
        return percent(60)
            ? .number(Double(first))
            : .array([.number(Double(first)), .number(Double(int(range)))])
    }

    mutating func flag() -> Value { .bool(percent(50)) }

    mutating func whole(_ range: ClosedRange<Int>) -> Value { .number(Double(int(range))) }

    mutating func activation() -> Value {
        .string(pick(["relu", "sigmoid", "hard_sigmoid", "silu", "gelu", "tanh", "relu6"]))
    }

    /// Arguments of `torch.nn.Conv2d`.
    mutating func convolution(
        _ scene: LayerScene, bias: Bool = true, named: Bool = false
    ) -> LayerValues {
        let groups = percent(60) ? 1 : divisor(of: scene.channels)
        var values: LayerValues = [
            "in_channels": .number(Double(scene.channels)),
            "out_channels": .number(Double(groups * int(1...(groups > 4 ? 2 : 9)))),
            "kernel_size": pair(1...3), "stride": percent(60) ? 1 : pair(1...3),
            "padding": pair(0...2), "dilation": percent(75) ? 1 : pair(1...2),
            "groups": .number(Double(groups)),
        ]
        if percent(5) { values["kernel_size"] = pair(4...7) }
        if bias { values["bias"] = flag() }
        if named, percent(20) {
            values["padding"] = values["stride"] == 1 ? pick(["same", "valid"]) : "valid"
        }
        return values
    }
}

extension Value {
    init(_ number: Int) { self = .number(Double(number)) }
}
