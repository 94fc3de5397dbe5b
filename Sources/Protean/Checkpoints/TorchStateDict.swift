/// Finds the named tensors in what a PyTorch file's pickle spells.
///
/// People save a `state_dict` itself, or a training state that holds one beside an optimiser's
/// state and counters. Of the latter the first of ``containers`` that holds tensors is taken, and
/// the rest is ignored. Dictionaries inside are flattened with dots; numbers, texts and lists are
/// left out.
struct TorchStateDict {
    /// Keys under which training scripts keep the weights, in order of preference.
    static let containers = [
        "state_dict", "model_state_dict", "model", "net", "params", "params_ema",
    ]
    static let maximumTensors = 1 << 18
    static let maximumNesting = 32

    /// Where the file keeps the elements of a storage: the bytes of the key's whole content.
    typealias Places = [String: Range<Int>]

    private let object: PickledObject
    private let storage: CheckpointBytes
    private let places: Places
    private var visits = 0
    private var tensors: [(name: String, tensor: CheckpointTensor)] = []

    /// The checkpoint for an unpickled object.
    static func checkpoint(
        _ object: PickledObject, storage: CheckpointBytes, places: Places, source: String,
        format: String
    ) throws(ProteanError) -> Checkpoint {
        var reader = TorchStateDict(object: object, storage: storage, places: places)
        var metadata: [String: String] = [:]
        do throws(WeightFileProblem) {
            let (dictionary, container) = try reader.weights()
            if let container { metadata["container"] = container }
            try reader.flatten(dictionary, path: "", depth: 0)
            guard !reader.tensors.isEmpty else {
                throw .malformed(what: "PyTorch file", reason: "it holds no named tensors")
            }
        } catch {
            throw .weightFile(file: source, problem: error)
        }
        return try Checkpoint(
            source: source, format: format, tensors: reader.tensors, metadata: metadata)
    }

    private init(object: PickledObject, storage: CheckpointBytes, places: Places) {
        self.object = object
        self.storage = storage
        self.places = places
    }

    /// The dictionary that holds the weights, and the key under which it lies in the root.
    private func weights() throws(WeightFileProblem) -> (PickleValue, container: String?) {
        guard let members = object.members(of: object.root) else {
            throw .malformed(
                what: "PyTorch file", reason: "its object is not a dictionary of tensors")
        }
        for key in Self.containers {
            if let found = members.first(where: { $0.name == key }), holdsTensors(found.value) {
                return (found.value, key)
            }
        }
        return (object.root, nil)
    }

    /// Whether a tensor can be reached through dictionaries. Looks at each dictionary once.
    private func holdsTensors(_ value: PickleValue) -> Bool {
        var seen: Set<Int> = []
        var pending = [value]
        while let next = pending.popLast() {
            guard case .node(let index) = next, seen.insert(index).inserted,
                let members = object.members(of: next)
            else { continue }
            for member in members {
                if case .tensor = member.value { return true }
                pending.append(member.value)
            }
        }
        return false
    }

    private mutating func flatten(
        _ dictionary: PickleValue, path: String, depth: Int
    ) throws(WeightFileProblem) {
        guard depth <= Self.maximumNesting else { throw .nesting(limit: Self.maximumNesting) }
        for (name, value) in object.members(of: dictionary) ?? [] {
            // A dictionary that occurs many times is visited many times; this bounds it.
            visits += 1
            guard visits <= 4 * Self.maximumTensors, tensors.count < Self.maximumTensors else {
                throw .limitExceeded(
                    what: "the number of tensors", limit: Self.maximumTensors,
                    found: max(visits / 4, tensors.count))
            }
            let full = path.appendingPath(name)
            switch value {
            case .tensor(let index):
                tensors.append((full, try tensor(object.tensors[index], name: full)))
            case .node: try flatten(value, path: full, depth: depth + 1)
            default: continue
            }
        }
    }

    private func tensor(
        _ tensor: PickledTensor, name: String
    ) throws(WeightFileProblem) -> CheckpointTensor {
        let type: ElementType
        switch tensor.element {
        case .known(let known): type = known
        case .bytes: throw .unsupportedType(tensor: name, type: "untyped bytes")
        case .unsupported(let text): throw .unsupportedType(tensor: name, type: text)
        }
        let origin = object.storages[tensor.storage]
        guard let bytes = places[origin.key], let unit = origin.element.size else {
            throw .malformed(
                what: "PyTorch file",
                reason: "tensor '\(name)' refers to storage '\(origin.key)', which is not there")
        }
        let (whole, overflow) = origin.count.multipliedReportingOverflow(by: unit)
        guard !overflow, whole == bytes.count else {
            throw .sizeMismatch(
                tensor: name, expected: overflow ? Int.max : whole, found: bytes.count)
        }
        // The products are at most `whole`.
        let first = bytes.lowerBound + origin.part.lowerBound * unit
        let bounds = first..<(first + origin.part.count * unit)
        let (offset, tooFar) = tensor.offset.multipliedReportingOverflow(by: type.size)
        return try CheckpointTensor(
            name: name, type: type, shape: tensor.shape, strides: tensor.strides, storage: storage,
            within: bounds, byteOffset: tooFar ? Int.max : offset)
    }
}

extension TorchStateDict {
    /// What both of PyTorch's layouts do once `parse` has found the pickle and the storages' places.
    static func read(
        _ storage: CheckpointBytes, source: String, format: String,
        parse: (UnsafeRawBufferPointer) throws(WeightFileProblem) -> (
            object: PickledObject, places: Places
        )
    ) throws(ProteanError) -> Checkpoint {
        let content: (object: PickledObject, places: Places)
        do {
            content = try withExtendedLifetime(storage) { () throws(WeightFileProblem) in
                try parse(storage.bytes)
            }
        } catch {
            throw .weightFile(file: source, problem: error)
        }
        return try checkpoint(
            content.object, storage: storage, places: content.places, source: source,
            format: format)
    }
}
