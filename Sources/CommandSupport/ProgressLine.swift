import Foundation
import Protean
import Synchronization

/// The current step of a command on one line of a terminal, for work that takes more than a second.
///
/// The line is on standard error. If that is not a terminal, nothing is shown. It disappears with
/// ``clear()`` or its owner.
package final class ProgressLine: Sendable {
    private struct State {
        var text: String?
        var painted: ContinuousClock.Instant?
    }

    private let state = Mutex(State())
    private let start: ContinuousClock.Instant
    private let columns: @Sendable () -> Int
    private let sink: (@Sendable (String) -> Void)?
    private let ticks: Mutex<Task<Void, Never>?> = .init(nil)

    /// Whether the terminal's last line is a progress line now.
    static let isOnScreen = Atomic(false)
    private static let erasure = "\r\u{1B}[K"

    /// Work that takes less is not shown.
    package static let delay = Duration.seconds(1)
    /// The line is not updated more often, so that measurements are not disturbed.
    package static let interval = Duration.milliseconds(100)

    /// A line on standard error, if that is a terminal that can erase a line.
    package convenience init() {
        let isTerminal =
            isatty(STDERR_FILENO) == 1 && ProcessInfo.processInfo.environment["TERM"] != "dumb"
        let sink: @Sendable (String) -> Void = { text in
            ProgressLine.isOnScreen.store(text != ProgressLine.erasure, ordering: .relaxed)
            _ = RawOutput.write(text, to: STDERR_FILENO)
        }
        self.init(
            start: ContinuousClock.now, columns: { ProgressLine.terminalColumns() },
            sink: isTerminal ? sink : nil)
        guard isTerminal else { return }
        let task = Task.detached { [weak self] in
            while !Task.isCancelled {
                try? await Task.sleep(for: .seconds(1))
                self?.tick(at: ContinuousClock.now)
            }
        }
        ticks.withLock { $0 = task }
    }

    /// A line on `sink`, nil for none, whose second began at `start`.
    init(
        start: ContinuousClock.Instant, columns: @escaping @Sendable () -> Int,
        sink: (@Sendable (String) -> Void)?
    ) {
        self.start = start
        self.columns = columns
        self.sink = sink
    }

    /// Shows `text` in place of the line before.
    package func show(_ text: @autoclosure () -> String) {
        guard sink != nil else { return }
        show(text(), at: ContinuousClock.now)
    }

    func show(_ text: String, at now: ContinuousClock.Instant) {
        state.withLock { state in
            state.text = text
            if let painted = state.painted, now - painted < Self.interval { return }
            paint(&state, now)
        }
    }

    /// Updates the seconds.
    func tick(at now: ContinuousClock.Instant) { state.withLock { paint(&$0, now) } }

    /// Removes the line until the next ``show(_:)``.
    package func clear() {
        state.withLock { state in
            state.text = nil
            guard state.painted != nil else { return }
            state.painted = nil
            sink?(Self.erasure)
        }
    }

    private func paint(_ state: inout State, _ now: ContinuousClock.Instant) {
        guard let sink, let text = state.text, now - start >= Self.delay else { return }
        state.painted = now
        let seconds = Int((now - start) / .seconds(1))
        // A line that wraps could not be erased.
        let line = "\(text.escaped), \(seconds) s".prefix(max(1, columns() - 1))
        sink("\(Self.erasure)\(line)")
    }

    private static func terminalColumns() -> Int {
        var size = winsize()
        let known = ioctl(STDERR_FILENO, UInt(TIOCGWINSZ), &size) == 0 && size.ws_col > 0
        return known ? Int(size.ws_col) : 80
    }

    deinit {
        ticks.withLock { $0?.cancel() }
        clear()
    }
}
