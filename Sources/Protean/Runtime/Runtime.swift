import CProteanKernels
import Foundation
import Synchronization

/// Which instruction set kernels use and how many threads a call may take.
///
/// A setting is looked up in this order: the innermost `with(isa:threads:exactness:_:)` around the
/// call, the process setting (``setThreads(_:)``, ``setISA(_:)``, ``setExactness(_:)``), the
/// environment (`PROTEAN_ISA`, `PROTEAN_NUM_THREADS`, `PROTEAN_EXACTNESS`), the machine's default
/// (widest instruction set; physical cores that the process may use). Results do not depend on the
/// number of threads.
public enum Runtime {
    private struct Settings {
        var isa: KernelISA?
        var threads: Int?
        var exactness: Exactness?
        /// Whether no further kernels are started after the task is cancelled.
        var stopsWhenCancelled = false

        func checkCancellation() throws(ProteanError) {
            if stopsWhenCancelled, Task.isCancelled { throw .cancelled }
        }
    }

    @TaskLocal private static var scoped = Settings()
    private static let process = Mutex(Settings())

    private static let environment: Result<Settings, ProteanError> = readEnvironment()
    private static let machineThreads = Int(ptn_physical_cores())
    private static let machineISA = KernelISA.best

    private static func readEnvironment() -> Result<Settings, ProteanError> {
        let variables = ProcessInfo.processInfo.environment
        var settings = Settings()
        do throws(ProteanError) {
            if let name = variables["PROTEAN_ISA"], !name.isEmpty {
                guard let isa = KernelISA(rawValue: name.lowercased()), isa.isSupported else {
                    throw .invalidOption(
                        layer: "environment", option: "PROTEAN_ISA",
                        expected: "one of "
                            + KernelISA.supported.map(\.rawValue).joined(separator: ", "),
                        found: "'\(name)'")
                }
                settings.isa = isa
            }
            if let text = variables["PROTEAN_NUM_THREADS"], !text.isEmpty {
                guard let threads = Int(text), (1...maximumThreads).contains(threads) else {
                    throw .invalidOption(
                        layer: "environment", option: "PROTEAN_NUM_THREADS",
                        expected: "a whole number of 1...\(maximumThreads)", found: "'\(text)'")
                }
                settings.threads = threads
            }
            if let text = variables["PROTEAN_EXACTNESS"], !text.isEmpty {
                guard let exactness = Exactness(rawValue: text) else {
                    throw .invalidOption(
                        layer: "environment", option: "PROTEAN_EXACTNESS",
                        expected: "fast, guarded or direct", found: text)
                }
                settings.exactness = exactness
            }
            // The C library reads this variable itself; it is checked here only to report a bad
            // value.
            if let text = variables["PROTEAN_MEMORY_LIMIT"], !text.isEmpty {
                guard text.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let bytes = Int(text),
                    bytes >= 1
                else {
                    throw .invalidOption(
                        layer: "environment", option: "PROTEAN_MEMORY_LIMIT",
                        expected: "a number of bytes, at least 1", found: text)
                }
            }
            return .success(settings)
        } catch {
            return .failure(error)
        }
    }

    /// The most threads that one call may use.
    public static let maximumThreads = 1024

    private static func checked(threads: Int) throws(ProteanError) -> Int {
        guard (1...maximumThreads).contains(threads) else {
            throw .invalidOption(
                layer: "Runtime", option: "threads", expected: "1...\(maximumThreads)",
                found: "\(threads)")
        }
        return threads
    }

    /// The settings of the scope around the call or of the process.
    private static func settings() -> Settings {
        let inner = scoped, outer = process.withLock { $0 }
        return Settings(
            isa: inner.isa ?? outer.isa, threads: inner.threads ?? outer.threads,
            exactness: inner.exactness ?? outer.exactness,
            stopsWhenCancelled: inner.stopsWhenCancelled)
    }

    /// All settings of a call made here, looked up together.
    struct Resolved: Equatable, Sendable {
        var isa: KernelISA
        var threads: Int
        var exactness: Exactness

        /// The runtime argument of a kernel call.
        var kernelValue: ptn_runtime {
            ptn_runtime(isa: isa.kernelValue, threads: Int32(threads))
        }
    }

    /// All settings of a call made here.
    ///
    /// - Throws: ``ProteanError`` when an environment variable that is needed is not usable, and
    ///   ``ProteanError/cancelled``.
    static func resolved() throws(ProteanError) -> Resolved {
        let set = settings()
        try set.checkCancellation()
        if let isa = set.isa, let threads = set.threads, let exactness = set.exactness {
            return Resolved(isa: isa, threads: threads, exactness: exactness)
        }
        let outside = try environment.get()
        return Resolved(
            isa: set.isa ?? outside.isa ?? machineISA,
            threads: set.threads ?? outside.threads ?? machineThreads,
            exactness: set.exactness ?? outside.exactness ?? .guarded)
    }

    /// Threads that a call made here may use.
    ///
    /// - Throws: ``ProteanError`` when an environment variable is not usable.
    public static func threads() throws(ProteanError) -> Int {
        if let threads = settings().threads { return threads }
        return try environment.get().threads ?? machineThreads
    }

    /// The instruction set that a call made here uses.
    ///
    /// - Throws: ``ProteanError`` when an environment variable is not usable.
    public static func isa() throws(ProteanError) -> KernelISA {
        if let isa = settings().isa { return isa }
        return try environment.get().isa ?? machineISA
    }

