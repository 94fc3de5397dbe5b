/// Finds the named tensors in a PyTorch file's pickle.
///
/// Files hold a `state_dict` itself, or a training state with a `state_dict`, an optimiser's state
/// and counters (see ``TorchContainers``). Dictionaries inside are flattened with dots; all other
/// objects are inert and listed as such. Names are those of the file; prefixes are removed on
/// loading.
///
/// A dictionary that occurs many times is listed under each of its names, so that the output can be
/// longer than the file: budgets that grow with the pickle's length bound names, shapes and visits.
struct TorchStateDict {
    static let maximumTensors = 1 << 18
    static let maximumNesting = 32
    /// Longest accepted name in bytes.
    static let maximumNameLength = 1024
    static let maximumKeyLength = 256

    /// A tensor's name and its index in the pickle.
    typealias Listed = (name: String, tensor: Int)
    /// The byte ranges of the storages' elements in the file, by key.
    typealias Places = [ExactName: Range<Int>]

    let object: PickledObject
    private let containers: TorchContainers
    private(set) var listed: [Listed] = []
    private var container: String?
    private var notes: [String] = []
    private var others: [CheckpointObject] = []
    private var isOnPath: Set<Int> = []
    private var visits = TorchBudget("the number of visits to members of dictionaries")
    private var nameBytes = TorchBudget("the total length of names")
    private var axes = TorchBudget("the total number of axes")

    /// Lists the tensors of the dictionary that `selection` names or that is preferred.
    init(_ object: PickledObject, selection: CheckpointSelection) throws(WeightFileProblem) {
        self.object = object
        containers = TorchContainers(object)
        let room = 1 << 16
        visits.limit = 4 * object.length + room
        nameBytes.limit = 16 * object.length + room
        axes.limit = object.length / 2 + room
        let dictionary = try choose(selection)
        if container != nil { try listMembersOfRoot() }
        try flatten(dictionary, path: "", depth: 0)
        guard !listed.isEmpty else {
            throw .malformed(what: "PyTorch file", reason: "it holds no named tensors")
        }
    }

    // MARK: The container

    private mutating func choose(
        _ selection: CheckpointSelection
    ) throws(WeightFileProblem) -> PickleValue {
        guard let node = object.root.index(of: .node), object.pairs(object.root) != nil,
            object.nodes.kind(node) == .dictionary || object.nodes.elementCount(node) > 0
        else {
            let type = object.typeName(object.root)
            throw .malformed(
                what: "PyTorch file",
                reason: "its object is not a dictionary of tensors but of type '\(type)'")
        }
        if let name = selection.container {
            guard let found = containers.dictionary(at: name) else {
                throw .unknownContainer(name, known: containers.all().map(\.path))
            }
            container = name
            return found
        }
        let candidates = containers.candidates()
        guard let first = candidates.first else { return object.root }
        container = first.path
        let others = containers.all().map(\.path).filter { $0 != first.path }
        var note = "the weights are those of '\(first.path)'"
        if !others.isEmpty {
            let names = others.map { "'\($0)'" }.joined(separator: ", ")
            note += "; there are also \(names) (--container NAME chooses another)"
        } else if containers.holdsTensorsDirectly(object.root) {
            note += "; tensors beside it are left out"
        }
        notes.append(note.escaped)
        return first.value
    }

    private mutating func listMembersOfRoot() throws(WeightFileProblem) {
        guard let pairs = object.pairs(object.root), let container else { return }
        for (key, value) in pairs {
            try visits.spend(1)
            if let name = name(of: key), container == name || container.hasPrefix(name + ".") {
                continue
            }
            noteOther(key, value, path: "")
        }
    }

    // MARK: Names

    private mutating func flatten(
        _ dictionary: PickleValue, path: String, depth: Int
    ) throws(WeightFileProblem) {
        guard depth <= Self.maximumNesting else { throw .nesting(limit: Self.maximumNesting) }
        guard let node = dictionary.index(of: .node), let pairs = object.pairs(dictionary),
            isOnPath.insert(node).inserted
        else { return }
        defer { isOnPath.remove(node) }
        for (key, value) in pairs {
            try visits.spend(1)
            let isHolder = containers.holdsTensors(value) && !containers.isForeign(key)
            guard value.kind == .tensor || isHolder, key.kind == .text || key.kind == .small else {
                noteOther(key, value, path: path)
                continue
            }
            let full = try fullName(key, path: path)
            if value.kind == .tensor {
                try list(full, value.index)
            } else {
                try flatten(value, path: full, depth: depth + 1)
            }
        }
    }

    private mutating func fullName(
        _ key: PickleValue, path: String
    ) throws(WeightFileProblem) -> String {
        let length = path.utf8.count + 1 + max(object.textLength(key), 10)
        guard length <= Self.maximumNameLength + 11 else {
            throw .limitExceeded(
                what: "the length of a tensor's name", limit: Self.maximumNameLength,
                found: path.utf8.count + object.textLength(key))
        }
        try nameBytes.spend(length)
        guard let name = object.integer(key).map({ "\($0)" }) ?? object.text(key) else {
            throw .malformed(what: "PyTorch file", reason: "a tensor's name is not UTF-8")
        }
        return path.appendingPath(name)
    }

    private mutating func list(_ name: String, _ tensor: Int) throws(WeightFileProblem) {
        guard listed.count < Self.maximumTensors else {
            throw .limitExceeded(
                what: "the number of tensors", limit: Self.maximumTensors,
                found: listed.count + 1)
        }
        listed.append((name, tensor))
    }

    /// A key's text if it is short enough to show.
    private func name(of key: PickleValue) -> String? {
        if let number = object.integer(key) { return "\(number)" }
        guard object.textLength(key) <= Self.maximumKeyLength else { return nil }
        return object.text(key)
    }

