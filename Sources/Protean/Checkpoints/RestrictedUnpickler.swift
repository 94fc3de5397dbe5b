/// Reads pickles (Python's protocols 2 to 5) without ever running anything.
///
/// A pickle is a program for a small stack machine, and Python's own reader lets it call any
/// function. This one knows the operations that `torch.save` and Python's `pickle` write for plain
/// values and containers, and a fixed list of names (see ``PickleGlobal``); everything else is
/// refused. Work and memory are bounded by the limits below.
struct RestrictedUnpickler {
    static let maximumOperations = 1 << 24
    static let maximumStack = 1 << 20
    static let maximumMemo = 1 << 22
    static let maximumNesting = 100

    var reader: ByteReader
    var stack: [PickleValue] = []
    var nodes: [PickleNode] = []
    var tensors: [PickledTensor] = []
    var storages: [PickledStorage] = []
    private var marks: [Int] = []
    private var memo: [Int: PickleValue] = [:]
    private var operations = 0

    /// Reads the pickle that begins at byte `start`.
    ///
    /// - Throws: `forbiddenGlobal`, `unsupportedOpcode`, `nesting`, `limitExceeded`, `truncated`,
    ///   `malformed`, `unsupportedFeature`.
    static func read(
        _ bytes: UnsafeRawBufferPointer, at start: Int = 0, what: String = "pickle"
    ) throws(WeightFileProblem) -> PickledObject {
        var unpickler = RestrictedUnpickler(
            reader: ByteReader(bytes, at: start, what: what))
        let root = try unpickler.run()
        let object = PickledObject(
            root: root, nodes: unpickler.nodes, tensors: unpickler.tensors,
            storages: unpickler.storages, end: unpickler.reader.position)
        try object.checkNesting(limit: maximumNesting)
        return object
    }

    private init(reader: ByteReader) { self.reader = reader }

    func malformed(_ reason: String) -> WeightFileProblem {
        .malformed(what: reader.what, reason: "\(reason) before byte \(reader.position)")
    }

    private mutating func run() throws(WeightFileProblem) -> PickleValue {
        while true {
            operations += 1
            try Self.check("the number of pickle operations", operations, Self.maximumOperations)
            let offset = reader.position
            let code = try reader.byte()
            if code == UInt8(ascii: ".") {
                let root = try pop()
                guard stack.isEmpty, marks.isEmpty else { throw malformed("values left over") }
                return root
            }
            guard try perform(code) else { throw .unsupportedOpcode(code, offset: offset) }
        }
    }

    /// Performs one operation; false when it is not a known one.
    private mutating func perform(_ code: UInt8) throws(WeightFileProblem) -> Bool {
        if try readScalar(code) { return true }
        if try readText(code) { return true }
        if try readContainer(code) { return true }
        if try readMemo(code) { return true }
        return try readObject(code)
    }

    private static func check(
        _ what: String, _ found: Int, _ limit: Int
    ) throws(WeightFileProblem) {
        guard found <= limit else {
            throw .limitExceeded(what: what, limit: limit, found: found)
        }
    }

    // MARK: Stack

    mutating func push(_ value: PickleValue) throws(WeightFileProblem) {
        try Self.check("the pickle's stack", stack.count + 1, Self.maximumStack)
        stack.append(value)
    }

    /// The top value, which must lie above the last mark.
    mutating func pop() throws(WeightFileProblem) -> PickleValue {
        guard stack.count > (marks.last ?? 0), let value = stack.popLast() else {
            throw malformed("the stack is empty")
        }
        return value
    }

    /// The values above the last mark, which goes too.
    private mutating func popToMark() throws(WeightFileProblem) -> [PickleValue] {
        guard let mark = marks.popLast() else { throw malformed("there is no mark") }
        let values = Array(stack[mark...])
        stack.removeSubrange(mark...)
        return values
    }

