import Foundation

extension MixtureOfExperts {
    /// The sum of the experts that `choose` finds for the gate's logits.
    func run(
        _ x: Tensor, choose: (Tensor) throws(ProteanError) -> Choice
    ) throws(ProteanError) -> (output: Tensor, choice: Choice, logits: Tensor) {
        let tokens = try tokens(x)
        let costs = try expertCosts()
        let width = costs.first?.features.last ?? 0
        let shape = Array(x.shape.dropLast()) + [width]
        let logits = try traced(
            "MixtureOfExperts", path: label, input: x,
            cost: { _ in gateCost(tokens.shape[0]) }
        ) { () throws(ProteanError) in try Operations.matmul(tokens, gate.value) }
        guard !x.isShapeOnly else {
            for (index, expert) in experts.enumerated() {
                _ = try expert.applied(to: tokens, as: "experts.\(index)")
            }
            return (
                try Tensor(shapeOnly: shape), Choice(trusted: [], actions: 0, scores: []), logits
            )
        }
        let origin = Self.tokenRows(of: x, count: tokens.shape[0])
        let choice = try RowScope.asOrigin(origin) { () throws(ProteanError) in
            try DecisionSource.decide(
                site: place, batch: tokens.shape[0], actions: experts.count
            ) { () throws(ProteanError) in try choose(logits) }
        }
        let each = tokens.shape[0] / max(x.rank > 1 ? x.shape[0] : tokens.shape[0], 1)
        let sum = try Trace.joiningRows(each) { () throws(ProteanError) in
            try RowScope.asOrigin(origin) { () throws(ProteanError) in
                try combined(tokens, choice, width: width)
            }
        }
        return (try sum.reshaped(to: shape), choice, logits)
    }

    /// The weighted results, added in order of the experts.
    private func combined(
        _ tokens: Tensor, _ choice: Choice, width: Int
    ) throws(ProteanError) -> Tensor {
        var sum = try Tensor(zeros: [tokens.shape[0], width])
        for (index, (plan, weights)) in choice.plans().enumerated() where !plan.isEmpty {
            let own = try Operations.gatherRows(tokens, plan)
            let y = try RowScope.with(plan) { () throws(ProteanError) in
                try experts[index].applied(to: own, as: "experts.\(index)")
            }
            guard y.shape == [plan.count, width] else {
                throw .shapeMismatch(
                    layer: place, tensor: "result of expert \(index)",
                    expected: "[\(plan.count), \(width)]", found: y.shape)
            }
            try Operations.addRows(y, plan, weights: weights, to: &sum)
        }
        return sum
    }

    private func gateCost(_ tokens: Int) -> Cost {
        Cost(
            multiplyAdds: tokens * gate.count, parameters: gate.count,
            bytes: (tokens * (inputFeatures + experts.count) + gate.count)
                * MemoryLayout<Float>.stride)
    }

    /// Multiply-adds of each token: the gate's and its experts'.
    func executed(_ choice: Choice, like x: Tensor) throws(ProteanError) -> [Int] {
        let costs = try expertCosts()
        return choice.picks.map { picks in
            picks.reduce(gate.count) { $0 + costs[$1.action].multiplyAdds }
        }
    }

    /// The numbers of the tokens of `x` in the outermost batch.
    private static func tokenRows(of x: Tensor, count: Int) -> RowPlan {
        guard x.rank > 1, let batch = x.shape.first, batch > 0, count > batch else {
            return RowScope.origin(batch: count)
        }
        let rows = RowScope.origin(batch: batch), each = count / batch
        return RowPlan(
            trusted: rows.rows.flatMap { $0 * each..<($0 + 1) * each }, batch: rows.batch * each)
    }
}

extension RowScope {
    /// Runs `body`, whose tensors hold the rows `plan` of the outermost batch.
    static func asOrigin<R>(
        _ plan: RowPlan, _ body: () throws(ProteanError) -> R
    ) throws(ProteanError) -> R {
        let outcome = $active.withValue(plan) { Result { () throws(ProteanError) in try body() } }
        return try outcome.get()
    }
}

extension Trace {
    /// Runs `body`, in which `each` rows, such as tokens, belong to one row of the caller: events are
    /// recorded with the caller's rows.
    static func joiningRows<R>(
        _ each: Int, _ body: () throws(ProteanError) -> R
    ) throws(ProteanError) -> R {
        guard let listener = current, each > 1 else { return try body() }
        let own = Trace()
        let outcome = $current.withValue(own) { Result { () throws(ProteanError) in try body() } }
        for event in own.events {
            var sums: [Int: Int] = [:]
            for (row, executed) in zip(event.rows.rows, event.executedByRow) {
                sums[row / each, default: 0] += executed
            }
            let rows = sums.keys.sorted()
            listener.append(
                Event(
                    path: event.path, layer: event.layer, inputShape: event.inputShape,
                    outputShape: event.outputShape, cost: event.cost, seconds: event.seconds,
                    mask: event.mask,
                    rows: RowPlan(trusted: rows, batch: event.rows.batch / each),
                    executedByRow: rows.map { sums[$0] ?? 0 }))
        }
        return try outcome.get()
    }
}

extension MixtureOfExperts {
    /// Logits with the noise of training, and what it was made of.
    public struct NoisyLogits: Sendable {
        /// x · `w_gate`, `[tokens, experts]`.
        public let clean: Tensor
        /// The noise's deviation, softplus(x · `w_noise`) + 0.01.
        public let deviation: Tensor
        /// clean + n · deviation, with n from the normal distribution.
        public let noisy: Tensor
    }

    /// The logits with the noise of training (arXiv 1701.06538, section 2.1).
    ///
    /// A draw depends on `seed`, the token's number in the outermost batch and the expert only.
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)`` for a gating without
    ///   noise, and ``ProteanError`` when `x` does not fit or has no values.
    public func noisyLogits(_ x: Tensor, seed: UInt64) throws(ProteanError) -> NoisyLogits {
        guard let noise else {
            throw .invalidOption(
                layer: place, option: "gating", expected: "topK, which has noise",
                found: "\(gating)")
        }
        let tokens = try tokens(x)
        guard !tokens.isShapeOnly else { throw .noValues(layer: place) }
        let clean = try logits(x)
        let spread = try Operations.activate(
            try Operations.matmul(tokens, noise.value), .softplus())
        let deviation = try Operations.add(spread, try Tensor(scalar: 0.01))
        let origin = Self.tokenRows(of: x, count: tokens.shape[0])
        let draws = origin.rows.flatMap { row in
            experts.indices.map { CounterRandom.normal(seed: seed, site: 0, row: row, index: $0) }
        }
        let drawn = try Tensor(draws, shape: clean.shape)
        let noisy = try Operations.add(clean, try Operations.multiply(drawn, deviation))
        return NoisyLogits(clean: clean, deviation: deviation, noisy: noisy)
    }

    /// The result with experts chosen by ``noisyLogits(_:seed:)``, as in training.
    ///
    /// - Throws: as ``noisyLogits(_:seed:)`` and ``callAsFunction(_:)``.
    public func decided(
        _ x: Tensor, noiseSeed seed: UInt64
    ) throws(ProteanError) -> (output: Tensor, decision: Routing) {
        let noisy = try noisyLogits(x, seed: seed).noisy
        let (output, choice, _) = try run(x) { _ throws(ProteanError) in
            try gating.choose(noisy, layer: place)
        }
        return (
            output, Routing(choice: choice, logits: noisy, executed: try executed(choice, like: x))
        )
    }
}
