import Protean

/// A network that decides, and its static twin.
struct DynamicSubject {
    private let model: Model
    private let exits: ExitNetwork?
    private let policy: ExitPolicy?
    /// The action that the twin takes everywhere, for a network without exits.
    private let action: Int

    /// Throws for a network that decides nothing, and for one with exits without a policy.
    init(_ model: Model, policy: ExitPolicy?, _ x: Tensor) throws {
        self.model = model
        self.policy = policy
        exits = (model.module as? any HasExits)?.exits
        if exits != nil {
            guard policy != nil else {
                throw Failure(
                    "model '\(model.plugin.name)' ships without thresholds: give --thresholds FILE")
            }
            action = 0
            return
        }
        let trace = DecisionTrace()
        _ = try trace.recording { try model(x) }
        guard let actions = trace.entries.map(\.choice.actions).max() else {
            throw Failure("model '\(model.plugin.name)' decides nothing; leave --dynamic out")
        }
        var best: (action: Int, macs: Int)?
        for action in 0..<actions {
            let layers = Trace()
            let ran: Void? = try? layers.recording {
                try DecisionSource.with(.everywhere([action])) { () throws(ProteanError) in
                    _ = try model(x)
                }
            }
            let macs = layers.totalCost.executedMultiplyAdds
            if ran != nil, macs > best?.macs ?? -1 { best = (action, macs) }
        }
        guard let best else {
            throw Failure(
                "model '\(model.plugin.name)' has no static twin: no part can be run everywhere")
        }
        action = best.action
    }

    /// The static twin.
    func twin(_ x: Tensor) throws {
        if let exits {
            _ = try exits(x)
        } else {
            try run(x, everywhere: [action])
        }
    }

    /// The network as it decides.
    func dynamic(_ x: Tensor) throws {
        if let exits, let policy {
            _ = try exits.dynamic(x, policy: policy)
        } else {
            _ = try model(x)
        }
    }

    private func run(_ x: Tensor, everywhere actions: [Int]) throws {
        try DecisionSource.with(.everywhere(actions)) { () throws(ProteanError) in
            _ = try model(x)
        }
    }

    /// Multiply-adds for rows that had left.
    func wasted(_ x: Tensor) throws -> Int {
        guard let exits, let policy else { return 0 }
        return try exits.dynamic(x, policy: policy).wasted
    }

    /// The share r of rows that run everything at which the network takes as long as its twin, from the
    /// times with r = 0 and r = 1, between which it is taken as linear; nil where they cannot be
    /// forced.
    func breakEven(_ x: Tensor, twinTime: Double, repeats: Int) throws -> Double? {
        func median(_ body: () throws -> Void) throws -> Double {
            try body()
            return Text.median(
                try (0..<repeats).map { _ in try DynamicBenchReport.seconds(body) })
        }
        let on: Double, off: Double
        if let exits {
            func run(_ threshold: Float) throws {
                let thresholds = [Float](repeating: threshold, count: exits.exitCount)
                _ = try exits.dynamic(x, policy: .threshold(.maximumProbability, thresholds))
            }
            on = try median { try run(2) }
            off = try median { try run(0) }
        } else {
            guard (try? run(x, everywhere: [])) != nil else { return nil }
            on = twinTime
            off = try median { try run(x, everywhere: []) }
        }
        guard on > off else { return nil }
        return min(1, max(0, (twinTime - off) / (on - off)))
    }
}
