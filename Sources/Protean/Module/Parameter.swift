import Synchronization

/// A named tensor of a module: a weight, a bias or a stored statistic.
///
/// The shape and its axis order are PyTorch's (`[out, in / groups, height, width]` for a
/// convolution), fixed when the module is built. Values may be replaced at any time and from any
/// task; values that layers derive from them (packed weights) are then recomputed automatically.
public final class Parameter: Sendable {
    /// The declared shape.
    public let shape: [Int]

    /// Whether the value is a stored statistic or constant (a buffer in PyTorch) that training does
    /// not adjust: it is loaded and saved like a parameter, but counted separately.
    public let isBuffer: Bool

    /// A value, and how its elements are made if it has not been read yet.
    private struct State: Sendable {
        var value: Tensor
        var fill: (@Sendable (UnsafeMutableBufferPointer<Float>) -> Void)?
    }

    private let state: Mutex<State>
    private let replacements = Atomic(0)

    /// A parameter with an initial value, whose shape becomes the declared one.
    public init(_ value: Tensor) {
        shape = value.shape
        count = value.count
        isBuffer = false
        state = Mutex(State(value: value))
    }

    /// A buffer, such as a running mean, with an initial value.
    public init(buffer value: Tensor) {
        shape = value.shape
        count = value.count
        isBuffer = true
        state = Mutex(State(value: value))
    }

    /// A parameter whose initial value is made when it is first read.
    ///
    /// Until then its memory is reserved but not touched: a model that is loaded from a file, or
    /// whose weights turn out not to fit, computes no unused values.
    init(
        shape: [Int], isBuffer: Bool = false, layer: String,
        fill: @escaping @Sendable (UnsafeMutableBufferPointer<Float>) -> Void
    ) throws(ProteanError) {
        let value = try Tensor(uninitialized: shape, for: layer)
        self.shape = shape
        self.isBuffer = isBuffer
        count = value.count
        state = Mutex(State(value: value, fill: fill))
    }

    /// The present value.
    public var value: Tensor {
        state.withLock { state in
            if let fill = state.fill, let storage = state.value.storage {
                fill(UnsafeMutableBufferPointer(start: storage.base, count: storage.count))
                state.fill = nil
            }
            return state.value
        }
    }

    /// Whether the value's elements exist; false before an initial value is read.
    var isMade: Bool { state.withLock { $0.fill == nil } }

    /// Number of replacements: data derived at another version is stale. Read it before ``value``,
    /// since it grows after the value has changed. See ``Derived``.
    public var version: Int { replacements.load(ordering: .acquiring) }

    /// Number of elements.
    public let count: Int

    /// Replaces the value.
    ///
    /// - Throws: ``ProteanError/shapeMismatch(layer:tensor:expected:found:)`` when the shape is not
    ///   the declared one.
    public func set(_ newValue: Tensor) throws(ProteanError) {
        guard newValue.shape == shape else {
            throw .shapeMismatch(
                layer: "Parameter", tensor: "value", expected: "\(shape)", found: newValue.shape)
        }
        guard !newValue.isShapeOnly else { throw .noValues(layer: "Parameter") }
        state.withLock { $0 = State(value: newValue) }
        replacements.add(1, ordering: .releasing)
    }
}

/// A parameter under its name in the reference's state_dict.
public struct NamedParameter: Sendable {
    /// The last part of the path, such as `weight`.
    public let name: String
    /// The parameter.
    public let parameter: Parameter

    /// Names a parameter.
    public init(_ name: String, _ parameter: Parameter) {
        self.name = name
        self.parameter = parameter
    }
}

/// A value derived from parameters, made on first use and remade when one of them changes.
///
/// ```swift
/// private let doubled = Derived<Int, Tensor>()
/// …
/// let value = try doubled.value(for: weight.version) { () throws(ProteanError) in
///     try Operations.add(weight.value, weight.value)
/// }
/// ```
/// With several parameters the sum of their versions is a key: each only grows. Thread-safe. Two
/// tasks that need it at the same time may both make it; one result is kept.
public final class Derived<Key: Equatable & Sendable, Value: Sendable>: Sendable {
    private let entries = Mutex<[(key: Key, value: Value)]>([])
    private let capacity: Int

    /// Keeps the `capacity` most recently made values, at least one.
    public init(capacity: Int = 1) { self.capacity = max(1, capacity) }

    /// The value for `key`, made by `make` when it is not kept.
    ///
    /// - Throws: what `make` throws; nothing is kept then.
    public func value(
        for key: Key, make: () throws(ProteanError) -> Value
    ) throws(ProteanError) -> Value {
        if let hit = entries.withLock({ $0.first { $0.key == key }?.value }) { return hit }
        let made = try make()
        entries.withLock {
            if $0.count >= capacity { $0.removeFirst($0.count - capacity + 1) }
            $0.append((key, made))
        }
        return made
    }
}
