/// Finds the dictionaries of an unpickled object that hold weights, with the usual names of such
/// dictionaries.
struct TorchContainers {
    /// Keys under which training scripts keep weights, in order of preference: trained weights
    /// before their moving averages.
    static let known: [StaticString] = [
        "state_dict", "model_state_dict", "model_state", "model", "net_state_dict", "net",
        "network_state_dict", "network", "weights", "params", "module", "generator",
        "state_dict_ema", "ema_state_dict", "model_ema", "ema_model", "params_ema", "ema", "g_ema",
    ]
    /// Keys of dictionaries without weights, such as states of optimisers.
    private static let foreign: [StaticString] = [
        "optimizer", "optimizer_state_dict", "optimizer_state", "optimizer_states", "optimizers",
        "optim", "optim_state_dict", "optim_state", "optimizer_g", "optimizer_d", "opt_state",
        "scheduler", "scheduler_state_dict", "schedulers", "lr_scheduler", "lr_schedulers",
        "lr_scheduler_state_dict", "scaler", "grad_scaler", "amp", "rng_state", "random_state",
    ]
    /// Keys that identify a dictionary as an optimiser's state of one parameter.
    private static let moments: [StaticString] = [
        "exp_avg", "exp_avg_sq", "momentum_buffer", "square_avg", "acc_delta",
    ]
    static let maximumCount = 64
    private static let maximumDepth = 3

    private struct Flags: OptionSet {
        let rawValue: UInt8
        static let seen = Flags(rawValue: 1)
        /// Tensors are among its values.
        static let direct = Flags(rawValue: 2)
        /// Tensors can be reached through dictionaries.
        static let holding = Flags(rawValue: 4)
    }

    private let object: PickledObject
    private var flags: [Flags]

    /// Examines every dictionary reachable from the root through dictionaries, once.
    init(_ object: PickledObject) {
        self.object = object
        flags = [Flags](repeating: [], count: object.nodes.count)
        var parents: [(child: UInt32, parent: UInt32)] = []
        var pending: [Int] = object.root.index(of: .node).map { [$0] } ?? []
        for node in pending { flags[node].insert(.seen) }
        var direct: [Int] = []
        while let node = pending.popLast() {
            guard let pairs = object.pairs(node: node), !isOptimizerState(node) else { continue }
            for (key, value) in pairs where key.kind == .text || key.kind == .small {
                if value.kind == .tensor, flags[node].insert(.direct).inserted {
                    direct.append(node)
                }
                guard let child = value.index(of: .node), !isForeign(key),
                    object.pairs(node: child) != nil
                else { continue }
                parents.append((UInt32(child), UInt32(node)))
                if flags[child].insert(.seen).inserted { pending.append(child) }
            }
        }
        propagate(direct, through: parents)
    }

    private mutating func propagate(
        _ direct: [Int], through parents: [(child: UInt32, parent: UInt32)]
    ) {
        // Parents in one list, ordered by child: `starts[child]..<starts[child + 1]`.
        var starts = [UInt32](repeating: 0, count: flags.count + 1)
        for edge in parents { starts[Int(edge.child) + 1] += 1 }
        for index in starts.indices.dropFirst() { starts[index] += starts[index - 1] }
        var filled = starts
        var list = [UInt32](repeating: 0, count: parents.count)
        for edge in parents {
            list[Int(filled[Int(edge.child)])] = edge.parent
            filled[Int(edge.child)] += 1
        }
        var pending = direct
        for node in direct { flags[node].insert(.holding) }
        while let node = pending.popLast() {
            for place in Int(starts[node])..<Int(starts[node + 1])
            where flags[Int(list[place])].insert(.holding).inserted {
                pending.append(Int(list[place]))
            }
        }
    }

    /// An optimiser's `state_dict`, or its state of one parameter.
    private func isOptimizerState(_ node: Int) -> Bool {
        guard let pairs = object.pairs(node: node) else { return false }
        var hasState = false
        var hasGroups = false
        for (key, _) in pairs where key.kind == .text {
            if object.isText(key, "state") { hasState = true }
            if object.isText(key, "param_groups") { hasGroups = true }
            if hasState && hasGroups || Self.moments.contains(where: { object.isText(key, $0) }) {
                return true
            }
        }
        return false
    }