    /// The container on top of the stack, which must be of the given kind and stays there.
    private func top(_ kind: PickleNode.Kind) throws(WeightFileProblem) -> Int {
        guard stack.count > (marks.last ?? 0), case .node(let index)? = stack.last,
            nodes[index].kind == kind
        else { throw malformed("the value on the stack is not a \(kind)") }
        return index
    }

    mutating func make(
        _ kind: PickleNode.Kind, _ elements: [PickleValue] = []
    ) -> PickleValue {
        nodes.append(PickleNode(kind: kind, elements: elements))
        return .node(nodes.count - 1)
    }

    // MARK: Operations

    /// Header operations and numbers.
    private mutating func readScalar(_ code: UInt8) throws(WeightFileProblem) -> Bool {
        switch code {
        case 0x80:  // PROTO
            let version = try reader.byte()
            guard (2...5).contains(version) else {
                throw .unsupportedFeature("pickle protocol \(version)")
            }
        case 0x95: _ = try reader.size64()  // FRAME: a hint about buffering
        case UInt8(ascii: "N"): try push(.none)
        case 0x88: try push(.bool(true))
        case 0x89: try push(.bool(false))
        case UInt8(ascii: "J"): try push(.integer(try reader.signed32()))
        case UInt8(ascii: "K"): try push(.integer(Int(try reader.byte())))
        case UInt8(ascii: "M"): try push(.integer(try reader.unsigned16()))
        case 0x8a: try push(try long(Int(try reader.byte())))
        case 0x8b: try push(try long(try reader.signed32()))
        case UInt8(ascii: "G"):  // the one big-endian number of the format
            try push(.number(Double(bitPattern: try reader.load(UInt64.self).byteSwapped)))
        default: return false
        }
        return true
    }

    /// A little-endian two's complement number of `length` bytes.
    private mutating func long(_ length: Int) throws(WeightFileProblem) -> PickleValue {
        let range = try reader.take(length)
        guard length <= 8 else { return .long(range) }
        var value: UInt64 = 0
        for (shift, index) in range.enumerated() {
            value |= UInt64(reader.bytes[index]) << UInt64(8 * shift)
        }
        let unused = UInt64(64 - 8 * length)
        guard unused < 64 else { return .integer(0) }
        return .integer(Int(Int64(bitPattern: value << unused) >> Int64(unused)))
    }

    /// Text and bytes.
    private mutating func readText(_ code: UInt8) throws(WeightFileProblem) -> Bool {
        switch code {
        case UInt8(ascii: "X"): try pushText(try reader.unsigned32())
        case 0x8c: try pushText(Int(try reader.byte()))
        case 0x8d: try pushText(try reader.size64())
        case UInt8(ascii: "U"): try pushPython2Text(Int(try reader.byte()))
        case UInt8(ascii: "T"): try pushPython2Text(try reader.signed32())
        case UInt8(ascii: "B"): try pushBytes(try reader.unsigned32())
        case UInt8(ascii: "C"): try pushBytes(Int(try reader.byte()))
        case 0x8e, 0x96: try pushBytes(try reader.size64())
        default: return false
        }
        return true
    }

    private mutating func pushText(_ length: Int) throws(WeightFileProblem) {
        let range = try reader.take(length)
        try push(.string(try reader.utf8(range)))
    }

    /// A Python 2 string: bytes, in practice ASCII; others are read as Latin-1, as PyTorch can.
    private mutating func pushPython2Text(_ length: Int) throws(WeightFileProblem) {
        let range = try reader.take(length)
        var text = ""
        for index in range { text.unicodeScalars.append(Unicode.Scalar(reader.bytes[index])) }
        try push(.string(text))
    }

    private mutating func pushBytes(_ length: Int) throws(WeightFileProblem) {
        _ = try reader.take(length)
        try push(.opaque)
    }

