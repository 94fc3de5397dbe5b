/// Options of an architecture, as in a `config.json`: names and JSON values.
public struct ModelConfiguration: Sendable, Equatable {
    /// A JSON value.
    public enum Value: Sendable, Equatable {
        case null
        case bool(Bool)
        case number(Double)
        case string(String)
        case array([Value])
        case object([String: Value])
    }

    /// The options by name.
    public var values: [String: Value]

    /// A configuration; empty by default, which means the architecture's defaults.
    public init(_ values: [String: Value] = [:]) { self.values = values }

    /// The configuration in a JSON object.
    ///
    /// - Parameters:
    ///   - json: UTF-8 text; comments, trailing commas and repeated names throw.
    ///   - source: where the text came from, for error messages.
    /// - Throws: ``ProteanError/weightFile(file:problem:)`` with `source` as the file.
    public init(json: [UInt8], source: String = "configuration") throws(ProteanError) {
        let outcome = json.withUnsafeBytes { bytes in
            Result { () throws(WeightFileProblem) in try JSONParser.parse(bytes) }
        }
        switch outcome {
        case .success(.object(let members)):
            values = [:]
            for member in members { values[member.name] = Value(member.value) }
        case .success:
            throw .weightFile(
                file: source, problem: .malformed(what: "JSON", reason: "not an object"))
        case .failure(let problem):
            throw .weightFile(file: source, problem: problem)
        }
    }

    /// The configuration in a JSON object. Throws as ``init(json:source:)-([UInt8],_)``.
    public init(json: String, source: String = "configuration") throws(ProteanError) {
        try self.init(json: Array(json.utf8), source: source)
    }
}

// Typed access. Each accessor returns nil for a name that is absent or null, and throws an error
// that names the option for a value of another type.
extension ModelConfiguration {
    /// A whole number, or nil when absent.
    ///
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)``.
    public func integer(_ name: String) throws(ProteanError) -> Int? {
        try read(name, "a whole number") { $0.integer }
    }

    /// A whole number, or `fallback` when absent. Throws as ``integer(_:)``.
    public func integer(_ name: String, default fallback: Int) throws(ProteanError) -> Int {
        try integer(name) ?? fallback
    }

    /// A number, or nil when absent. Throws as ``integer(_:)``.
    public func number(_ name: String) throws(ProteanError) -> Double? {
        try read(name, "a number") { $0.number }
    }

    /// A number, or `fallback` when absent. Throws as ``integer(_:)``.
    public func number(_ name: String, default fallback: Double) throws(ProteanError) -> Double {
        try number(name) ?? fallback
    }

    /// A truth value, or nil when absent. Throws as ``integer(_:)``.
    public func bool(_ name: String) throws(ProteanError) -> Bool? {
        try read(name, "true or false") { $0.bool }
    }

    /// A truth value, or `fallback` when absent. Throws as ``integer(_:)``.
    public func bool(_ name: String, default fallback: Bool) throws(ProteanError) -> Bool {
        try bool(name) ?? fallback
    }

    /// A text, or nil when absent. Throws as ``integer(_:)``.
    public func string(_ name: String) throws(ProteanError) -> String? {
        try read(name, "a string") { $0.string }
    }

    /// A text, or `fallback` when absent. Throws as ``integer(_:)``.
    public func string(_ name: String, default fallback: String) throws(ProteanError) -> String {
        try string(name) ?? fallback
    }

    /// A list of whole numbers, or nil when absent. Throws as ``integer(_:)``.
    public func integers(_ name: String) throws(ProteanError) -> [Int]? {
        try read(name, "a list of whole numbers") { $0.list { $0.integer } }
    }

    /// A list of numbers, or nil when absent. Throws as ``integer(_:)``.
    public func numbers(_ name: String) throws(ProteanError) -> [Double]? {
        try read(name, "a list of numbers") { $0.list { $0.number } }
    }

    /// A list of texts, or nil when absent. Throws as ``integer(_:)``.
    public func strings(_ name: String) throws(ProteanError) -> [String]? {
        try read(name, "a list of strings") { $0.list { $0.string } }
    }

    /// An object as a nested configuration, or nil when absent. Throws as ``integer(_:)``.
    public func object(_ name: String) throws(ProteanError) -> ModelConfiguration? {
        try read(name, "an object") {
            guard case .object(let members) = $0 else { return nil }
            return ModelConfiguration(members)
        }
    }

    /// Throws for options that are not in `known`: a misspelt option must not be ignored.
    ///
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)`` for the first unknown
    ///   name in alphabetical order.
    public func requireOnly(known: [String]) throws(ProteanError) {
        guard let unknown = values.keys.filter({ !known.contains($0) }).min() else { return }
        let list = known.isEmpty ? "there are none" : "known: " + known.joined(separator: ", ")
        throw .invalidOption(
            layer: "configuration", option: unknown, expected: "no option of this name; \(list)",
            found: values[unknown]?.description ?? "there")
    }

    private func read<T>(
        _ name: String, _ expected: String, _ convert: (Value) -> T?
    ) throws(ProteanError) -> T? {
        guard let value = values[name], value != .null else { return nil }
        guard let converted = convert(value) else {
            throw .invalidOption(
                layer: "configuration", option: name, expected: expected,
                found: value.description)
        }
        return converted
    }
}

extension ModelConfiguration.Value: CustomStringConvertible {
    /// The value as JSON, with the names of objects in alphabetical order.
    public var description: String {
        switch self {
        case .null: "null"
        case .bool(let value): value ? "true" : "false"
        case .number(let value): integer.map { "\($0)" } ?? "\(value)"
        case .string(let text): JSONValue.quoted(text)
        case .array(let values): "[\(values.map(\.description).joined(separator: ", "))]"
        case .object(let members):
            "{"
                + members.sorted { $0.key < $1.key }
                .map { "\(JSONValue.quoted($0.key)): \($0.value)" }.joined(separator: ", ") + "}"
        }
    }

    init(_ value: JSONValue) {
        switch value {
        case .null: self = .null
        case .bool(let value): self = .bool(value)
        case .integer(let value): self = .number(Double(value))
        case .number(let value): self = .number(value)
        case .string(let text): self = .string(text)
        case .array(let values): self = .array(values.map(Self.init))
        case .object(let members):
            var table: [String: Self] = [:]
            for member in members { table[member.name] = Self(member.value) }
            self = .object(table)
        }
    }

    /// A whole number that a Double represents exactly.
    fileprivate var integer: Int? {
        guard let value = number, abs(value) <= 0x1p53 else { return nil }
        return Int(exactly: value)
    }

    fileprivate var number: Double? {
        if case .number(let value) = self { value } else { nil }
    }

    fileprivate var bool: Bool? {
        if case .bool(let value) = self { value } else { nil }
    }

    fileprivate var string: String? {
        if case .string(let text) = self { text } else { nil }
    }

    fileprivate func list<T>(_ element: (Self) -> T?) -> [T]? {
        guard case .array(let values) = self else { return nil }
        let converted = values.compactMap(element)
        return converted.count == values.count ? converted : nil
    }
}
