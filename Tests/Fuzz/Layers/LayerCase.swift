import Protean
import ProteanCatalogue

/// One random layer, its inputs and how its weights are made.
struct LayerCase {
    /// What is out of the ordinary.
    enum Kind: String, CaseIterable {
        /// Nothing: the layer should run.
        case plausible
        /// Values of the inputs or weights that are not numbers, infinite, huge or tiny.
        case values
        /// One or two keys have absurd values.
        case options
        /// A tensor has another shape, or is missing.
        case shapes
        /// A parameter is given a tensor of another shape.
        case weights
    }

    let number: Int
    let kind: Kind
    let entry: LayerEntry
    let values: LayerValues
    let layout: MapLayout
    let inputs: [String: Tensor]
    /// Seeds the parameters' values.
    let weightSeed: UInt64

    /// The case of this number; `only` keeps to one layer.
    init(seed: UInt64, number: Int, only: LayerEntry?) throws {
        var random = LayerCaseRandom(seed: seed, number: number)
        self.number = number
        let all = LayerCatalogue.entries
        let entry = only ?? all[number % all.count]
        self.entry = entry
        guard let recipe = LayerRecipe.of(entry) else {
            throw ProteanError.unknownName(
                kind: "recipe", name: entry.name,
                known: ["see Tests/Fuzz/Layers/LayerRecipe.swift"])
        }
        kind = random.pick([
            .plausible, .plausible, .plausible, .values, .options, .options, .options, .shapes,
            .weights,
        ])
        let scene = LayerScene(&random)
        var draw = try recipe.draw(&random, scene)
        let plain = draw.values
        values = kind == .options ? Self.absurd(plain, entry, &random) : plain
        layout = random.percent(50) ? .nchw : .nhwc
        if kind == .shapes { Self.distort(&draw.shapes, &random) }
        let special = kind == .values
        var tensors: [String: Tensor] = [:]
        for (name, shape) in draw.shapes.sorted(by: { $0.key < $1.key }) {
            let known = draw.inputs?[name]
            tensors[name] = try Self.tensor(
                name, Self.stored(name, shape, layout, isMap: known?.isMap), scene,
                known?.content ?? Self.content(name, shape), special: special, &random)
        }
        inputs = tensors
        weightSeed = UInt64(random.int(0...Int(UInt32.max)))
    }

    /// The shape in the file's axis order. Other orders are for maps only.
    private static func stored(
        _ name: String, _ shape: [Int], _ layout: MapLayout, isMap: Bool?
    ) -> [Int] {
        // A map that is known to be one may be a sequence.
        let moves =
            isMap.map { $0 && shape.count >= 3 }
            ?? (shape.count >= 4 && !["grid", "w"].contains(name))
        guard layout == .nhwc, moves else { return shape }
        return [shape[0]] + shape[2...] + [shape[1]]
    }

    /// What the inputs of this harness's recipes mean, by their names.
    private static func content(_ name: String, _ shape: [Int]) -> LayerSample.Input.Content {
        switch name {
        case "mask": .mask(density: 0.5, cell: 1)
        case "boxes", "rois": .boxes(on: [])
        default: .values
        }
    }

    private static func tensor(
        _ name: String, _ shape: [Int], _ scene: LayerScene,
        _ content: LayerSample.Input.Content, special: Bool, _ random: inout LayerCaseRandom
    ) throws -> Tensor {
        var elements = random.elements(shape.reduce(1, *), special: special)
        switch content {
        case .values: break
        case .mask: elements = elements.map { $0 < 0 ? 0 : $0 }
        case .indices(let count), .regions(let count, _):
            for index in elements.indices where elements[index].magnitude <= 1 {
                elements[index] = Float(random.int(0...max(0, count - 1)))
            }
            if special, let last = elements.indices.last { elements[last] = Float(count) }
        case .boxes where shape.last == 5:
            for box in stride(from: 0, to: elements.count, by: 5) {
                elements[box] = Float(random.int(0...max(0, scene.batch - 1)))
                for corner in 1...4 { elements[box + corner] *= 12 }
                if random.percent(5) { elements[box + 3] = 1e5 }
                if special, random.percent(30) { elements[box + random.int(1...4)] = 3e7 }
            }
        case .boxes: break
        }
        return try Tensor(elements, shape: shape)
    }

    /// Values that no network has.
    private static let oddities: [Value] = [
        0, -1, 1, .number(0x1p31), .number(0x1p31 - 1), .number(0x1p63), .number(-0x1p63),
        .number(0x1p53), .number(0x1p20), .number(0x1p20 + 1), .number(0x1p16), 20_000, 1024, 257,
        .number(.nan), .number(.infinity), .number(0.5), .number(-1e300), "text", "same", "valid",
        .null, true, false, [], [1, -1], [3], [.number(0x1p31), 1], [1, 20_000], [0, 1],
        .object([:]),
        ["a", "b"], [1, 2, 3, 4], [1, 1, .number(0x1p31), 2],
    ]

    private static func absurd(
        _ plain: LayerValues, _ entry: LayerEntry, _ random: inout LayerCaseRandom
    ) -> LayerValues {
        var values = plain
        var keys = entry.keys.map(\.name)
        if case .string(let variant)? = plain["variant"] {
            keys += entry.variants.first { $0.name == variant }?.keys.map(\.name) ?? []
        }
        if random.percent(4) { values["surplus"] = 1 }
        guard !keys.isEmpty else { return values }
        for _ in 0...random.int(0...1) {
            let key = random.pick(keys)
            values[key] = random.percent(6) ? nil : random.pick(oddities)
        }
        return values
    }

    private static func distort(_ shapes: inout [String: [Int]], _ random: inout LayerCaseRandom) {
        let name = random.pick(shapes.keys.sorted())
        var shape = shapes[name] ?? []
        switch random.int(0...5) {
        case 0: shapes[name] = nil; return
        case 1: shape = Array(shape.dropLast())
        case 2: shape.append(2)
        case 3: shape = []
        default:
            if !shape.isEmpty {
                shape[random.int(0...shape.count - 1)] = random.pick([0, 1, 2, 7, 33, 64])
            }
        }
        // A distorted shape must stay tiny.
        while shape.reduce(1, *) > 1 << 16 { shape.removeLast() }
        shapes[name] = shape
    }

    /// The configuration as text for `--config`.
    var configuration: String { Value.object(values).description }
}
