import Foundation

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
}
