import Protean

/// One configuration key of a layer, under the reference constructor's argument name.
package struct ConfigurationKey: Sendable {
    package let name: String
    /// The value when the key is absent; nil for a key that must be given.
    package let fallback: ModelConfiguration.Value?
    /// Its meaning, for the help text.
    package let meaning: String
    /// The option's names in the Swift type, if they are not the key in camel case: errors about
    /// `inputChannels` are reported for `in_channels`.
    package let aliases: [String]

    /// A key that must be given.
    static func required(
        _ name: String, _ meaning: String, aliases: String...
    ) -> ConfigurationKey {
        ConfigurationKey(name: name, fallback: nil, meaning: meaning, aliases: aliases)
    }

    /// A key with the reference's default; `.null` stands for Python's `None`.
    static func optional(
        _ name: String, _ fallback: ModelConfiguration.Value, _ meaning: String,
        aliases: String...
    ) -> ConfigurationKey {
        ConfigurationKey(name: name, fallback: fallback, meaning: meaning, aliases: aliases)
    }

    /// Whether the Swift type's `option` is set by this key under the same name, written in snake
    /// case.
    func isNamed(_ option: String) -> Bool { name == option || name == Self.snakeCase(option) }

    private static func snakeCase(_ name: String) -> String {
        name.map { $0.isUppercase ? "_" + $0.lowercased() : String($0) }.joined()
    }
}
