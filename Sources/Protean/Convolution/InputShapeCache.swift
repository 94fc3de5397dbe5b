/// A cache of values for the most recent input shapes, settings and parameters: four entries, for
/// inputs that alternate between shapes.
final class InputShapeCache<Value: Sendable>: Sendable {
    private struct Key: Equatable, Sendable {
        var input: [Int]
        var settings: Runtime.Resolved
        var version: Int
    }
    private let cache = Derived<Key, Value>(capacity: 4)

    /// The value for inputs of shape `input`, made by `make` if it is not cached.
    func value(
        for input: [Int], settings: Runtime.Resolved, version: Int,
        make: () throws(ProteanError) -> Value
    ) throws(ProteanError) -> Value {
        try cache.value(
            for: Key(input: input, settings: settings, version: version), make: make)
    }
}
