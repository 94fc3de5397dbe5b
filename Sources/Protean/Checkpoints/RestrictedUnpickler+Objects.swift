// Names, calls and PyTorch's storages: the operations through which other readers run code.
extension RestrictedUnpickler {
    static let maximumNameLength = 256

    /// Reads an operation that refers to a class or function, or calls one.
    mutating func readObject(_ code: UInt8) throws(WeightFileProblem) -> Bool {
        switch code {
        case UInt8(ascii: "c"): try push(try readGlobal())
        case 0x93:  // STACK_GLOBAL
            let name = try pop()
            let module = try pop()
            try push(try global(try nameText(module), try nameText(name)))
        case UInt8(ascii: "R"), 0x81:  // REDUCE, NEWOBJ
            let arguments = try pop()
            try push(try call(try pop(), arguments))
        case 0x92:  // NEWOBJ_EX
            _ = try pop()
            let arguments = try pop()
            try push(try call(try pop(), arguments))
        case UInt8(ascii: "o"):  // OBJ
            let start = try takeMark()
            guard start < stack.count else { throw malformed("an object without a class") }
            let arguments = try make(.tuple, from: start + 1)
            try push(try call(try pop(), arguments))
        case UInt8(ascii: "i"):  // INST
            let name = try readGlobal()
            try push(try call(name, try make(.tuple, from: try takeMark())))
        // BUILD: attributes, such as the versions in a state_dict. They are not used.
        case UInt8(ascii: "b"):
            _ = try pop()
            _ = try top()
        case UInt8(ascii: "Q"): try push(try storage(try pop()))  // BINPERSID
        default: return false
        }
        return true
    }

    private mutating func readGlobal() throws(WeightFileProblem) -> PickleValue {
        let module = try reader.lineRange(limit: Self.maximumNameLength)
        let name = try reader.lineRange(limit: Self.maximumNameLength)
        return try global(try PickleText(module, .utf8), try PickleText(name, .utf8))
    }

    private func nameText(_ value: PickleValue) throws(WeightFileProblem) -> PickleText {
        guard let index = value.index(of: .text) else {
            throw malformed("a class's name is not text")
        }
        let text = object.texts[index]
        guard text.length <= Self.maximumNameLength else {
            throw .limitExceeded(
                what: "the length of a class's name", limit: Self.maximumNameLength,
                found: text.length)
        }
        return text
    }

    private mutating func global(
        _ module: PickleText, _ name: PickleText
    ) throws(WeightFileProblem) -> PickleValue {
        guard let moduleName = module.string(in: reader.bytes),
            let ownName = name.string(in: reader.bytes)
        else { throw malformed("a class's name is not UTF-8") }
        let meaning = PickleGlobal(module: moduleName, name: ownName)
        object.globals.append(PickledName(module: module, name: name, meaning: meaning))
        return try PickleValue(.global, index: object.globals.count - 1)
    }

    // MARK: Calls

    /// The first values of a tuple and how many there are.
    private func arguments(
        _ value: PickleValue
    ) throws(WeightFileProblem) -> (values: [PickleValue], count: Int) {
        guard let node = value.index(of: .node), object.nodes.kind(node) == .tuple else {
            throw malformed("arguments not given as a tuple")
        }
        return (Array(object.nodes.elements(node).prefix(10)), object.nodes.elementCount(node))
    }

    private func meaning(_ value: PickleValue) -> PickleGlobal? {
        value.index(of: .global).map { object.globals[$0].meaning }
    }

    /// An inert object that stands for an instance of the class `name`.
    private mutating func inert(_ name: PickleValue) throws(WeightFileProblem) -> PickleValue {
        let className =
            name.index(of: .global) ?? name.index(of: .node).flatMap { object.nodes.className($0) }
        return try object.nodes.make(.object, of: className, length: length)
    }

    /// The result of a call. No code is run.
    private mutating func call(
        _ function: PickleValue, _ tuple: PickleValue
    ) throws(WeightFileProblem) -> PickleValue {
        guard function.kind == .global || function.kind == .node else {
            throw malformed("a call of something that is not a function")
        }
        let (values, count) = try arguments(tuple)
        guard let meaning = meaning(function) else { return try inert(function) }
        if meaning == .rebuildFromType {
            guard values.count >= 3, let inner = self.meaning(values[0]), inner != meaning else {
                return try inert(function)
            }
            let innerArguments = try arguments(values[2])
            return try call(
                inner, of: values[1], innerArguments.values, count: innerArguments.count)
        }
        return try call(meaning, of: function, values, count: count)
    }

    private mutating func call(
        _ meaning: PickleGlobal, of function: PickleValue, _ values: [PickleValue], count: Int
    ) throws(WeightFileProblem) -> PickleValue {
        switch meaning {
        case .dictionaryClass: return try dictionary(values, count: count)
        case .sizeClass:
            guard count == 1, object.sequence(values[0]) != nil else {
                throw malformed("torch.Size of something else than a tuple")
            }
            return values[0]
        case .rebuildTensor: return try tensor(values, count, allowed: 4...4)
        case .rebuildTensorV2: return try tensor(values, count, allowed: 6...7, flagsAt: 6)
        case .rebuildTensorV3:
            return try tensor(values, count, allowed: 7...8, typeAt: 6, flagsAt: 7)
        case .passTensor:
            guard let first = values.first, first.kind == .tensor else {
                return try inert(function)
            }
            return first
        case .rebuildMeta, .rebuildWrapper, .rebuildSparse, .rebuildQuantized, .rebuildNested,
            .rebuildDevice:
            return try unusable(meaning, values)
        case .rebuildObject:
            return try inert(values.first { $0.kind == .global } ?? function)
        case .storageClass, .elementType: throw malformed("a call of a type")
        case .rebuildFromType, .unknown: return try inert(function)
        }
    }

