/// What was found for the input shapes, settings and parameters seen last: four entries, for inputs
/// that switch between shapes.
final class InputShapeCache<Value: Sendable>: Sendable {
    private struct Key: Equatable, Sendable {
        var input: [Int]
        var settings: Runtime.Resolved
        var version: Int
    }
    private let cache = Derived<Key, Value>(capacity: 4)

    /// The value for inputs of shape `input`, made by `make` when it is not kept.
    func value(
        for input: [Int], settings: Runtime.Resolved, version: Int,
        make: () throws(ProteanError) -> Value
    ) throws(ProteanError) -> Value {
        try cache.value(
            for: Key(input: input, settings: settings, version: version), make: make)
    }
}
