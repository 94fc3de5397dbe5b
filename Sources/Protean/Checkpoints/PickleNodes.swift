/// The containers of a pickle: lists, tuples, dictionaries, sets and inert objects.
///
/// Containers are referred to by index, so cycles and deep nesting need no special care: no
/// container owns another. All elements are stored in one array, in which a container has a chain
/// of runs: `[next run or 0, count, element …]`. A container that occurs many times is stored once.
struct PickleNodes {
    enum Kind: UInt32 {
        case list, tuple, dictionary, set
        /// The result of an unknown class or function. Pairs that were set as in a dictionary are
        /// its elements.
        case object
    }

    private struct Node {
        var first: UInt32 = 0
        var last: UInt32 = 0
        /// The kind in the lowest three bits, above it the class of an object: its index among the
        /// pickle's names plus one.
        let bits: UInt32
    }

    private var nodes: [Node] = []
    // Index 0 means "no run".
    private var words: [UInt32] = [0, 0]

    /// Number of containers that are always allowed; beyond them, one for each eight bytes of the
    /// pickle.
    static let freeCount = 1 << 20

    var count: Int { nodes.count }

    /// A new container.
    ///
    /// - Throws: ``WeightFileProblem/limitExceeded(what:limit:found:)`` when a pickle of `length`
    ///   bytes has too many of them.
    mutating func make(
        _ kind: Kind, of name: Int? = nil, length: Int
    ) throws(WeightFileProblem) -> PickleValue {
        let limit = Self.freeCount + length / 8
        guard nodes.count < limit else {
            throw .limitExceeded(
                what: "the number of containers in a pickle", limit: limit, found: nodes.count + 1)
        }
        let index = name.map { UInt32($0 + 1) } ?? 0
        nodes.append(Node(bits: kind.rawValue | index << 3))
        return try PickleValue(.node, index: nodes.count - 1)
    }

    func kind(_ node: Int) -> Kind { Kind(rawValue: nodes[node].bits & 7) ?? .object }

    /// The index of an object's class among the pickle's names.
    func className(_ node: Int) -> Int? {
        let index = nodes[node].bits >> 3
        return index == 0 ? nil : Int(index) - 1
    }

    /// Adds elements at the end.
    mutating func append(_ values: ArraySlice<PickleValue>, to node: Int) {
        guard !values.isEmpty else { return }
        let last = Int(nodes[node].last)
        if last != 0, last + 2 + Int(words[last + 1]) == words.count {
            words[last + 1] += UInt32(values.count)
        } else {
            let start = UInt32(words.count)
            words.append(0)
            words.append(UInt32(values.count))
            if last == 0 { nodes[node].first = start } else { words[last] = start }
            nodes[node].last = start
        }
        for value in values { words.append(value.bits) }
    }

    /// The elements of a container in order; of a dictionary or an object, keys and values in turn.
    func elements(_ node: Int) -> Elements { Elements(nodes: self, run: Int(nodes[node].first)) }

    /// An iterator over a container's elements.
    struct Elements: Sequence, IteratorProtocol {
        fileprivate let nodes: PickleNodes
        fileprivate var run: Int
        private var place = 0

        fileprivate init(nodes: PickleNodes, run: Int) {
            self.nodes = nodes
            self.run = run
        }

        mutating func next() -> PickleValue? {
            while run != 0 {
                if place < Int(nodes.words[run + 1]) {
                    defer { place += 1 }
                    return PickleValue(bits: nodes.words[run + 2 + place])
                }
                run = Int(nodes.words[run])
                place = 0
            }
            return nil
        }
    }

    /// Number of elements of a container; linear in the number of its runs.
    func elementCount(_ node: Int) -> Int {
        var run = Int(nodes[node].first)
        var total = 0
        while run != 0 {
            total += Int(words[run + 1])
            run = Int(words[run])
        }
        return total
    }
}
