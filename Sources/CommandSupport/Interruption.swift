import Foundation
import Protean
import Synchronization

/// What happens when a command is told to end.
enum Interruption {
    /// From now on SIGINT, SIGTERM and SIGHUP remove files that are not finished before they end
    /// the process as they do anyway; those that the parent has switched off stay off.
    ///
    /// To be called before the first other thread exists: the signals are blocked in all of them
    /// and taken by one that waits for nothing else. A handler could not do such work safely.
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
                // The shell goes on below the line of progress.
                if ProgressLine.isOnScreen.load(ordering: .relaxed) { Standard.error("") }
                signal(number, SIG_DFL)
                pthread_sigmask(SIG_UNBLOCK, &signals, nil)
                kill(getpid(), number)
                // The process ends here, before a file could be begun.
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
