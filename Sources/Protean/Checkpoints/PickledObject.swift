/// A run of elements that tensors view.
struct PickledStorage {
    /// Index of the text that is the elements' key in the file.
    let key: Int
    let element: PickledElement
    /// Number of elements that the file stores under ``key``.
    let count: Int
    /// The range of elements of this storage: all of them except in very old files.
    let part: Range<Int>
}

/// A tensor as a pickle describes it; nothing is checked against its storage yet.
struct PickledTensor {
    enum Form: UInt8 {
        case dense
        /// Conjugate and negative views, whose stored values differ from their logical values.
        case flagged
        case meta, sparse, quantized, nested, wrapper, device
    }

    let form: Form
    let element: PickledElement
    /// Index of the storage; nil for tensors without one.
    let storage: Int32?
    let offset: Int
    /// The tuples of sizes and strides; unchecked.
    let shape: PickleValue
    let strides: PickleValue
}

/// A name of a class or function in a pickle.
struct PickledName {
    let module: PickleText
    let name: PickleText
    let meaning: PickleGlobal
}

/// The content of a pickle. Text is not copied from the file.
struct PickledObject {
    let storage: CheckpointBytes
    var root = PickleValue.none
    var nodes = PickleNodes()
    var tensors: [PickledTensor] = []
    var storages: [PickledStorage] = []
    var texts: [PickleText] = []
    var integers: [Int] = []
    var numbers: [Double] = []
    var globals: [PickledName] = []
    /// Offsets of the pickle's beginning and end.
    let start: Int
    var end = 0

    var length: Int { end - start }

    init(storage: CheckpointBytes, start: Int) {
        self.storage = storage
        self.start = start
    }

    /// The text of a value, or nil for other values and for text that is not valid in its encoding.
    func text(_ value: PickleValue) -> String? {
        guard let index = value.index(of: .text) else { return nil }
        return withExtendedLifetime(storage) { texts[index].string(in: storage.bytes) }
    }

    /// Bytes of a value's text; 0 for other values.
    func textLength(_ value: PickleValue) -> Int {
        value.index(of: .text).map { texts[$0].length } ?? 0
    }

    /// Whether a value is the text `other`.
    func isText(_ value: PickleValue, _ other: StaticString) -> Bool {
        guard let index = value.index(of: .text) else { return false }
        return withExtendedLifetime(storage) { texts[index].equals(other, in: storage.bytes) }
    }

    /// The whole number of a value; nil for others and for those beyond 64 bits.
    func integer(_ value: PickleValue) -> Int? {
        switch value.kind {
        case .small: value.smallNumber
        case .integer: integers[value.index]
        default: nil
        }
    }

    /// The elements of a list or tuple; nil for anything else.
    func sequence(_ value: PickleValue) -> PickleNodes.Elements? {
        guard let node = value.index(of: .node) else { return nil }
        switch nodes.kind(node) {
        case .list, .tuple: return nodes.elements(node)
        default: return nil
        }
    }

    /// The pairs of a dictionary, or of an object that was filled like one; nil for anything else.
    func pairs(_ value: PickleValue) -> Pairs? {
        value.index(of: .node).flatMap { pairs(node: $0) }
    }

    /// The same for a container's index.
    func pairs(node: Int) -> Pairs? {
        switch nodes.kind(node) {
        case .dictionary, .object: return Pairs(elements: nodes.elements(node))
        default: return nil
        }
    }

    /// An iterator over a dictionary's keys and values.
    struct Pairs: Sequence, IteratorProtocol {
        fileprivate var elements: PickleNodes.Elements

        mutating func next() -> (key: PickleValue, value: PickleValue)? {
            guard let key = elements.next(), let value = elements.next() else { return nil }
            return (key, value)
        }
    }

    /// The value for a key of a dictionary.
    func member(_ name: StaticString, of dictionary: PickleValue) -> PickleValue? {
        pairs(dictionary)?.first { isText($0.key, name) }?.value
    }

    /// A name with its module, as written in the pickle.
    func fullName(_ index: Int) -> String {
        let global = globals[index]
        return withExtendedLifetime(storage) {
            let module = global.module.string(in: storage.bytes) ?? "?"
            return "\(module).\(global.name.string(in: storage.bytes) ?? "?")"
        }
    }

    /// The type of a value, as shown to the user: `int`, `dict`, `argparse.Namespace`.
    func typeName(_ value: PickleValue) -> String {
        switch value.kind {
        case .none: "None"
        case .no, .yes: "bool"
        case .small, .integer, .long: "int"
        case .number: "float"
        case .text: "str"
        case .bytes: "bytes"
        case .storage: "storage"
        case .tensor: "tensor"
        case .global: fullName(value.index)
        case .node: nodeTypeName(value.index)
        }
    }

    private func nodeTypeName(_ node: Int) -> String {
        if let name = nodes.className(node).map(fullName) {
            return PickleGlobal.plainNames[name] ?? name
        }
        return switch nodes.kind(node) {
        case .list: "list"
        case .tuple: "tuple"
        case .dictionary: "dict"
        case .set: "set"
        case .object: "object"
        }
    }
}
