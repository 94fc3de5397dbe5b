import Foundation
import Protean
import ProteanCatalogue

/// Runs cases one after the other in this process and tells of each before it begins, so that whoever
/// listens knows which one ended the process.
struct CaseWorker {
    let seed: UInt64
    let layer: LayerEntry?
    let sets: [KernelISA]
    let limits: LayerCaseLimits

    func run(_ numbers: Range<Int>) throws {
        try Memory.setLimit((limits.mebibytes / 2) << 20)
        var runner = LayerCaseRunner(sets: sets)
        for number in numbers {
            say("begin \(number)")
            limits.arm()
            Memory.trim()
            ProcessMeter.resetPeak()
            let before = ProcessMeter.mebibytes("VmRSS")
            var outcome = runner(try LayerCase(seed: seed, number: number, only: layer))
            if let before, let peak = ProcessMeter.mebibytes("VmHWM") {
                outcome.mebibytes = max(0, peak - before)
            }
            limits.check(&outcome)
            let line = try JSONEncoder().encode(outcome)
            say("end " + String(decoding: line, as: UTF8.self))
        }
    }

    private func say(_ line: String) {
        FileHandle.standardOutput.write(Data((line + "\n").utf8))
    }
}

/// What a case may take.
struct LayerCaseLimits {
    let seconds: Double
    let mebibytes: Int

    /// A case that computes on and on, or waits for ever, ends the process by a signal.
    func arm() {
        var timer = itimerval()
        timer.it_value.tv_sec = Int(seconds * 10) + 1
        setitimer(__itimer_which_t(ITIMER_PROF.rawValue), &timer, nil)
        alarm(UInt32(seconds * 100) + 60)
    }

    /// Turns a result that took too much into a finding.
    func check(_ outcome: inout CaseOutcome) {
        guard outcome.result == .ran || outcome.result == .refused else { return }
        if outcome.seconds > seconds {
            outcome.note = "took \(outcome.seconds) s of processor time; \(outcome.note)"
            outcome.result = .failed
        } else if outcome.mebibytes > Double(mebibytes) {
            outcome.note = "took \(outcome.mebibytes) MiB; \(outcome.note)"
            outcome.result = .failed
        }
    }
}