    /// Whether a dictionary under this key does not hold weights.
    func isForeign(_ key: PickleValue) -> Bool {
        Self.foreign.contains { object.isText(key, $0) }
    }

    /// Whether tensors can be reached from a value through dictionaries.
    func holdsTensors(_ value: PickleValue) -> Bool {
        value.index(of: .node).map { flags[$0].contains(.holding) } ?? false
    }

    /// Whether a value is a dictionary that directly contains tensors.
    func holdsTensorsDirectly(_ value: PickleValue) -> Bool {
        value.index(of: .node).map { flags[$0].contains(.direct) } ?? false
    }

    /// A dictionary that holds weights and the keys that lead to it.
    typealias Found = (path: String, value: PickleValue)

    /// The dictionaries under known keys, the preferred first.
    func candidates() -> [Found] {
        let room = 1 << 16
        var visits = 4 * object.length + room
        return candidates(in: object.root, depth: 0, visits: &visits)
    }

    /// Dictionaries that occur many times are visited many times; `visits` bounds it.
    private func candidates(
        in dictionary: PickleValue, depth: Int, visits: inout Int
    ) -> [Found] {
        if let node = dictionary.index(of: .node) { visits -= object.nodes.elementCount(node) }
        guard visits >= 0 else { return [] }
        var found = [PickleValue?](repeating: nil, count: Self.known.count)
        var others = 0
        for (key, value) in holders(in: dictionary) {
            if let place = Self.known.firstIndex(where: { object.isText(key, $0) }) {
                found[place] = value
            } else {
                others += 1
            }
        }
        // Below the top level a submodule may be named `net`, so there a container must have no
        // other entries.
        if depth > 0, others > 0 || holdsTensorsDirectly(dictionary) { return [] }
        var result: [Found] = []
        for (name, value) in zip(Self.known, found) {
            guard let value, result.count < Self.maximumCount else { continue }
            let inner =
                depth < Self.maximumDepth
                ? candidates(in: value, depth: depth + 1, visits: &visits) : []
            if inner.isEmpty {
                result.append(("\(name)", value))
            } else {
                result += inner.map { ("\(name).\($0.path)", $0.value) }
            }
        }
        return result
    }

    /// Every member of the root that can be named as a container, known ones first.
    func all() -> [Found] {
        var result = candidates()
        for (key, value) in holders(in: object.root) {
            guard result.count < Self.maximumCount else { break }
            guard !Self.known.contains(where: { object.isText(key, $0) }),
                object.textLength(key) <= TorchStateDict.maximumNameLength
            else { continue }
            if let name = object.text(key) { result.append((name, value)) }
        }
        return result
    }

    /// The members of a dictionary that hold tensors.
    private func holders(
        in dictionary: PickleValue
    ) -> [(key: PickleValue, value: PickleValue)] {
        guard let pairs = object.pairs(dictionary) else { return [] }
        return pairs.filter { holdsTensors($0.value) && !isForeign($0.key) }
    }

    /// The dictionary to which `path` leads, keys joined by dots, if it holds tensors.
    func dictionary(at path: String) -> PickleValue? {
        var value = object.root
        var rest = Substring(path)
        // Every step consumes at least one key, so the loop ends within the path's length.
        while true {
            var next: (PickleValue, Substring)?
            for (key, member) in holders(in: value) {
                guard object.textLength(key) <= rest.utf8.count, let name = object.text(key),
                    rest.utf8.starts(with: name.utf8)
                else { continue }
                let tail = rest.utf8.dropFirst(name.utf8.count)
                if tail.isEmpty { return member }
                guard tail.first == UInt8(ascii: "."), !name.isEmpty else { continue }
                if next.map({ $0.1.utf8.count > tail.count }) ?? true {
                    next = (member, Substring(tail.dropFirst()))
                }
            }
            guard let next else { return nil }
            (value, rest) = next
        }
    }
}