    private mutating func noteOther(_ key: PickleValue, _ value: PickleValue, path: String) {
        guard others.count < CheckpointObject.maximumCount else { return }
        let name = name(of: key) ?? "(\(object.typeName(key)))"
        others.append(
            CheckpointObject(
                path: path.appendingPath(name), typeName: object.typeName(value)))
    }
}

// Tensors from their descriptions.
extension TorchStateDict {
    /// The keys of the storages that listed tensors need, each once with the first tensor's name.
    func neededStorages() throws(WeightFileProblem) -> [(key: String, tensor: String)] {
        var isDone = [Bool](repeating: false, count: object.storages.count)
        var seen: Set<ExactName> = []
        var needed: [(key: String, tensor: String)] = []
        for (name, tensor) in listed {
            guard let index = object.tensors[tensor].storage.map(Int.init), !isDone[index] else {
                continue
            }
            isDone[index] = true
            let key = try object.key(of: object.storages[index])
            if seen.insert(ExactName(key)).inserted { needed.append((key, name)) }
        }
        return needed
    }

    /// The checkpoint, with elements at the given ranges of `storage`.
    mutating func checkpoint(
        _ storage: CheckpointBytes, places: Places, source: String, format: String
    ) throws(ProteanError) -> Checkpoint {
        var tensors: [(name: String, tensor: CheckpointTensor)] = []
        tensors.reserveCapacity(listed.count)
        do throws(WeightFileProblem) {
            for (name, index) in listed {
                tensors.append(
                    (name, try tensor(object.tensors[index], name: name, storage, places)))
            }
        } catch {
            throw .weightFile(file: source, problem: error)
        }
        listed = []
        return try Checkpoint(
            source: source, format: format, tensors: tensors,
            metadata: container.map { ["container": $0] } ?? [:], notes: notes,
            containers: containers.all().map(\.path), otherObjects: others)
    }

    private mutating func tensor(
        _ tensor: PickledTensor, name: String, _ storage: CheckpointBytes, _ places: Places
    ) throws(WeightFileProblem) -> CheckpointTensor {
        guard tensor.form == .dense || tensor.form == .flagged, let index = tensor.storage else {
            let shape = tensor.shape == .none ? [] : try sizes(tensor.shape, name)
            return try CheckpointTensor(
                name: name, unsupported: tensor.typeName, shape: shape, storage: storage)
        }
        let origin = object.storages[Int(index)]
        let key = try object.key(of: origin)
        guard let bytes = places[ExactName(key)] else {
            throw .malformed(
                what: "PyTorch file",
                reason: "tensor '\(name)' refers to storage '\(key)', which is not there")
        }
        let unit = origin.element.size
        let (whole, overflow) = origin.count.multipliedReportingOverflow(by: unit)
        guard !overflow, whole == bytes.count else {
            throw .sizeMismatch(
                tensor: name, expected: overflow ? Int.max : whole, found: bytes.count)
        }
        // The products are at most `whole`.
        let first = bytes.lowerBound + origin.part.lowerBound * unit
        let bounds = first..<(first + origin.part.count * unit)
        let size = tensor.element.size
        let (offset, tooFar) = tensor.offset.multipliedReportingOverflow(by: size)
        let type = tensor.form == .dense ? tensor.element.type : nil
        return try CheckpointTensor(
            name: name, type: type ?? .unsupported(tensor.typeName), elementSize: size,
            shape: try sizes(tensor.shape, name), strides: try sizes(tensor.strides, name),
            storage: storage, within: bounds, byteOffset: tooFar ? Int.max : offset)
    }

    private mutating func sizes(
        _ value: PickleValue, _ name: String
    ) throws(WeightFileProblem) -> [Int] {
        func malformed(_ reason: String) -> WeightFileProblem {
            .malformed(what: "tensor '\(name)'", reason: reason)
        }
        guard let elements = object.sequence(value), let node = value.index(of: .node) else {
            throw malformed("sizes not given as a tuple")
        }
        let count = object.nodes.elementCount(node)
        guard count <= CheckpointTensor.maximumRank else {
            throw .limitExceeded(
                what: "the rank of tensor '\(name)'", limit: CheckpointTensor.maximumRank,
                found: count)
        }
        try axes.spend(count)
        var numbers: [Int] = []
        numbers.reserveCapacity(count)
        for element in elements {
            guard let number = object.integer(element) else {
                throw malformed("a size that is not a whole number")
            }
            numbers.append(number)
        }
        return numbers
    }
}

extension PickledTensor {
    /// The tensor's kind, for lists and errors: `complex64`, `meta float32`.
    fileprivate var typeName: String {
        switch form {
        case .dense, .quantized: element.name
        case .flagged: "\(element.name) (conjugate or negative view)"
        case .meta: "meta \(element.name)"
        case .sparse: "sparse \(element.name)"
        case .nested: "nested tensor"
        case .wrapper: "tensor subclass of \(element.name)"
        case .device: "device tensor of \(element.name)"
        }
    }
}

extension PickledObject {
    /// The key of a storage in the file.
    func key(of storage: PickledStorage) throws(WeightFileProblem) -> String {
        let text = texts[storage.key]
        guard text.length <= TorchStateDict.maximumKeyLength else {
            throw .limitExceeded(
                what: "the length of a storage's key", limit: TorchStateDict.maximumKeyLength,
                found: text.length)
        }
        guard let key = withExtendedLifetime(self.storage, { text.string(in: self.storage.bytes) })
        else { throw .malformed(what: "PyTorch file", reason: "a storage's key is not UTF-8") }
        return key
    }
}