    /// Marks, lists, tuples, dictionaries, sets.
    private mutating func readContainer(_ code: UInt8) throws(WeightFileProblem) -> Bool {
        switch code {
        case UInt8(ascii: "("):
            try Self.check("the pickle's stack", marks.count + 1, Self.maximumStack)
            marks.append(stack.count)
        case UInt8(ascii: "0"): try popOrUnmark()
        case UInt8(ascii: "1"): _ = try popToMark()
        case UInt8(ascii: "]"): try push(make(.list))
        case UInt8(ascii: ")"): try push(make(.tuple))
        case UInt8(ascii: "}"): try push(make(.dictionary))
        case 0x8f: try push(make(.set))
        case UInt8(ascii: "a"): try append([try pop()], to: .list)
        case UInt8(ascii: "e"): try append(try popToMark(), to: .list)
        case 0x90: try append(try popToMark(), to: .set)
        case UInt8(ascii: "t"): try push(make(.tuple, try popToMark()))
        case 0x91: try push(make(.set, try popToMark()))
        case 0x85...0x87: try pushTuple(count: Int(code) - 0x84)
        case UInt8(ascii: "s"):
            let value = try pop()
            try append([try pop(), value], to: .dictionary)
        case UInt8(ascii: "u"): try append(try popToMark(), to: .dictionary)
        default: return false
        }
        return true
    }

    private mutating func popOrUnmark() throws(WeightFileProblem) {
        if let mark = marks.last, mark == stack.count {
            marks.removeLast()
        } else {
            _ = try pop()
        }
    }

    private mutating func pushTuple(count: Int) throws(WeightFileProblem) {
        var elements: [PickleValue] = []
        for _ in 0..<count { elements.append(try pop()) }
        try push(make(.tuple, elements.reversed()))
    }

    private mutating func append(
        _ elements: [PickleValue], to kind: PickleNode.Kind
    ) throws(WeightFileProblem) {
        guard kind != .dictionary || elements.count % 2 == 0 else {
            throw malformed("a key without a value")
        }
        nodes[try top(kind)].elements += elements
    }

    /// Remembering values and recalling them.
    private mutating func readMemo(_ code: UInt8) throws(WeightFileProblem) -> Bool {
        switch code {
        case UInt8(ascii: "q"): try remember(Int(try reader.byte()))
        case UInt8(ascii: "r"): try remember(try reader.unsigned32())
        case 0x94: try remember(memo.count)
        case UInt8(ascii: "h"): try recall(Int(try reader.byte()))
        case UInt8(ascii: "j"): try recall(try reader.unsigned32())
        case UInt8(ascii: "2"):  // DUP
            let value = try pop()
            try push(value)
            try push(value)
        default: return false
        }
        return true
    }

    private mutating func remember(_ index: Int) throws(WeightFileProblem) {
        guard stack.count > (marks.last ?? 0), let value = stack.last else {
            throw malformed("nothing to remember")
        }
        memo[index] = value
        try Self.check("the pickle's memo", memo.count, Self.maximumMemo)
    }

    private mutating func recall(_ index: Int) throws(WeightFileProblem) {
        guard let value = memo[index] else { throw malformed("memo \(index) is empty") }
        try push(value)
    }
}

extension PickledObject {
    /// Refuses containers that contain themselves or are nested deeper than `limit`.
    ///
    /// Containers are taken off from the outside in; those that contain themselves are never
    /// reached. Linear in the number of elements, and no recursion.
    fileprivate func checkNesting(limit: Int) throws(WeightFileProblem) {
        var holders = [Int](repeating: 0, count: nodes.count)
        for node in nodes {
            for case .node(let child) in node.elements { holders[child] += 1 }
        }
        var depth = [Int](repeating: 1, count: nodes.count)
        var ready = holders.indices.filter { holders[$0] == 0 }
        var taken = 0
        while let index = ready.popLast() {
            taken += 1
            guard depth[index] <= limit else { throw .nesting(limit: limit) }
            for case .node(let child) in nodes[index].elements {
                depth[child] = max(depth[child], depth[index] + 1)
                holders[child] -= 1
                if holders[child] == 0 { ready.append(child) }
            }
        }
        guard taken == nodes.count else { throw .nesting(limit: limit) }
    }
}