    /// Whether convolutions may use algorithms with larger rounding errors: by default only where
    /// the values allow it, ``Exactness/guarded``.
    ///
    /// - Throws: ``ProteanError`` when an environment variable is not usable.
    public static func exactness() throws(ProteanError) -> Exactness {
        if let exactness = settings().exactness { return exactness }
        return try environment.get().exactness ?? .guarded
    }

    /// Sets whether convolutions of this process may use algorithms with larger rounding errors;
    /// nil goes back to the default. `PROTEAN_EXACTNESS` sets it from outside. A layer's own
    /// ``Conv2dAlgorithm`` comes first.
    public static func setExactness(_ exactness: Exactness?) {
        process.withLock { $0.exactness = exactness }
    }

    /// Sets the thread budget of the process; nil goes back to the default.
    ///
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)`` outside
    ///   1...``maximumThreads``.
    public static func setThreads(_ threads: Int?) throws(ProteanError) {
        if let threads { _ = try checked(threads: threads) }
        process.withLock { $0.threads = threads }
    }

    /// Sets the instruction set of the process; nil goes back to the default.
    ///
    /// - Throws: ``ProteanError/unsupportedISA(requested:supported:)``.
    public static func setISA(_ isa: KernelISA?) throws(ProteanError) {
        _ = try isa?.checked()
        process.withLock { $0.isa = isa }
    }

    /// Runs `body` with other settings, for this task and the tasks it starts; nil leaves a setting
    /// as it is.
    ///
    /// A closure that throws must be written `{ () throws(ProteanError) in … }` to keep the error's
    /// type.
    /// - Throws: ``ProteanError`` when a setting is not possible here, and what `body` throws.
    public static func with<R>(
        isa: KernelISA? = nil, threads: Int? = nil, exactness: Exactness? = nil,
        _ body: () throws(ProteanError) -> R
    ) throws(ProteanError) -> R {
        try $scoped.withValue(try merged(isa, threads, exactness)) {
            Result { () throws(ProteanError) in try body() }
        }.get()
    }

    /// `with(isa:threads:exactness:_:)` for a body that throws other errors.
    @_disfavoredOverload
    public static func with<R>(
        isa: KernelISA? = nil, threads: Int? = nil, exactness: Exactness? = nil,
        _ body: () throws -> R
    ) throws -> R {
        try $scoped.withValue(merged(isa, threads, exactness), operation: body)
    }

    /// The asynchronous form of `with(isa:threads:exactness:_:)`.
    public static func with<R: Sendable>(
        isolation: isolated (any Actor)? = #isolation,
        isa: KernelISA? = nil, threads: Int? = nil, exactness: Exactness? = nil,
        _ body: () async throws(ProteanError) -> R
    ) async throws(ProteanError) -> R {
        let settings = try merged(isa, threads, exactness)
        let outcome: Result<R, ProteanError> = await $scoped.withValue(settings) {
            do throws(ProteanError) {
                return .success(try await body())
            } catch {
                return .failure(error)
            }
        }
        return try outcome.get()
    }

    /// The asynchronous form of `with(isa:threads:exactness:_:)` for a body that throws other errors.
    @_disfavoredOverload
    public static func with<R: Sendable>(
        isolation: isolated (any Actor)? = #isolation,
        isa: KernelISA? = nil, threads: Int? = nil, exactness: Exactness? = nil,
        _ body: () async throws -> R
    ) async throws -> R {
        try await $scoped.withValue(merged(isa, threads, exactness), operation: body)
    }

    /// The scope of ``stoppingWhenCancelled(_:)``.
    static func checkingCancellation<R>(_ body: () throws -> R) rethrows -> R {
        var settings = scoped
        settings.stopsWhenCancelled = true
        return try $scoped.withValue(settings, operation: body)
    }

    private static func merged(
        _ isa: KernelISA?, _ threads: Int?, _ exactness: Exactness?
    ) throws(ProteanError) -> Settings {
        var settings = scoped
        if let isa { settings.isa = try isa.checked() }
        if let threads { settings.threads = try checked(threads: threads) }
        if let exactness { settings.exactness = exactness }
        return settings
    }

    /// The runtime argument of a kernel call.
    package static func current() throws(ProteanError) -> ptn_runtime {
        let set = settings()
        try set.checkCancellation()
        if let isa = set.isa, let threads = set.threads {
            return ptn_runtime(isa: isa.kernelValue, threads: Int32(threads))
        }
        return try resolved().kernelValue
    }
}

extension ptn_status {
    /// Turns a kernel's status into an error. `bytes` is the memory that the call needed, for the
    /// message.
    package func check(
        _ layer: String, bytes: @autoclosure () -> Int = 0
    ) throws(ProteanError) {
        switch self {
        case PTN_OK: return
        case PTN_SIZE_OVERFLOW: throw .sizeOverflow(layer: layer, what: "a buffer")
        case PTN_OUT_OF_MEMORY: throw .outOfMemory(layer: layer, bytes: bytes())
        case PTN_UNSUPPORTED_ISA:
            throw .unsupportedISA(
                requested: "forced", supported: KernelISA.supported.map(\.rawValue))
        default: throw .kernel(layer: layer, reason: String(cString: ptn_status_description(self)))
        }
    }
}
