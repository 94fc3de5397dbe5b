/// The options of ``LSTM`` and ``GRU``.
struct RecurrentOptions: Sendable {
    var inputSize: Int
    var hiddenSize: Int
    var layers = 1
    var bias = true
    var batchFirst = true
    var isBidirectional = false
    var projectionSize = 0

    var directions: Int { isBidirectional ? 2 : 1 }
    /// Features of h.
    var stateSize: Int { projectionSize > 0 ? projectionSize : hiddenSize }

    func check(_ layer: String) throws(ProteanError) {
        let most = OptionLimits.channels / 8
        try checkChannels(inputSize, "inputSize", layer: layer)
        try checkOption(hiddenSize, "hiddenSize", in: 1...most, layer: layer)
        try checkOption(layers, "layers", in: 1...OptionLimits.depth, layer: layer)
        guard projectionSize >= 0, projectionSize < hiddenSize else {
            throw .invalidOption(
                layer: layer, option: "projectionSize",
                expected: "0, or less than hiddenSize \(hiddenSize)", found: "\(projectionSize)")
        }
    }

    /// The input's size of a layer.
    func inputSize(ofLayer layer: Int) -> Int {
        layer == 0 ? inputSize : directions * stateSize
    }

    /// The suffix of the names of a layer's parameters in a direction.
    static func suffix(_ layer: Int, _ direction: Int) -> String {
        "_l\(layer)" + (direction == 1 ? "_reverse" : "")
    }

    /// Batch and time of an input.
    func sizes(of x: Tensor, lengths: [Int]?, layer: String) throws(ProteanError) -> PackedRows {
        guard x.rank == 3, x.shape[2] == inputSize else {
            let axes = batchFirst ? "[batch, time, \(inputSize)]" : "[time, batch, \(inputSize)]"
            throw .shapeMismatch(layer: layer, tensor: "x", expected: axes, found: x.shape)
        }
        let (batch, time) =
            batchFirst ? (x.shape[0], x.shape[1]) : (x.shape[1], x.shape[0])
        try Self.check(lengths, batch: batch, time: time, layer: layer)
        return PackedRows(batch: batch, time: time, lengths: lengths)
    }

    /// Throws unless there is one length in 0...time per row.
    static func check(
        _ lengths: [Int]?, batch: Int, time: Int, layer: String
    ) throws(ProteanError) {
        guard let lengths else { return }
        guard lengths.count == batch else {
            throw .invalidOption(
                layer: layer, option: "lengths", expected: "\(batch) numbers",
                found: "\(lengths.count)")
        }
        for (row, length) in lengths.enumerated() where length < 0 || length > time {
            throw .invalidOption(
                layer: layer, option: "lengths[\(row)]", expected: "0...\(time)",
                found: "\(length)")
        }
    }

    /// Throws unless `state` is nil or `[layers · directions, batch, size]`.
    func check(
        _ state: Tensor?, _ name: String, size: Int, batch: Int, layer: String
    ) throws(ProteanError) {
        let shape = [layers * directions, batch, size]
        guard let state, state.shape != shape else { return }
        throw .shapeMismatch(layer: layer, tensor: name, expected: "\(shape)", found: state.shape)
    }
}

/// One layer in one direction over packed rows: what ``LSTM`` and ``GRU`` supply.
protocol RecurrentDirection: Sendable {
    /// The parameters, in PyTorch's order.
    var named: [NamedParameter] { get }
    /// Sizes of the state's tensors; the first is h.
    var stateSizes: [Int] { get }
    /// The input's product for all packed rows, biases included as ``step`` expects it.
    func inputProduct(_ x: Tensor, layer: String) throws(ProteanError) -> Tensor
    /// The next state from the input's product of the step's rows.
    func step(_ product: Tensor, _ state: [Tensor], layer: String) throws(ProteanError) -> [Tensor]
}

extension RecurrentDirection {
    /// Outputs of all packed rows and the state after each row's last step, in the packed order.
    ///
    /// - Parameter state: `[batch, size]` each, in the packed order.
    func run(
        _ x: Tensor, _ state: [Tensor], _ rows: PackedRows, isReversed: Bool, layer: String
    ) throws(ProteanError) -> (output: Tensor, state: [Tensor]) {
        guard rows.total > 0 else {
            return (try Tensor(zeros: [0, stateSizes[0]]), state)
        }
        let products = try inputProduct(x, layer: layer)
        var outputs: [Tensor] = []
        var final = state
        var current: [Tensor] = []
        let steps = Array(rows.counts.indices)
        for t in isReversed ? steps.reversed() : steps {
            let count = rows.counts[t]
            current = try Self.adjust(current, to: count, from: &final, state)
            current = try step(try products.rows(rows.range(t)), current, layer: layer)
            outputs.append(current[0])
        }
        _ = try Self.adjust(current, to: 0, from: &final, state)
        if isReversed { outputs.reverse() }
        return (try Operations.concatenate(outputs, axis: 0), final)
    }

