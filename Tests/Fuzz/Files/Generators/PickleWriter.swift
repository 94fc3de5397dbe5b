/// Elements that a pickle's tensors view.
struct PickleStorage {
    let key: String
    let content: [UInt8]
    let count: Int
}

/// A pickle and what lies beside it in a file.
struct PickleFile {
    var bytes: [UInt8]
    var storages: [PickleStorage]
}

/// Writes pickle operations.
struct PickleWriter {
    var bytes: [UInt8]
    /// 2 and above; from 4 on, short texts and memo places are written in the newer way.
    let version: Int

    init(version: Int = 2) {
        self.version = version
        bytes = [0x80, UInt8(version)]
    }

    /// Operations that are printable, as in `}` and `(`.
    mutating func code(_ text: String) { bytes.append(text: text) }

    mutating func text(_ text: String) { self.text(Array(text.utf8)) }

    mutating func text(_ utf8: [UInt8]) {
        if version >= 4, utf8.count < 256 {
            bytes += [0x8c, UInt8(utf8.count)]
        } else {
            code("X")
            bytes.append(little: UInt32(utf8.count))
        }
        bytes += utf8
    }

    mutating func integer(_ value: Int) {
        switch value {
        case 0..<256: bytes += [UInt8(ascii: "K"), UInt8(value)]
        case 256..<65536:
            code("M")
            bytes.append(little: UInt16(value))
        case Int(Int32.min)..<Int(Int32.max):
            code("J")
            bytes.append(little: Int32(value))
        default:
            bytes += [0x8a, 8]
            bytes.append(little: Int64(value))
        }
    }

    mutating func global(_ module: String, _ name: String) {
        if version >= 4 {
            text(module)
            text(name)
            bytes.append(0x93)
        } else {
            code("c\(module)\n\(name)\n")
        }
    }

    mutating func put(_ place: Int) {
        if place < 256 {
            bytes += [UInt8(ascii: "q"), UInt8(place)]
        } else {
            code("r")
            bytes.append(little: UInt32(truncatingIfNeeded: place))
        }
    }

    mutating func get(_ place: Int) {
        if place < 256 {
            bytes += [UInt8(ascii: "h"), UInt8(place)]
        } else {
            code("j")
            bytes.append(little: UInt32(truncatingIfNeeded: place))
        }
    }

    mutating func integers(_ values: [Int]) {
        code("(")
        for value in values { integer(value) }
        code("t")
    }

    mutating func storage(_ key: String, type: String = "FloatStorage", count: Int) {
        code("(")
        text("storage")
        global("torch", type)
        text(key)
        text("cpu")
        integer(count)
        code("tQ")
    }

    /// A tensor of a storage that `storage` writes, with strides given by `strides`.
    mutating func tensor(
        offset: Int = 0, storage: (inout PickleWriter) -> Void,
        shape: (inout PickleWriter) -> Void, strides: (inout PickleWriter) -> Void
    ) {
        global("torch._utils", "_rebuild_tensor_v2")
        code("(")
        storage(&self)
        integer(offset)
        shape(&self)
        strides(&self)
        bytes.append(0x89)
        global("collections", "OrderedDict")
        code(")RtR")
    }

    /// A tensor of one element whose storage is in the memo at `place`.
    mutating func scalarTensor(storageAt place: Int) {
        tensor(storage: { $0.get(place) }, shape: { $0.code(")") }, strides: { $0.code(")") })
    }
}
