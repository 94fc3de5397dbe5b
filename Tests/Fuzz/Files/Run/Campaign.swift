import Foundation

/// Which cases to run, and how they are made.
struct CampaignPlan: Equatable {
    var seed: UInt64 = 1
    /// What every seventh case does instead of reading; for tests of the harness.
    var fault: DeliberateFault?
    var cases = 0..<0
    var formats = FileFormat.allCases
    var maximumSize = 100_000
    var limits = CaseLimits()
    /// Cases per process.
    var batch = 500

    func makeCase(_ index: Int) -> FileCase {
        FileCase(index: index, seed: seed, formats: formats, maximumSize: maximumSize)
    }

    /// The arguments of `protean-fuzz files` that make these cases again.
    var arguments: [String] {
        var arguments = ["--seed", "\(seed)", "--max-size", "\(maximumSize)"]
        if formats != FileFormat.allCases {
            for format in formats { arguments += ["--format", format.rawValue] }
        }
        if let fault { arguments += ["--fault", fault.rawValue] }
        return arguments
    }
}

/// Runs cases in processes of their own: one that ends early is a result like any other.
struct Campaign {
    let plan: CampaignPlan
    /// The program whose worker runs the cases.
    let program: URL
    /// Called with every result, in order.
    let report: (CaseResult) -> Void

    func run() throws {
        var next = plan.cases.lowerBound
        while next < plan.cases.upperBound {
            let batch = next..<min(next + plan.batch, plan.cases.upperBound)
            next = try run(batch)
        }
    }

    /// Runs cases until one ends the process; gives the first that has not run.
    private func run(_ batch: Range<Int>) throws -> Int {
        var next = batch.lowerBound
        let end = try WorkerProcess.run(
            program,
            arguments: plan.arguments + limitArguments + [
                "--worker", "\(batch.lowerBound):\(batch.upperBound)",
            ]
        ) { result in
            report(result)
            next = result.index + 1
        }
        guard next < batch.upperBound else { return next }
        var result = CaseResult(plan.makeCase(next))
        result.problems = [end]
        report(result)
        return next + 1
    }

    private var limitArguments: [String] {
        [
            "--time-limit", "\(plan.limits.seconds)", "--memory-limit",
            "\(plan.limits.bytes >> 20)",
        ]
    }
}
