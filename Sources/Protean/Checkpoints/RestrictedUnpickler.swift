/// Reads pickles (Python's protocols 0 to 5) without running any code.
///
/// A pickle is a program for a small stack machine, and Python's own reader lets it call any
/// function. This one implements the machine and a fixed list of names (see ``PickleGlobal``);
/// anything else that a pickle names or calls becomes an inert object that has only its class's
/// name.
///
/// Work and memory are linear in the pickle's length: an operation costs at most its own bytes and
/// the values that it pops from the stack, copies of containers are counted against the length, and
/// text is not decoded here.
struct RestrictedUnpickler {
    static let maximumStack = 1 << 20
    static let maximumLength = PickleText.maximumLength

    var reader: ByteReader
    var object: PickledObject
    var stack: [PickleValue] = []
    /// Number of elements that may still be copied between containers.
    var copies: Int
    /// Storages by their tuples: tuples never change, so each storage is made once.
    var storageOfTuple: [UInt32: PickleValue] = [:]
    private var marks: [UInt32] = []
    private var memo = PickleMemo()
    /// The single empty tuple, shared by all uses.
    private var emptyTuple: PickleValue?

    /// Reads the pickle that begins at byte `start` of `storage`, which must be in memory.
    ///
    /// - Throws: `unsupportedOpcode`, `limitExceeded`, `truncated`, `malformed`,
    ///   `unsupportedFeature`.
    static func read(
        _ storage: CheckpointBytes, at start: Int = 0, what: String = "pickle"
    ) throws(WeightFileProblem) -> PickledObject {
        try withExtendedLifetime(storage) { () throws(WeightFileProblem) in
            var unpickler = RestrictedUnpickler(storage, at: start, what: what)
            unpickler.object.root = try unpickler.run()
            unpickler.object.end = unpickler.reader.position
            return unpickler.object
        }
    }

    private init(_ storage: CheckpointBytes, at start: Int, what: String) {
        reader = ByteReader(storage.bytes, at: start, what: what)
        object = PickledObject(storage: storage, start: start)
        copies = storage.bytes.count - start
    }

    func malformed(_ reason: String) -> WeightFileProblem {
        .malformed(what: reader.what, reason: "\(reason) before byte \(reader.position)")
    }

    private mutating func run() throws(WeightFileProblem) -> PickleValue {
        while true {
            let offset = reader.position
            try Self.check(
                "the length of \(reader.what)", offset - object.start, Self.maximumLength)
            let code = try reader.byte()
            if code == UInt8(ascii: ".") {
                let root = try pop()
                guard stack.isEmpty, marks.isEmpty else { throw malformed("values left over") }
                return root
            }
            guard try perform(code) else { throw .unsupportedOpcode(code, offset: offset) }
        }
    }

    /// Performs one operation; false if it is unknown.
    private mutating func perform(_ code: UInt8) throws(WeightFileProblem) -> Bool {
        if try readScalar(code) { return true }
        if try readText(code) { return true }
        if try readLine(code) { return true }
        if try readContainer(code) { return true }
        if try readMemo(code) { return true }
        return try readObject(code)
    }

    private static func check(
        _ what: @autoclosure () -> String, _ found: Int, _ limit: Int
    ) throws(WeightFileProblem) {
        guard found <= limit else {
            throw .limitExceeded(what: what(), limit: limit, found: found)
        }
    }

    /// Upper bound of the pickle's length in bytes.
    var length: Int { reader.bytes.count - object.start }

    // MARK: Stack

    mutating func push(_ value: PickleValue) throws(WeightFileProblem) {
        try Self.check("the pickle's stack", stack.count + 1, Self.maximumStack)
        stack.append(value)
    }

    /// The index on the stack just above the last mark.
    private var floor: Int { marks.last.map(Int.init) ?? 0 }

    /// Pops the top value, which must be above the last mark.
    mutating func pop() throws(WeightFileProblem) -> PickleValue {
        guard stack.count > floor, let value = stack.popLast() else {
            throw malformed("the stack is empty")
        }
        return value
    }

    /// The top value, without popping it.
    func top() throws(WeightFileProblem) -> PickleValue {
        guard stack.count > floor, let value = stack.last else {
            throw malformed("the stack is empty")
        }
        return value
    }

    /// Removes the last mark and returns the index of the first value above it.
    mutating func takeMark() throws(WeightFileProblem) -> Int {
        guard let mark = marks.popLast() else { throw malformed("there is no mark") }
        return Int(mark)
    }

