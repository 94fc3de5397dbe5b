import Protean
import ProteanCatalogue

/// The benchmark that a layer's entry describes: the layer built and run as by `protean apply`, its
/// operations and bytes counted by the layer itself.
struct LayerKernel {
    private let entry: LayerEntry
    private let benchmark: BenchmarkCase
    private let sample: LayerSample

    /// Makes configuration and input shapes for a case.
    init(
        _ entry: LayerEntry, _ generic: LayerBenchmark.Generic, _ benchmark: BenchmarkCase
    ) throws(CaseError) {
        self.entry = entry
        self.benchmark = benchmark
        let values = benchmark.values.map { ($0.rawValue, $1.configurationValue) }
        sample = try benchmark.possible {
            try generic.sample(CaseSizes(Dictionary(uniqueKeysWithValues: values)))
        }
    }

    /// The case with its cost, from a run that computes no values if the layer's cost does not
    /// depend on them.
    func prepared() throws(CaseError) -> PreparedCase {
        let elements = sample.inputs.values.reduce(0) { $0 + Size.elements($1.shape) }
        try KernelRegistry.checkMemory(benchmark, bytes: Size.bytes(elements))
        let cost = try benchmark.possible { try countedCost() }
        return PreparedCase(
            flops: 2 * Double(cost.multiplyAdds), bytes: Double(cost.bytes),
            executedShare: cost.executedShare
        ) {
            let built = try built()
            let tensors = try tensors(shapesOnly: false)
            return {
                let outputs = try built.run(inputs(tensors))
                return try outputs.first?.tensor.sample() ?? 0
            }
        }
    }

    private func countedCost() throws -> Cost {
        let built = try built()
        do {
            return try tracedCost(built, shapesOnly: true)
        } catch ProteanError.noValues {
            return try tracedCost(built, shapesOnly: false)
        }
    }

    private func tracedCost(_ built: BuiltLayer, shapesOnly: Bool) throws -> Cost {
        let tensors = try tensors(shapesOnly: shapesOnly)
        let trace = Trace()
        let outputs = try trace.recording { try built.run(inputs(tensors)) }
        var cost = trace.totalCost
        if cost.bytes == 0 {
            // A layer without a recorded cost still reads its inputs and writes its outputs.
            let counts = tensors.values.map(\.count) + outputs.map(\.tensor.count)
            cost.bytes = counts.reduce(0, +) * MemoryLayout<Float>.stride
        }
        return cost
    }

    private func built() throws -> BuiltLayer {
        let configuration = try LayerConfiguration(entry, given: sample.configuration)
        let built: BuiltLayer
        do {
            built = try entry.build(configuration)
        } catch let error as ProteanError {
            throw configuration.renamed(error)
        }
        try fill(built.module)
        return built
    }

    /// Gives parameters that are all 0 seeded values. Otherwise layers whose initial displacements
    /// or gates are 0 would not be measured as they run after training.
    private func fill(_ module: any Module) throws {
        for (index, named) in module.allParameters().enumerated() where !named.parameter.isBuffer {
            let (parameter, shape) = (named.parameter, named.parameter.shape)
            guard parameter.value.elements.allSatisfy({ $0 == 0 }) else { continue }
            // Keeps sums over one row of products near 1.
            let row = max(1, shape.dropFirst().reduce(1, *))
            let scale = 1 / Float(row).squareRoot()
            let values = try benchmark.values(shape, stream: 1000 + UInt64(index)).elements
            try parameter.set(Tensor(values.map { $0 * scale }, shape: shape))
        }
    }

    /// The layer's inputs. With `shapesOnly` inputs of arbitrary values carry a shape only; masks,
    /// indices and boxes always have values.
    private func tensors(shapesOnly: Bool) throws -> [String: Tensor] {
        var tensors: [String: Tensor] = [:]
        for (stream, (name, input)) in sample.inputs.sorted(by: { $0.key < $1.key }).enumerated() {
            tensors[name] =
                shapesOnly && input.content == .values
                ? try Tensor(shapeOnly: input.shape)
                : try benchmark.tensor(input, stream: UInt64(stream))
        }
        return tensors
    }

    private func inputs(_ tensors: [String: Tensor]) throws -> LayerInputs {
        try LayerInputs(entry, tensors: tensors, layout: .nhwc, source: benchmark.place)
    }
}

extension CaseValue {
    /// The value in a configuration.
    fileprivate var configurationValue: ModelConfiguration.Value {
        switch self {
        case .integer(let value): .number(Double(value))
        case .real(let value): .number(value)
        case .word(let value): .string(value)
        }
    }
}

extension BenchmarkCase {
    /// The result of `body`; its error is converted to one about this case.
    fileprivate func possible<T>(_ body: () throws -> T) throws(CaseError) -> T {
        do {
            return try body()
        } catch let error as CaseError {
            throw error
        } catch {
            throw self.error(nil, expected: "a case that runs", found: "\(error)")
        }
    }

    /// Seeded values of an input.
    fileprivate func tensor(_ input: LayerSample.Input, stream: UInt64) throws -> Tensor {
        switch input.content {
        case .values:
            return try values(input.shape, stream: stream)
        case .mask(let density, let cell):
            return try mask(input.shape, density: density, cell: cell, stream: stream)
        case .indices(let count):
            let uniform = try values(input.shape, stream: stream).elements
            let largest = Float(max(count, 1) - 1)
            return try Tensor(
                uniform.map { min(largest, (($0 + 1) / 2 * Float(count)).rounded(.down)) },
                shape: input.shape)
        case .regions(let count, let cell):
            return try regions(input.shape, below: count, cell: cell, stream: stream)
        case .boxes(let map):
            return try boxes(input.shape[0], on: map)
        }
    }

    /// A random number below `count` for every cell of `cell` × `cell` pixels of `[B, H, W, 1]`.
    private func regions(
        _ shape: [Int], below count: Int, cell: Int, stream: UInt64
    ) throws -> Tensor {
        let across = (shape[2] + cell - 1) / cell, down = (shape[1] + cell - 1) / cell
        let chosen = try values([shape[0], down, across, 1], stream: stream).elements
        let elements = (0..<shape.reduce(1, *)).map { index -> Float in
            let (x, y, sample) = (
                index % shape[2], index / shape[2] % shape[1], index / shape[2] / shape[1]
            )
            let value = chosen[(sample * down + y / cell) * across + x / cell]
            return min(Float(count - 1), ((value + 1) / 2 * Float(count)).rounded(.down))
        }
        return try Tensor(elements, shape: shape)
    }

    /// Cells of `cell` × `cell` pixels, chosen at random in every sample; `shape` is
    /// `[B, H, W, …]`, or `[H, W]`.
    private func mask(
        _ shape: [Int], density: Double, cell: Int, stream: UInt64
    ) throws -> Tensor {
        let isMap = shape.count > 2
        let (batch, height, width) = (
            isMap ? shape[0] : 1, shape[isMap ? 1 : 0], shape[isMap ? 2 : 1]
        )
        let across = (width + cell - 1) / cell, down = (height + cell - 1) / cell
        let chosen = try values([batch, down * across], stream: stream).elements
        let active = Float(2 * density - 1)
        let elements = (0..<batch * height * width).map { index -> Float in
            let (x, y, sample) = (
                index % width, index / width % height, index / width / height
            )
            let at = sample * down * across + y / cell * across + x / cell
            return chosen[at] < active ? 1 : 0
        }
        return try Tensor(elements, shape: shape)
    }
}