    /// The state of the first `count` rows: rows that end are kept in `final`, rows that begin take
    /// their initial state.
    private static func adjust(
        _ current: [Tensor], to count: Int, from final: inout [Tensor], _ initial: [Tensor]
    ) throws(ProteanError) -> [Tensor] {
        let present = current.first?.shape[0] ?? 0
        if present == count { return current }
        var next: [Tensor] = []
        for index in initial.indices {
            if count < present {
                let ending = try current[index].rows(count..<present)
                try final[index].setRows(Array(count..<present), to: ending)
                next.append(try current[index].rows(0..<count))
            } else {
                let beginning = try initial[index].rows(present..<count)
                next.append(
                    present == 0
                        ? beginning
                        : try Operations.concatenate([current[index], beginning], axis: 0))
            }
        }
        return next
    }
}

/// The layers and directions of a recurrent network over a batch of sequences.
struct RecurrentStack: Sendable {
    let options: RecurrentOptions
    /// Per layer, one or two directions.
    let layers: [[any RecurrentDirection]]

    /// Every layer in every direction, each with seeds of its own.
    init(
        _ options: RecurrentOptions, seed: UInt64,
        make: (_ layer: Int, _ direction: Int, _ seed: UInt64) throws(ProteanError) ->
            any RecurrentDirection
    ) throws(ProteanError) {
        self.options = options
        var layers: [[any RecurrentDirection]] = []
        for layer in 0..<options.layers {
            var parts: [any RecurrentDirection] = []
            for direction in 0..<options.directions {
                let own = seed &+ UInt64(16 * (2 * layer + direction))
                parts.append(try make(layer, direction, own))
            }
            layers.append(parts)
        }
        self.layers = layers
    }

    /// The parameters of all layers, in PyTorch's order.
    var parameters: [NamedParameter] { layers.flatMap { $0.flatMap(\.named) } }

    /// - Parameter initial: nil, or `[layers · directions, batch, size]` for each tensor of a state.
    /// - Returns: outputs as the input lies, zeros beyond each row's length, and the final states.
    func run(
        _ x: Tensor, _ rows: PackedRows, initial: [Tensor?], layer: String
    ) throws(ProteanError) -> (output: Tensor, state: [Tensor]) {
        let places = rows.places(batchFirst: options.batchFirst)
        let isPlain = places.enumerated().allSatisfy { $0 == $1 }
        let flat = try x.reshaped(to: [rows.batch * rows.time, options.inputSize])
        var packed =
            isPlain
            ? try flat.rows(0..<rows.total)
            : try Operations.indexSelect(flat, axis: 0, indices: places)
        var finals: [[Tensor]] = initial.map { _ in [] }
        for (index, directions) in layers.enumerated() {
            var outputs: [Tensor] = []
            for (direction, part) in directions.enumerated() {
                let place = index * directions.count + direction
                let state = try self.initial(initial, place, rows, part.stateSizes)
                let result = try part.run(
                    packed, state, rows, isReversed: direction == 1, layer: layer)
                outputs.append(result.output)
                for (kind, final) in result.state.enumerated() { finals[kind].append(final) }
            }
            packed = outputs.count == 1 ? outputs[0] : try Operations.concatenate(outputs, axis: 1)
        }
        var states: [Tensor] = []
        for final in finals { states.append(try unsorted(final, rows)) }
        return (try unpacked(packed, places, rows), states)
    }

    /// The initial state of one layer in one direction, in the packed order.
    private func initial(
        _ initial: [Tensor?], _ place: Int, _ rows: PackedRows, _ sizes: [Int]
    ) throws(ProteanError) -> [Tensor] {
        var state: [Tensor] = []
        for (kind, given) in initial.enumerated() {
            guard let given else {
                state.append(try Tensor(zeros: [rows.batch, sizes[kind]]))
                continue
            }
            let own = try given.rows(place..<place + 1).reshaped(to: [rows.batch, sizes[kind]])
            state.append(try Operations.indexSelect(own, axis: 0, indices: rows.order))
        }
        return state
    }

    /// `[layers · directions, batch, size]` in the batch's order.
    private func unsorted(_ states: [Tensor], _ rows: PackedRows) throws(ProteanError) -> Tensor {
        var inverse = [Int](repeating: 0, count: rows.batch)
        for (index, row) in rows.order.enumerated() { inverse[row] = index }
        let size = states[0].shape[1]
        var ordered: [Tensor] = []
        for state in states {
            ordered.append(try Operations.indexSelect(state, axis: 0, indices: inverse))
        }
        return try Operations.concatenate(ordered, axis: 0)
            .reshaped(to: [states.count, rows.batch, size])
    }

    private func unpacked(
        _ packed: Tensor, _ places: [Int], _ rows: PackedRows
    ) throws(ProteanError) -> Tensor {
        let features = options.directions * options.stateSize
        let shape =
            (options.batchFirst ? [rows.batch, rows.time] : [rows.time, rows.batch]) + [features]
        if places.count == rows.batch * rows.time, rows.batch == 1 || !options.batchFirst,
            places.enumerated().allSatisfy({ $0 == $1 })
        {
            return try packed.reshaped(to: shape)
        }
        var flat = try Tensor(zeros: [rows.batch * rows.time, features])
        try flat.setRows(places, to: packed)
        return try flat.reshaped(to: shape)
    }
}