    /// Makes a container of the stack's values from `start` on.
    mutating func make(
        _ kind: PickleNodes.Kind, from start: Int
    ) throws(WeightFileProblem) -> PickleValue {
        if kind == .tuple, start == stack.count {
            if let emptyTuple { return emptyTuple }
            let value = try object.nodes.make(.tuple, length: length)
            emptyTuple = value
            return value
        }
        let value = try object.nodes.make(kind, length: length)
        object.nodes.append(stack[start...], to: value.index)
        stack.removeSubrange(start...)
        return value
    }

    // MARK: Containers

    /// Marks, lists, tuples, dictionaries, sets.
    private mutating func readContainer(_ code: UInt8) throws(WeightFileProblem) -> Bool {
        switch code {
        case UInt8(ascii: "("):
            try Self.check("the pickle's stack", marks.count + 1, Self.maximumStack)
            marks.append(UInt32(stack.count))
        case UInt8(ascii: "0"): try popOrUnmark()
        case UInt8(ascii: "1"): stack.removeSubrange(try takeMark()...)
        case UInt8(ascii: "]"): try push(try make(.list, from: stack.count))
        case UInt8(ascii: ")"): try push(try make(.tuple, from: stack.count))
        case UInt8(ascii: "}"): try push(try make(.dictionary, from: stack.count))
        case 0x8f: try push(try make(.set, from: stack.count))
        case UInt8(ascii: "l"): try push(try make(.list, from: try takeMark()))
        case UInt8(ascii: "t"): try push(try make(.tuple, from: try takeMark()))
        case UInt8(ascii: "d"): try pushDictionary()
        case 0x91: try push(try make(.set, from: try takeMark()))
        case 0x85...0x87:
            let start = stack.count - (Int(code) - 0x84)
            guard start >= floor else { throw malformed("the stack is empty") }
            try push(try make(.tuple, from: start))
        case UInt8(ascii: "a"): try append(from: stack.count - 1, to: .list)
        case UInt8(ascii: "e"): try append(from: try takeMark(), to: .list)
        case 0x90: try append(from: try takeMark(), to: .set)
        case UInt8(ascii: "s"): try append(from: stack.count - 2, to: .dictionary)
        case UInt8(ascii: "u"): try append(from: try takeMark(), to: .dictionary)
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

    private mutating func pushDictionary() throws(WeightFileProblem) {
        let start = try takeMark()
        guard (stack.count - start) % 2 == 0 else { throw malformed("a key without a value") }
        try push(try make(.dictionary, from: start))
    }

    /// Moves the stack's values from `start` on into the container below them. Objects keep values
    /// that are set by key and drop others.
    private mutating func append(
        from start: Int, to kind: PickleNodes.Kind
    ) throws(WeightFileProblem) {
        guard start > floor, start <= stack.count,
            let node = stack[start - 1].index(of: .node)
        else { throw malformed("the value on the stack is not a \(kind)") }
        let found = object.nodes.kind(node)
        guard found == kind || found == .object else {
            throw malformed("the value on the stack is not a \(kind)")
        }
        guard kind != .dictionary || (stack.count - start) % 2 == 0 else {
            throw malformed("a key without a value")
        }
        if found != .object || kind == .dictionary {
            object.nodes.append(stack[start...], to: node)
        }
        stack.removeSubrange(start...)
    }

    // MARK: Memo

    /// Storing and recalling memoised values.
    private mutating func readMemo(_ code: UInt8) throws(WeightFileProblem) -> Bool {
        switch code {
        case UInt8(ascii: "q"): memo[Int(try reader.byte())] = try top()
        case UInt8(ascii: "r"): memo[try reader.unsigned32()] = try top()
        case UInt8(ascii: "p"): memo[try memoIndex()] = try top()
        case 0x94: memo[memo.count] = try top()
        case UInt8(ascii: "h"): try recall(Int(try reader.byte()))
        case UInt8(ascii: "j"): try recall(try reader.unsigned32())
        case UInt8(ascii: "g"): try recall(try memoIndex())
        case UInt8(ascii: "2"): try push(try top())  // DUP
        default: return false
        }
        return true
    }

    private mutating func memoIndex() throws(WeightFileProblem) -> Int {
        guard let index = UInt32(try reader.line(limit: 12)) else {
            throw malformed("a memo's place that is not a number")
        }
        return Int(index)
    }

    private mutating func recall(_ index: Int) throws(WeightFileProblem) {
        guard let value = memo[index] else { throw malformed("memo \(index) is empty") }
        try push(value)
    }
}
