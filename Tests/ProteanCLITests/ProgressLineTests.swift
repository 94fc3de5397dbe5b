import Foundation
import Synchronization
import Testing

@testable import CommandSupport

/// The line of progress on a terminal that only notes what it is sent.
@Suite struct ProgressLineTests {
    private final class Screen: Sendable {
        private let texts = Mutex<[String]>([])
        var written: [String] { texts.withLock { $0 } }
        func write(_ text: String) { texts.withLock { $0.append(text) } }
    }

    private let screen = Screen()
    private let start = ContinuousClock.now

    private func line(columns: Int = 80) -> ProgressLine {
        let screen = screen
        return ProgressLine(start: start, columns: { columns }, sink: { screen.write($0) })
    }

    private func after(_ seconds: Double) -> ContinuousClock.Instant {
        start + .seconds(seconds)
    }

    @Test func theFirstSecondIsSilent() {
        let line = line()
        line.show("one", at: after(0))
        line.show("two", at: after(0.99))
        line.clear()
        #expect(screen.written.isEmpty)
        line.show("three", at: after(1))
        #expect(screen.written == ["\r\u{1B}[Kthree, 1 s"])
    }

    @Test func aStepThatStartedEarlyAppears() {
        let line = line()
        line.show("long", at: after(0))
        line.tick(at: after(1))
        line.tick(at: after(2))
        #expect(screen.written == ["\r\u{1B}[Klong, 1 s", "\r\u{1B}[Klong, 2 s"])
    }

    @Test func itIsNotPaintedMoreOftenThanTenTimesASecond() {
        let line = line()
        for step in 0...100 { line.show("\(step)", at: after(1 + Double(step) / 100)) }
        #expect((9...11).contains(screen.written.count))
        // The last text is not lost.
        line.tick(at: after(3))
        #expect(screen.written.last == "\r\u{1B}[K100, 3 s")
    }

    @Test func itGoesAway() {
        var line: ProgressLine? = line()
        line?.show("x", at: after(2))
        line?.clear()
        line?.tick(at: after(3))
        #expect(screen.written == ["\r\u{1B}[Kx, 2 s", "\r\u{1B}[K"])
        line?.show("y", at: after(4))
        line = nil
        #expect(screen.written.suffix(2) == ["\r\u{1B}[Ky, 4 s", "\r\u{1B}[K"])
    }

    @Test func itFitsTheTerminal() {
        let line = line(columns: 10)
        line.show("0123456789abcdef", at: after(1))
        line.show("a\u{1B}[2J", at: after(2))
        #expect(screen.written == ["\r\u{1B}[K012345678", "\r\u{1B}[Ka\\u{1B}[2"])
    }

    @Test func withoutATerminalThereIsNone() throws {
        let result = try protean(
            "bench", "resnet20_cifar", "--repeat", "60", "--warm-up", "1", "--threads", "1")
        #expect(result.status == 0 && result.errors.isEmpty, "\(result.errors)")
    }
}
