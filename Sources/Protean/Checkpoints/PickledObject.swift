/// A value in a pickle. Containers are indices into ``PickledObject/nodes``, so that neither cycles
/// nor deep nesting can hurt: nothing is owned by anything else.
enum PickleValue {
    case none
    case bool(Bool)
    case integer(Int)
    /// A whole number beyond 64 bits, as the place of its little-endian bytes.
    case long(Range<Int>)
    case number(Double)
    case string(String)
    case node(Int)
    case global(PickleGlobal)
    case storage(Int)
    case tensor(Int)
    /// A value that no tensor depends on: bytes, a device, a set made by a call.
    case opaque
}

/// A container in a pickle.
struct PickleNode {
    enum Kind { case list, tuple, dictionary, set }
    let kind: Kind
    /// The elements; of a dictionary, keys and values in turn.
    var elements: [PickleValue]
}

/// A named class or function that a pickle may refer to. None of them is ever run: each stands for
/// a fixed piece of this reader.
enum PickleGlobal: Equatable {
    case dictionaryClass
    case setClass
    case sizeClass
    case deviceClass
    case rebuildTensor
    case rebuildTensorV2
    case rebuildTensorV3
    case rebuildParameter
    case storageClass(PickledElement)
    case elementType(PickledElement)

    /// The global with this name, or nil when it is not on the list.
    init?(module: String, name: String) {
        switch (module, name) {
        case ("collections", "OrderedDict"), ("collections", "Counter"): self = .dictionaryClass
        case ("builtins", "set"), ("__builtin__", "set"): self = .setClass
        case ("torch", "Size"): self = .sizeClass
        case ("torch", "device"): self = .deviceClass
        case ("torch._utils", "_rebuild_tensor"): self = .rebuildTensor
        case ("torch._utils", "_rebuild_tensor_v2"): self = .rebuildTensorV2
        case ("torch._utils", "_rebuild_tensor_v3"): self = .rebuildTensorV3
        case ("torch._utils", "_rebuild_parameter"): self = .rebuildParameter
        case ("torch.storage", "UntypedStorage"), ("torch.storage", "_UntypedStorage"):
            self = .storageClass(.bytes)
        case ("torch", _), ("torch.cuda", _):
            if let element = PickledElement(storageClass: name) {
                self = .storageClass(element)
            } else if module == "torch", let element = PickledElement(elementType: name) {
                self = .elementType(element)
            } else {
                return nil
            }
        default: return nil
        }
    }
}

/// What a storage holds.
enum PickledElement: Equatable {
    case known(ElementType)
    /// Bytes without a type; the tensor says how to read them.
    case bytes
    /// A type of PyTorch's that Protean does not read.
    case unsupported(String)

    /// Bytes per element; nil when the type is not known.
    var size: Int? {
        switch self {
        case .known(let type): type.size
        case .bytes: 1
        case .unsupported: nil
        }
    }

    private static let storageClasses: [String: PickledElement] = [
        "FloatStorage": .known(.float32), "DoubleStorage": .known(.float64),
        "HalfStorage": .known(.float16), "BFloat16Storage": .known(.bfloat16),
        "LongStorage": .known(.int64), "IntStorage": .known(.int32),
        "ShortStorage": .known(.int16), "CharStorage": .known(.int8),
        "ByteStorage": .known(.uint8), "BoolStorage": .known(.bool),
        "ComplexFloatStorage": .unsupported("complex64"),
        "ComplexDoubleStorage": .unsupported("complex128"),
        "QInt8Storage": .unsupported("qint8"), "QUInt8Storage": .unsupported("quint8"),
        "QInt32Storage": .unsupported("qint32"), "QUInt4x2Storage": .unsupported("quint4x2"),
        "QUInt2x4Storage": .unsupported("quint2x4"),
    ]

    private static let elementTypes: [String: PickledElement] = [
        "float32": .known(.float32), "float64": .known(.float64), "float16": .known(.float16),
        "bfloat16": .known(.bfloat16), "int64": .known(.int64), "int32": .known(.int32),
        "int16": .known(.int16), "int8": .known(.int8), "uint8": .known(.uint8),
        "uint16": .known(.uint16), "uint32": .known(.uint32), "uint64": .known(.uint64),
        "bool": .known(.bool),
    ]

    private static let unsupportedTypes: Set<String> = [
        "float8_e4m3fn", "float8_e4m3fnuz", "float8_e5m2", "float8_e5m2fnuz", "float8_e8m0fnu",
        "float4_e2m1fn_x2", "complex32", "complex64", "complex128", "qint8", "quint8", "qint32",
        "quint4x2", "quint2x4",
    ]

    init?(storageClass name: String) {
        guard let element = Self.storageClasses[name] else { return nil }
        self = element
    }

    init?(elementType name: String) {
        if let element = Self.elementTypes[name] {
            self = element
        } else if Self.unsupportedTypes.contains(name) {
            self = .unsupported(name)
        } else {
            return nil
        }
    }
}

/// A run of elements that tensors view.
struct PickledStorage {
    /// The name under which the file keeps the elements.
    let key: String
    let element: PickledElement
    /// How many elements the file keeps under ``key``.
    let count: Int
    /// The part that this storage is: all of it but in very old files.
    let part: Range<Int>
}

/// A tensor as a pickle describes it; nothing is checked against its storage yet.
struct PickledTensor {
    let storage: Int
    let element: PickledElement
    let offset: Int
    let shape: [Int]
    let strides: [Int]
}

/// What a pickle spells.
struct PickledObject {
    let root: PickleValue
    let nodes: [PickleNode]
    let tensors: [PickledTensor]
    let storages: [PickledStorage]
    /// Where the pickle ends.
    let end: Int

    /// The members of a dictionary whose keys are text or whole numbers; nil for anything else.
    func members(of value: PickleValue) -> [(name: String, value: PickleValue)]? {
        guard case .node(let index) = value, nodes[index].kind == .dictionary else { return nil }
        let elements = nodes[index].elements
        var members: [(name: String, value: PickleValue)] = []
        for place in stride(from: 0, to: elements.count - 1, by: 2) {
            switch elements[place] {
            case .string(let name): members.append((name, elements[place + 1]))
            case .integer(let number): members.append(("\(number)", elements[place + 1]))
            default: continue
            }
        }
        return members
    }
}
