import Foundation
import Protean
import Synchronization

/// Handling of signals that end a command.
enum Interruption {
    /// From now on SIGINT, SIGTERM and SIGHUP remove unfinished files before they end the process
    /// as usual; signals that the parent ignores stay ignored.
    ///
    /// Must be called before other threads exist: the signals are blocked in all threads and
    /// received by a dedicated one, because a signal handler could not do this work safely.
    static func removesUnfinishedFiles() {
        var signals = sigset_t()
        sigemptyset(&signals)
        for number in [SIGINT, SIGTERM, SIGHUP] where !isIgnored(number) {
            sigaddset(&signals, number)
        }
        pthread_sigmask(SIG_BLOCK, &signals, nil)
        let waited = signals
        Thread.detachNewThread {
            var signals = waited
            var number: Int32 = 0
            while sigwait(&signals, &number) != 0 {}
            OutputFile.removingTemporaries {
                // The shell's prompt then appears below the progress line.
                if ProgressLine.isOnScreen.load(ordering: .relaxed) { Standard.error("") }
                signal(number, SIG_DFL)
                pthread_sigmask(SIG_UNBLOCK, &signals, nil)
                kill(getpid(), number)
                // Ends the process before another file could be created.
                while true { pause() }
            }
        }
    }

    private static func isIgnored(_ number: Int32) -> Bool {
        // `signal` can be read only by setting it; SIG_IGN is 1 on all supported systems.
        let old = signal(number, SIG_DFL)
        let isIgnored = unsafeBitCast(old, to: Int.self) == 1
        if isIgnored { signal(number, SIG_IGN) }
        return isIgnored
    }
}
