/// An element type of PyTorch, including types that Protean does not convert.
struct PickledElement: Equatable {
    private let row: UInt8

    /// Bytes without a type; the tensor determines how they are read.
    static let bytes = PickledElement(row: 0)

    /// The name in `torch`, such as `float32`.
    var name: String { Self.rows[Int(row)].name }
    /// Bytes per element.
    var size: Int { Self.rows[Int(row)].size }
    /// The type that Protean converts; nil for others.
    var type: ElementType? { Self.rows[Int(row)].type }

    private struct Row: Sendable {
        let name: String
        var storageClass = ""
        let size: Int
        var type: ElementType?
    }

    private static let rows: [Row] = [
        Row(name: "untyped bytes", storageClass: "UntypedStorage", size: 1),
        Row(name: "float32", storageClass: "FloatStorage", size: 4, type: .float32),
        Row(name: "float64", storageClass: "DoubleStorage", size: 8, type: .float64),
        Row(name: "float16", storageClass: "HalfStorage", size: 2, type: .float16),
        Row(name: "bfloat16", storageClass: "BFloat16Storage", size: 2, type: .bfloat16),
        Row(name: "int64", storageClass: "LongStorage", size: 8, type: .int64),
        Row(name: "int32", storageClass: "IntStorage", size: 4, type: .int32),
        Row(name: "int16", storageClass: "ShortStorage", size: 2, type: .int16),
        Row(name: "int8", storageClass: "CharStorage", size: 1, type: .int8),
        Row(name: "uint8", storageClass: "ByteStorage", size: 1, type: .uint8),
        Row(name: "bool", storageClass: "BoolStorage", size: 1, type: .bool),
        Row(name: "uint16", size: 2, type: .uint16),
        Row(name: "uint32", size: 4, type: .uint32),
        Row(name: "uint64", size: 8, type: .uint64),
        Row(name: "complex32", storageClass: "ComplexHalfStorage", size: 4),
        Row(name: "complex64", storageClass: "ComplexFloatStorage", size: 8),
        Row(name: "complex128", storageClass: "ComplexDoubleStorage", size: 16),
        Row(name: "qint8", storageClass: "QInt8Storage", size: 1),
        Row(name: "quint8", storageClass: "QUInt8Storage", size: 1),
        Row(name: "qint32", storageClass: "QInt32Storage", size: 4),
        Row(name: "quint4x2", storageClass: "QUInt4x2Storage", size: 1),
        Row(name: "quint2x4", storageClass: "QUInt2x4Storage", size: 1),
        Row(name: "float8_e4m3fn", size: 1), Row(name: "float8_e4m3fnuz", size: 1),
        Row(name: "float8_e5m2", size: 1), Row(name: "float8_e5m2fnuz", size: 1),
        Row(name: "float8_e8m0fnu", size: 1), Row(name: "float4_e2m1fn_x2", size: 1),
        Row(name: "bits8", size: 1), Row(name: "bits16", size: 2), Row(name: "bits1x8", size: 1),
        Row(name: "bits2x4", size: 1), Row(name: "bits4x2", size: 1),
        Row(name: "int1", size: 1), Row(name: "int2", size: 1), Row(name: "int3", size: 1),
        Row(name: "int4", size: 1), Row(name: "int5", size: 1), Row(name: "int6", size: 1),
        Row(name: "int7", size: 1), Row(name: "uint1", size: 1), Row(name: "uint2", size: 1),
        Row(name: "uint3", size: 1), Row(name: "uint4", size: 1), Row(name: "uint5", size: 1),
        Row(name: "uint6", size: 1), Row(name: "uint7", size: 1),
    ]

    private static func table(_ key: (Row) -> String) -> [String: PickledElement] {
        var table: [String: PickledElement] = [:]
        for (index, row) in rows.enumerated() where !key(row).isEmpty {
            table[key(row)] = PickledElement(row: UInt8(index))
        }
        return table
    }

    /// Types by the names of storage classes in `torch` and `torch.cuda`.
    static let storageClasses = table(\.storageClass)
    /// Types by their names in `torch`.
    static let elementTypes = table(\.name)
}
