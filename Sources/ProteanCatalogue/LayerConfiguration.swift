import Protean

/// One configuration key of a layer, under the reference constructor's argument name.
package struct ConfigurationKey: Sendable {
    package let name: String
    /// The value when the key is absent; nil for a key that must be given.
    package let fallback: ModelConfiguration.Value?
    /// What it means, for the help text.
    package let meaning: String

    /// A key that must be given.
    static func required(_ name: String, _ meaning: String) -> ConfigurationKey {
        ConfigurationKey(name: name, fallback: nil, meaning: meaning)
    }

    /// A key with the reference's default; `.null` stands for Python's `None`.
    static func optional(
        _ name: String, _ fallback: ModelConfiguration.Value, _ meaning: String
    ) -> ConfigurationKey {
        ConfigurationKey(name: name, fallback: fallback, meaning: meaning)
    }
}

/// The values of a layer's configuration keys, with defaults filled in. Every accessor refuses a
/// value of another kind and names the layer and the key.
package struct LayerConfiguration {
    private let layer: String
    private let values: [String: ModelConfiguration.Value]

    /// Reads the JSON text of `--config`; refuses keys that the layer, in the variant that the text
    /// asks for, does not have, and missing ones.
    package init(_ adapter: LayerAdapter, json: String) throws {
        try self.init(adapter, given: ModelConfiguration(json: json, source: "--config").values)
    }

    /// As above, from values.
    package init(_ adapter: LayerAdapter, given: [String: ModelConfiguration.Value]) throws {
        var keys = adapter.keys
        if let first = adapter.variants.first {
            let names = adapter.variants.map(\.name)
            keys.insert(
                .optional("variant", .string(first.name), names.joined(separator: " or ")), at: 0)
            let chosen = given["variant"] ?? .string(first.name)
            guard let variant = adapter.variants.first(where: { .string($0.name) == chosen }) else {
                throw ProteanError.invalidOption(
                    layer: adapter.name, option: "variant",
                    expected: "one of " + names.map { "\"\($0)\"" }.joined(separator: ", "),
                    found: chosen.description)
            }
            keys += variant.keys
        }
        try self.init(layer: adapter.name, keys: keys, given: given)
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

    /// A text, nil when the value is of another kind.
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

    /// Refuses every value but one: for options of the reference that make no difference here.
    func require(_ key: String, _ only: ModelConfiguration.Value) throws {
        guard value(key) == only else { throw refusal(key, "\(only)") }
    }

    /// The same error with the layer's and the key's name as users wrote them: layers speak of
    /// `kernelSize`, configurations of `kernel_size`.
    package func renamed(_ error: ProteanError) -> ProteanError {
        guard case .invalidOption(_, let option, let expected, let found) = error else {
            return error
        }
        let candidates = [option, Self.snakeCase(option)] + (Self.otherNames[option] ?? [])
        guard let key = candidates.first(where: { values[$0] != nil }) else { return error }
        return .invalidOption(layer: layer, option: key, expected: expected, found: found)
    }

    /// References' names for options that are not merely spelt differently.
    private static let otherNames: [String: [String]] = [
        "inputChannels": [
            "in_channels", "input_channels", "channels", "in_chs", "inp", "channel", "in_planes",
            "inplanes",
        ],
        "outputChannels": ["out_channels", "oup", "out_planes", "num_output", "filters"],
        "inputFeatures": ["in_features"],
        "outputFeatures": ["out_features"],
        "channels": [
            "num_features", "input_channels", "in_chs", "inp", "channel", "in_planes",
            "in_channels", "planes",
        ],
        "scope": ["weight_shape"],
        "epsilon": ["eps", "delta_threshold"],
        "blockSize": ["bsize"],
        "window": ["pool_size"],
        "experts": ["num_experts"],
        "offsetGroups": ["deform_groups"],
        "groups": ["group"],
        "padding": ["pad"],
        "positionGroups": ["position_group"],
        "stride": ["strides"],
        "map": ["size"],
        "classes": ["num_classes"],
        "hiddenChannels": ["fc_dim"],
        "hiddenLayers": ["num_fc"],
        "layers": ["n_layers"],
        "steps": ["subdivision_steps"],
        "points": ["subdivision_num_points"],
    ]

    private static func snakeCase(_ name: String) -> String {
        name.map { $0.isUppercase ? "_" + $0.lowercased() : String($0) }.joined()
    }

    /// The error for a value that does not fit.
    func refusal(_ key: String, _ expected: String) -> ProteanError {
        .invalidOption(
            layer: layer, option: key, expected: expected, found: value(key).description)
    }

    /// Undeclared keys read as null; the catalogue's tests build every layer, which finds them.
    private func value(_ key: String) -> ModelConfiguration.Value { values[key] ?? .null }

    private static func whole(_ value: ModelConfiguration.Value) -> Int? {
        guard case .number(let number) = value, abs(number) <= 0x1p53 else { return nil }
        return Int(exactly: number)
    }
}
