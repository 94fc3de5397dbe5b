import Foundation

/// Runs cases in this process, one after another.
struct CaseRunner {
    let limits: CaseLimits
    let folder: FuzzFolder

    /// What reads a file; another for tests of the harness itself.
    var target: (FileFormat, [UInt8], FuzzFolder) -> FuzzOutcome = {
        FuzzTarget.run($0, $1, in: $2)
    }

    /// Reads one file and compares what it took and found with what is allowed and expected.
    func run(_ file: FileCase) -> CaseResult {
        var (outcome, meter) = measured(file)
        // A machine that was busy elsewhere is no fault of the reader.
        for _ in 0..<2 where !limits.problems(meter).isEmpty {
            let (again, second) = measured(file)
            if limits.problems(second).count < limits.problems(meter).count {
                (outcome, meter) = (again, second)
            }
        }
        var result = CaseResult(file)
        result.isRead = outcome.isRead
        result.seconds = meter.seconds
        result.bytes = meter.bytes
        result.problems = outcome.problems + limits.problems(meter)
        result.message = String(decoding: outcome.message.utf8.prefix(300), as: UTF8.self)
        if let expectation = file.expectation, outcome.found != expectation {
            result.problems.append(
                outcome.isRead
                    ? "expected \(expectation), found \(outcome.found.map { "\($0)" } ?? "nothing")"
                    : "a valid file was refused: \(result.message)")
        }
        return result
    }

    private func measured(_ file: FileCase) -> (FuzzOutcome, CaseMeter) {
        Watchdog.start(seconds: max(1, 10 * limits.seconds))
        defer { Watchdog.stop() }
        return CaseMeter.measure { target(file.format, file.bytes, folder) }
    }

    /// Reads a small file of every format, so that what is set up once is not put down to a case.
    func warmUp() {
        var random = FuzzRandom(seed: 0, index: 0)
        for format in FileFormat.allCases where format != .node {
            for _ in 0..<8 { _ = target(format, format.generator.valid(&random).bytes, folder) }
        }
    }
}

/// Ends the process by a signal when a case runs or sleeps for too long.
enum Watchdog {
    /// Seconds that a case may take by the clock: only a case that waits for ever takes that long.
    static let patience: UInt32 = 120

    static func start(seconds: Double) {
        set(seconds)
        alarm(patience)
    }

    static func stop() {
        set(0)
        alarm(0)
    }

    private static func set(_ seconds: Double) {
        var timer = itimerval()
        timer.it_value.tv_sec = Int(seconds)
        #if os(Linux)
            setitimer(Int32(bitPattern: ITIMER_PROF.rawValue), &timer, nil)
        #else
            setitimer(ITIMER_PROF, &timer, nil)
        #endif
    }
}
