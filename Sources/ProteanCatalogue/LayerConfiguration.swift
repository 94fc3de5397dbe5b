import Protean

/// The values of a layer's configuration keys, with defaults filled in. Every accessor throws an
/// error that names the layer and the key for a value of another type.
package struct LayerConfiguration {
    /// The layer's name, for errors.
    let layer: String
    private let keys: [ConfigurationKey]
    private let values: [String: ModelConfiguration.Value]

    /// Reads the JSON text of `--config`; throws for keys that the layer, in the variant that the
    /// text names, does not have, and for missing keys.
    package init(_ entry: LayerEntry, json: String) throws {
        try self.init(entry, given: ModelConfiguration(json: json, source: "--config").values)
    }

    /// As above, from values.
    package init(_ entry: LayerEntry, given: [String: ModelConfiguration.Value]) throws {
        var keys = entry.keys
        if let first = entry.variants.first {
            let names = entry.variants.map(\.name)
            keys.insert(
                .optional("variant", .string(first.name), names.joined(separator: " or ")), at: 0)
            let chosen = given["variant"] ?? .string(first.name)
            guard let variant = entry.variants.first(where: { .string($0.name) == chosen }) else {
                throw ProteanError.invalidOption(
                    layer: entry.name, option: "variant",
                    expected: "one of " + names.map { "\"\($0)\"" }.joined(separator: ", "),
                    found: chosen.description)
            }
            keys += variant.keys
        }
        try self.init(layer: entry.name, keys: keys, given: given)
    }

    private init(
        layer: String, keys: [ConfigurationKey], given: [String: ModelConfiguration.Value]
    ) throws {
        let known = keys.map(\.name)
        if let unknown = given.keys.filter({ !known.contains($0) }).min() {
            let list = known.isEmpty ? "no keys" : "one of " + known.joined(separator: ", ")
            throw ProteanError.invalidOption(
                layer: layer, option: unknown, expected: list, found: "an unknown key")
        }
        var values: [String: ModelConfiguration.Value] = [:]
        for key in keys {
            guard let value = given[key.name] ?? key.fallback else {
                throw ProteanError.invalidOption(
                    layer: layer, option: key.name, expected: "a value: " + key.meaning,
                    found: "missing")
            }
            values[key.name] = value
        }
        self.layer = layer
        self.keys = keys
        self.values = values
    }

    /// Whether the key is `null`, Python's `None`.
    func isNull(_ key: String) -> Bool { value(key) == .null }

    /// A whole number.
    package func int(_ key: String) throws -> Int {
        guard let number = Self.whole(value(key)) else { throw refusal(key, "a whole number") }
        return number
    }

    /// A whole number, nil for `null`.
    func optionalInt(_ key: String) throws -> Int? { isNull(key) ? nil : try int(key) }

    /// A whole number for both axes, or `[height, width]`.
    func pair(_ key: String) throws -> (Int, Int) {
        if let number = Self.whole(value(key)) { return (number, number) }
        guard case .array(let list) = value(key), list.count == 2,
            let height = Self.whole(list[0]), let width = Self.whole(list[1])
        else { throw refusal(key, "a whole number or [height, width]") }
        return (height, width)
    }

    /// As ``pair(_:)``, nil for `null`.
    func optionalPair(_ key: String) throws -> (Int, Int)? { isNull(key) ? nil : try pair(key) }

    /// A whole number or `null` for both axes, or a list of two such.
    func pairOfOptionals(_ key: String) throws -> (Int?, Int?) {
        let list: [ModelConfiguration.Value]
        if case .array(let given) = value(key) {
            list = given
        } else {
            list = [value(key), value(key)]
        }
        guard list.count == 2, list.allSatisfy({ $0 == .null || Self.whole($0) != nil }) else {
            throw refusal(key, "a whole number, null, or a list of two of them")
        }
        return (Self.whole(list[0]), Self.whole(list[1]))
    }

    /// Whole numbers.
    func ints(_ key: String) throws -> [Int] {
        guard case .array(let list) = value(key) else {
            throw refusal(key, "a list of whole numbers")
        }
        let numbers = list.compactMap(Self.whole)
        guard numbers.count == list.count else { throw refusal(key, "a list of whole numbers") }
        return numbers
    }

    /// A list of values of any kind.
    func list(_ key: String) throws -> [ModelConfiguration.Value] {
        guard case .array(let list) = value(key) else { throw refusal(key, "a list") }
        return list
    }

    /// A number.
    func number(_ key: String) throws -> Double {
        guard case .number(let number) = value(key) else { throw refusal(key, "a number") }
        return number
    }

    /// A number, nil for `null`.
    func optionalNumber(_ key: String) throws -> Double? { isNull(key) ? nil : try number(key) }

    /// A truth value.
    func bool(_ key: String) throws -> Bool {
        guard case .bool(let value) = value(key) else { throw refusal(key, "true or false") }
        return value
    }

    /// A text, nil if the value is of another type.
    func text(_ key: String) -> String? {
        if case .string(let text) = value(key) { text } else { nil }
    }

    /// One of the given texts.
    func choice(_ key: String, _ allowed: [String]) throws -> String {
        guard let text = text(key), allowed.contains(text) else {
            throw refusal(key, "one of " + allowed.map { "\"\($0)\"" }.joined(separator: ", "))
        }
        return text
    }

    /// One of the cases of a type with text values.
    func choice<Case: RawRepresentable & CaseIterable>(
        _ key: String, of type: Case.Type
    ) throws -> Case where Case.RawValue == String {
        guard let found = text(key).flatMap(Case.init(rawValue:)) else {
            throw refusal(
                key,
                "one of " + Case.allCases.map { "\"\($0.rawValue)\"" }.joined(separator: ", "))
        }
        return found
    }

    /// Throws for every value but one: for options of the reference that have only one supported
    /// value here.
    func require(_ key: String, _ only: ModelConfiguration.Value) throws {
        guard value(key) == only else { throw refusal(key, "\(only)") }
    }

    /// The same error with the names that the user wrote: a layer's error names `kernelSize`, the
    /// configuration's key is `kernel_size`.
    package func renamed(_ error: ProteanError) -> ProteanError {
        guard case .invalidOption(_, let option, let expected, let found) = error else {
            return error
        }
        guard
            let key = keys.first(where: { $0.isNamed(option) })
                ?? keys.first(where: { $0.aliases.contains(option) })
        else { return error }
        return .invalidOption(layer: layer, option: key.name, expected: expected, found: found)
    }

    /// The error for a value that does not fit.
    func refusal(_ key: String, _ expected: String) -> ProteanError {
        .invalidOption(
            layer: layer, option: key, expected: expected, found: value(key).description)
    }

    /// The value as it was given. Undeclared keys give null; the catalogue's tests build every
    /// layer and so find such keys.
    func value(_ key: String) -> ModelConfiguration.Value { values[key] ?? .null }

    private static func whole(_ value: ModelConfiguration.Value) -> Int? {
        guard case .number(let number) = value, abs(number) <= 0x1p53 else { return nil }
        return Int(exactly: number)
    }
}
