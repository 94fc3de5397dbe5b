import Synchronization
import Testing

@testable import Protean

/// Work that ends when its task is cancelled.
@Suite struct CancellationTests {
    /// Counts its calls, and cancels the task that makes the call of a given number.
    private final class Counter: Layer {
        private let made = Atomic<Int>(0)
        private let last: Int

        init(cancelsAt last: Int = .max) { self.last = last }

        var calls: Int { made.load(ordering: .relaxed) }

        func callAsFunction(_ x: Tensor) throws(ProteanError) -> Tensor {
            let number = made.add(1, ordering: .relaxed).newValue
            if number == last { withUnsafeCurrentTask { $0?.cancel() } }
            return x
        }
    }

    /// What a progress closure was told.
    private final class Told: Sendable {
        private let numbers = Mutex<[Int]>([])
        var all: [Int] { numbers.withLock { $0 } }
        func add(_ number: Int) { numbers.withLock { $0.append(number) } }
    }

    private static func input() throws -> Tensor {
        try Tensor([-1, 2, -3, 4], shape: [1, 2, 2, 1])
    }

    @Test func aModelStopsBetweenKernels() async throws {
        let before = Counter(cancelsAt: 1), after = Counter()
        let model = try Sequential([before, ReLU(), after])
        let x = try Self.input()
        await #expect(throws: CancellationError.self) {
            try await Task { try await model.output(for: x) }.value
        }
        #expect(before.calls == 1 && after.calls == 0)
    }

    @Test func itStopsBetweenInputs() async throws {
        // Nothing but the counter: no kernel looks.
        let counter = Counter(cancelsAt: 3)
        let x = try Self.input()
        let told = Told()
        await #expect(throws: CancellationError.self) {
            try await Task {
                try await counter.outputs(for: Array(repeating: x, count: 100)) { done in
                    told.add(done)
                }
            }.value
        }
        #expect(counter.calls == 3)
        #expect(told.all == [1, 2, 3])
    }

    @Test func withoutACancellationNothingChanges() async throws {
        let x = try Self.input()
        let results = try await ReLU().outputs(for: [x, x])
        #expect(results.map(\.elements) == [[0, 2, 0, 4], [0, 2, 0, 4]])
        #expect(try await ReLU().output(for: x).elements == [0, 2, 0, 4])
        #expect(try await ReLU().outputs(for: []).isEmpty)
    }

    @Test func otherErrorsComeThrough() async throws {
        let x = try Self.input()
        let conv = try Conv2d(inputChannels: 3, outputChannels: 1, kernelSize: 1)
        await #expect(throws: ProteanError.self) { try await conv.output(for: x) }
        #expect(throws: ProteanError.noValues(layer: "x")) {
            try Runtime.stoppingWhenCancelled { throw ProteanError.noValues(layer: "x") }
        }
    }

    @Test func aPlainCallRunsToItsEnd() async throws {
        let before = Counter(cancelsAt: 1), after = Counter()
        let model = try Sequential([before, ReLU(), after])
        let x = try Self.input()
        _ = try await Task { try model(x) }.value
        #expect(after.calls == 1)
    }

    @Test func settingsInsideKeepTheScope() async throws {
        let x = try Self.input()
        let counter = Counter(cancelsAt: 1)
        let model = try Sequential([counter, ReLU()])
        await #expect(throws: CancellationError.self) {
            try await Task {
                try Runtime.stoppingWhenCancelled {
                    try Runtime.with(threads: 1) { try model(x) }
                }
            }.value
        }
        await #expect(throws: CancellationError.self) {
            try await Task {
                withUnsafeCurrentTask { $0?.cancel() }
                return try await model.output(for: x)
            }.value
        }
        #expect(counter.calls == 1)
    }
}