    /// `OrderedDict()`, `OrderedDict([[key, value], …])` as Python 2 writes it, a copy of a
    /// dictionary, or `defaultdict(class, …)`.
    private mutating func dictionary(
        _ arguments: [PickleValue], count: Int
    ) throws(WeightFileProblem) -> PickleValue {
        let source = arguments.first { $0.kind == .node }
        guard let source, let node = source.index(of: .node) else {
            return try object.nodes.make(.dictionary, length: length)
        }
        if object.nodes.kind(node) == .dictionary || object.nodes.kind(node) == .object {
            return source
        }
        var elements: [PickleValue] = []
        for pair in object.nodes.elements(node) {
            copies -= 2
            guard copies >= 0 else {
                throw .limitExceeded(
                    what: "the number of copied values in a pickle", limit: length,
                    found: length + 1)
            }
            guard let inner = object.sequence(pair), let place = pair.index(of: .node),
                object.nodes.elementCount(place) == 2
            else { throw malformed("a dictionary made of something else than pairs") }
            elements += inner
        }
        let result = try object.nodes.make(.dictionary, length: length)
        object.nodes.append(elements[...], to: result.index)
        return result
    }

    // MARK: Tensors

    private mutating func push(_ tensor: PickledTensor) throws(WeightFileProblem) -> PickleValue {
        object.tensors.append(tensor)
        return try PickleValue(.tensor, index: object.tensors.count - 1)
    }

    /// `(storage, offset, shape, strides, requires_grad, hooks, [type], [flags])`.
    private mutating func tensor(
        _ arguments: [PickleValue], _ count: Int, allowed: ClosedRange<Int>, typeAt: Int? = nil,
        flagsAt: Int? = nil
    ) throws(WeightFileProblem) -> PickleValue {
        guard allowed.contains(count), let index = arguments[0].index(of: .storage),
            let offset = object.integer(arguments[1])
        else { throw malformed("a tensor without a storage and an offset") }
        var element = object.storages[index].element
        if let typeAt {
            guard case .elementType(let given)? = meaning(arguments[typeAt]) else {
                throw malformed("a tensor without an element type")
            }
            element = given
        }
        var form = PickledTensor.Form.dense
        if let flagsAt, flagsAt < count, let flags = arguments[flagsAt].index(of: .node),
            object.nodes.elementCount(flags) > 0
        {
            form = .flagged
        }
        return try push(
            PickledTensor(
                form: form, element: element, storage: Int32(index), offset: offset,
                shape: arguments[2], strides: arguments[3]))
    }

    /// A tensor of a kind whose values cannot be used.
    private mutating func unusable(
        _ meaning: PickleGlobal, _ values: [PickleValue]
    ) throws(WeightFileProblem) -> PickleValue {
        func value(_ place: Int) -> PickleValue { place < values.count ? values[place] : .none }
        var element = PickledElement.bytes
        for candidate in values {
            if case .elementType(let type)? = self.meaning(candidate) { element = type }
        }
        let form: PickledTensor.Form
        var shape = PickleValue.none
        switch meaning {
        case .rebuildMeta: (form, shape) = (.meta, value(1))
        case .rebuildWrapper: (form, shape) = (.wrapper, value(2))
        case .rebuildQuantized:
            (form, shape) = (.quantized, value(2))
            if let index = value(0).index(of: .storage) { element = object.storages[index].element }
        case .rebuildSparse:
            form = .sparse
            // (layout, (indices, values, shape, …)), or of compressed layouts
            // (layout, (indices, indices, values, shape, …)).
            let parts = object.sequence(value(1)).map { Array($0.prefix(4)) } ?? []
            shape = parts.first { object.sequence($0) != nil } ?? .none
            for part in parts {
                if let index = part.index(of: .tensor), element == .bytes || part != parts[0] {
                    element = object.tensors[index].element
                }
            }
        case .rebuildNested: form = .nested
        default: form = .device
        }
        return try push(
            PickledTensor(
                form: form, element: element, storage: nil, offset: 0, shape: shape,
                strides: .none))
    }

    /// `("storage", class, key, device, count)` and, in old files, a sixth member: `None` or
    /// `(key of the view, offset, count)`.
    private mutating func storage(_ tuple: PickleValue) throws(WeightFileProblem) -> PickleValue {
        guard let node = tuple.index(of: .node), object.nodes.kind(node) == .tuple else {
            throw malformed("a storage not given as a tuple")
        }
        if let known = storageOfTuple[UInt32(node)] { return known }
        let values = Array(object.nodes.elements(node).prefix(7))
        // A class of a module that was saved as a whole, with its source text.
        if values.count == 4, object.isText(values[0], "module") { return values[1] }
        guard (5...6).contains(values.count), object.isText(values[0], "storage"),
            case .storageClass(let element)? = meaning(values[1]),
            let key = values[2].index(of: .text),
            let count = object.integer(values[4]), count >= 0
        else { throw malformed("a reference to something else than a storage") }
        var part = 0..<count
        if values.count == 6, let view = object.sequence(values[5]).map({ Array($0.prefix(4)) }) {
            guard view.count == 3, let first = object.integer(view[1]),
                let length = object.integer(view[2]), first >= 0, length >= 0, first <= count,
                length <= count - first
            else { throw malformed("a view of a storage beyond its end") }
            part = first..<(first + length)
        }
        object.storages.append(
            PickledStorage(key: key, element: element, count: count, part: part))
        let value = try PickleValue(.storage, index: object.storages.count - 1)
        storageOfTuple[UInt32(node)] = value
        return value
    }
}
