import Foundation
import Testing

@testable import protean_fuzz

/// The harness notices what it is there to notice.
@Suite struct DetectionTests {
    private static let file = FileCase(format: .png, bytes: [1, 2, 3])

    private func result(
        limits: CaseLimits = CaseLimits(seconds: 30), _ target: @escaping () -> FuzzOutcome
    ) throws -> CaseResult {
        let folder = try FuzzFolder()
        defer { folder.remove() }
        var runner = CaseRunner(limits: limits, folder: folder)
        runner.target = { _, _, _ in target() }
        return runner.run(Self.file)
    }

    @Test func aCaseWithinItsLimitsIsNoFinding() throws {
        let result = try result { FuzzOutcome(isRead: true) }
        #expect(result.problems == [])
        #expect(result.isRead)
    }

    @Test func muchTimeIsFound() throws {
        let limits = CaseLimits(seconds: 0.02)
        let result = try result(limits: limits) {
            let start = CaseMeter.cpuTime()
            while CaseMeter.cpuTime() - start < 0.03 {}
            return FuzzOutcome(isRead: false, message: "no")
        }
        #expect(result.problems.contains { $0.contains("CPU time") })
    }

    @Test(.enabled(if: ResidentMemory.peak != nil, "resident memory cannot be read here"))
    func muchMemoryIsFound() throws {
        let result = try result {
            DeliberateFault.allocate.strike()
            return FuzzOutcome(isRead: false, message: "no")
        }
        #expect(result.problems.contains { $0.contains("MiB of memory") })
        #expect(try #require(result.bytes) > 90 << 20)
    }

    /// Messages are checked for every format; here through a file that is a configuration.
    @Test func messagesThatSteerTerminalsAreFound() {
        var outcome = FuzzOutcome(isRead: false, message: "bad \u{1b}[2J")
        FuzzTarget.checkMessage(&outcome, size: 10)
        #expect(outcome.problems == ["the message holds control characters"])
        outcome = FuzzOutcome(isRead: false, message: String(repeating: "x", count: 5000))
        FuzzTarget.checkMessage(&outcome, size: 10)
        #expect(outcome.problems == ["the message has 5000 bytes"])
    }

    /// Cases after one that ended its process are run all the same, and it is named.
    @Test(arguments: [DeliberateFault.trap, .allocate, .refuse, .spin])
    func faultsOfAWorkerAreReported(fault: DeliberateFault) throws {
        var plan = CampaignPlan(seed: 9, fault: fault, cases: 0..<14, formats: [.json, .png])
        plan.limits.seconds = fault == .spin ? 0.1 : 30
        plan.maximumSize = 4000
        var results: [CaseResult] = []
        let campaign = Campaign(plan: plan, program: try program()) { results.append($0) }
        try campaign.run()
        #expect(results.map(\.index) == Array(plan.cases))
        let expected = plan.cases.filter {
            let made = plan.makeCase($0)
            let isStruck = fault != .refuse && DeliberateFault.strikes(made.bytes)
            return isStruck || made.expectation != nil
        }
        #expect(!expected.isEmpty)
        let struck = plan.cases.filter { DeliberateFault.strikes(plan.makeCase($0).bytes) }
        #expect(!struck.isEmpty)
        let word = [
            .trap: "signal \(SIGABRT)", .spin: "ten times the CPU time", .allocate: "MiB of memory",
        ][fault]
        for result in results {
            #expect(result.problems.isEmpty != expected.contains(result.index))
            guard let word, struck.contains(result.index) else { continue }
            #expect(
                result.problems.contains { $0.contains(word) }
                    || (fault == .allocate && ResidentMemory.peak == nil))
        }
    }

    /// The built `protean-fuzz`, which lies beside the test bundle.
    private func program() throws -> URL {
        var starts = Bundle.allBundles.map(\.bundleURL)
        starts += CommandLine.arguments.map { URL(filePath: $0) }
        for start in starts {
            var folder = start.deletingLastPathComponent()
            for _ in 0..<4 {
                let candidate = folder.appending(path: "protean-fuzz")
                var isFolder: ObjCBool = false
                if FileManager.default.fileExists(atPath: candidate.path, isDirectory: &isFolder),
                    !isFolder.boolValue
                {
                    return candidate
                }
                folder.deleteLastPathComponent()
            }
        }
        throw CocoaError(.fileNoSuchFile)
    }
}
