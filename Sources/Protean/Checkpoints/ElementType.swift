/// The element types that weight files store. Protean computes in Float32 and converts on loading.
public enum ElementType: Hashable, Sendable {
    case bool
    case uint8
    case int8
    case int16
    case uint16
    case int32
    case uint32
    case int64
    case uint64
    case float16
    case bfloat16
    case float32
    case float64
    /// A type whose values cannot be used, by the file's name for it, such as `complex64` or
    /// `F8_E4M3`. Its tensors are listed; only reading their values is an error.
    case unsupported(String)

    /// Bytes per element; 0 for an unsupported type.
    public var size: Int {
        switch self {
        case .bool, .uint8, .int8: 1
        case .int16, .uint16, .float16, .bfloat16: 2
        case .int32, .uint32, .float32: 4
        case .int64, .uint64, .float64: 8
        case .unsupported: 0
        }
    }

    /// Whether values of this type can be used.
    public var isSupported: Bool {
        if case .unsupported = self { false } else { true }
    }
}

extension ElementType: CaseIterable {
    /// The supported types.
    public static let allCases: [ElementType] = [
        .bool, .uint8, .int8, .int16, .uint16, .int32, .uint32, .int64, .uint64, .float16,
        .bfloat16, .float32, .float64,
    ]
}

extension ElementType: RawRepresentable {
    /// The name in safetensors, such as `F32`; of an unsupported type, the file's name for it.
    public var rawValue: String {
        switch self {
        case .bool: "BOOL"
        case .uint8: "U8"
        case .int8: "I8"
        case .int16: "I16"
        case .uint16: "U16"
        case .int32: "I32"
        case .uint32: "U32"
        case .int64: "I64"
        case .uint64: "U64"
        case .float16: "F16"
        case .bfloat16: "BF16"
        case .float32: "F32"
        case .float64: "F64"
        case .unsupported(let name): name
        }
    }

    /// The supported type with this name in safetensors, or nil.
    public init?(rawValue: String) {
        guard let type = Self.allCases.first(where: { $0.rawValue == rawValue }) else {
            return nil
        }
        self = type
    }
}
