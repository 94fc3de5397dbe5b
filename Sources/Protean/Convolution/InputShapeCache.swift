/// A cache of values for the most recent sizes of images, settings and parameters: four entries, for
/// inputs that alternate between sizes.
///
/// The batch is not part of the key: nothing that is worth keeping depends on it, and a batch that
/// shrinks as its rows leave a network must find what the full batch left. A caller sets the batch in
/// the value that it gets.
final class InputShapeCache<Value: Sendable>: Sendable {
    private struct Key: Equatable, Sendable {
        var height, width, channels: Int
        var settings: Runtime.Resolved
        var version: Int
    }
    private let cache = Derived<Key, Value>(capacity: 4)

    /// The value for inputs of shape `[batch, height, width, channels]`, made by `make`, which throws
    /// for other ranks, if it is not cached.
    func value(
        for input: [Int], settings: Runtime.Resolved, version: Int,
        make: () throws(ProteanError) -> Value
    ) throws(ProteanError) -> Value {
        guard input.count == 4 else { return try make() }
        let key = Key(
            height: input[1], width: input[2], channels: input[3], settings: settings,
            version: version)
        return try cache.value(for: key, make: make)
    }
}
