// Names, calls and PyTorch's storages: the operations through which other readers run code.
extension RestrictedUnpickler {
    private static let maximumNameLength = 256

    /// Reads an operation that refers to a class or function, or calls one.
    mutating func readObject(_ code: UInt8) throws(WeightFileProblem) -> Bool {
        switch code {
        case UInt8(ascii: "c"):  // GLOBAL
            let module = try reader.line(limit: Self.maximumNameLength)
            try pushGlobal(module, try reader.line(limit: Self.maximumNameLength))
        case 0x93:  // STACK_GLOBAL
            guard case .string(let name) = try pop(), case .string(let module) = try pop() else {
                throw malformed("a class's name is not text")
            }
            try pushGlobal(module, name)
        case UInt8(ascii: "R"), 0x81:  // REDUCE, NEWOBJ
            let arguments = try tuple(try pop(), "arguments")
            guard case .global(let function) = try pop() else {
                throw malformed("a call of something that is not a function")
            }
            try push(try call(function, arguments))
        case UInt8(ascii: "b"):  // BUILD: attributes, such as the versions in a state_dict
            _ = try pop()
            guard case .node(let index)? = stack.last, nodes[index].kind == .dictionary else {
                throw malformed("attributes for something that is not a dictionary")
            }
        case UInt8(ascii: "Q"):  // BINPERSID
            try push(try storage(try tuple(try pop(), "a storage")))
        default: return false
        }
        return true
    }

    private mutating func pushGlobal(
        _ module: String, _ name: String
    ) throws(WeightFileProblem) {
        guard let global = PickleGlobal(module: module, name: name) else {
            throw .forbiddenGlobal("\(module).\(name)")
        }
        try push(.global(global))
    }

    private func tuple(
        _ value: PickleValue, _ what: String
    ) throws(WeightFileProblem) -> [PickleValue] {
        guard case .node(let index) = value, nodes[index].kind == .tuple else {
            throw malformed("\(what) not given as a tuple")
        }
        return nodes[index].elements
    }

    /// What a call of one of the known names gives. Nothing is run.
    private mutating func call(
        _ function: PickleGlobal, _ arguments: [PickleValue]
    ) throws(WeightFileProblem) -> PickleValue {
        switch function {
        case .dictionaryClass: return try dictionary(arguments)
        case .setClass, .deviceClass: return .opaque
        case .sizeClass:
            guard arguments.count == 1, case .node = arguments[0] else {
                throw malformed("torch.Size of something else than a tuple")
            }
            return arguments[0]
        case .rebuildTensor: return try tensor(arguments, counts: 4...4, typeAt: nil)
        case .rebuildTensorV2: return try tensor(arguments, counts: 6...7, typeAt: nil)
        case .rebuildTensorV3: return try tensor(arguments, counts: 7...8, typeAt: 6)
        case .rebuildParameter:
            guard arguments.count == 3, case .tensor = arguments[0] else {
                throw malformed("a parameter without a tensor")
            }
            return arguments[0]
        case .storageClass, .elementType: throw malformed("a call of a type")
        }
    }

    /// `OrderedDict()`, `OrderedDict([[key, value], …])` as Python 2 writes it, or a copy of a
    /// dictionary.
    private mutating func dictionary(
        _ arguments: [PickleValue]
    ) throws(WeightFileProblem) -> PickleValue {
        guard let first = arguments.first else { return make(.dictionary) }
        guard arguments.count == 1, case .node(let index) = first else {
            throw malformed("a dictionary made of something else than pairs")
        }
        if nodes[index].kind == .dictionary { return first }
        var elements: [PickleValue] = []
        for pair in nodes[index].elements {
            guard case .node(let place) = pair, nodes[place].elements.count == 2 else {
                throw malformed("a dictionary made of something else than pairs")
            }
            elements += nodes[place].elements
        }
        return make(.dictionary, elements)
    }

    /// `(storage, offset, shape, strides, requires_grad, hooks, [type], [flags])`.
    private mutating func tensor(
        _ arguments: [PickleValue], counts: ClosedRange<Int>, typeAt: Int?
    ) throws(WeightFileProblem) -> PickleValue {
        guard counts.contains(arguments.count), case .storage(let index) = arguments[0],
            case .integer(let offset) = arguments[1]
        else { throw malformed("a tensor without a storage and an offset") }
        // Conjugate and negative views store other numbers than they stand for.
        if arguments.count == counts.upperBound, counts.count > 1,
            case .node(let flags) = arguments[counts.upperBound - 1],
            !nodes[flags].elements.isEmpty
        {
            throw .unsupportedFeature("a tensor with flags")
        }
        var element = storages[index].element
        if let typeAt {
            guard case .global(.elementType(let given)) = arguments[typeAt] else {
                throw malformed("a tensor without an element type")
            }
            element = given
        }
        tensors.append(
            PickledTensor(
                storage: index, element: element, offset: offset,
                shape: try integers(arguments[2]), strides: try integers(arguments[3])))
        return .tensor(tensors.count - 1)
    }

    private func integers(_ value: PickleValue) throws(WeightFileProblem) -> [Int] {
        var numbers: [Int] = []
        for element in try tuple(value, "sizes") {
            guard case .integer(let number) = element else {
                throw malformed("a size that is not a whole number")
            }
            numbers.append(number)
        }
        return numbers
    }

    /// `("storage", class, key, device, count)` and, in old files, a sixth member: nothing or
    /// `(key of the view, offset, count)`.
    private mutating func storage(
        _ values: [PickleValue]
    ) throws(WeightFileProblem) -> PickleValue {
        guard (5...6).contains(values.count), case .string("storage") = values[0],
            case .global(.storageClass(let element)) = values[1], case .string(let key) = values[2],
            case .integer(let count) = values[4], count >= 0
        else { throw malformed("a reference to something else than a storage") }
        var part = 0..<count
        if values.count == 6, case .node = values[5] {
            let view = try tuple(values[5], "a view of a storage")
            guard view.count == 3, case .integer(let first) = view[1],
                case .integer(let length) = view[2], first >= 0, length >= 0, first <= count,
                length <= count - first
            else { throw malformed("a view of a storage beyond its end") }
            part = first..<(first + length)
        }
        storages.append(PickledStorage(key: key, element: element, count: count, part: part))
        return .storage(storages.count - 1)
    }
}
