import ArgumentParser
import Foundation
import Protean

/// `protean-fuzz files`: generated files against limits of time and memory.
struct FilesCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "files",
        abstract: "Read generated weight files, configurations and images.",
        discussion: """
            Every case is made from the seed and its number, read in a process of its own kind, and \
            measured. Exit status 1 when a case takes more than the limits allow, ends the process, \
            breaks a promise of the readers, or is valid and refused.

            Examples:
              protean-fuzz files --cases 100000
              protean-fuzz files --format png --cases 5000 --seed 7
              protean-fuzz files --only 4711 --write /tmp/cases
              protean-fuzz files --file suspect.pth --format pytorch
            """)

    @Option(help: "How many cases to run.")
    var cases = 5000

    @Option(help: "What all cases are made from.")
    var seed: UInt64 = 1

    @Option(help: "Only this format; may be given several times.")
    var format: [FileFormat] = []

    @Option(help: "The largest file, in bytes.")
    var maxSize = 100_000

    @Option(help: "CPU time that a case may take, in seconds.")
    var timeLimit = 0.5

    @Option(help: "Memory that a case may take, in MiB above the program's own.")
    var memoryLimit = 64

    @Option(help: "Only the case with this number.")
    var only: Int?

    @Option(help: "A folder for the files of cases that fail, or of --only.")
    var write: String?

    @Option(help: "A file to read instead of generated ones.")
    var file: String?

    @Flag(help: "Print JSON.")
    var json = false

    @Option(help: .hidden)
    var worker: String?

    /// A fault in every seventh case, so that tests see how it is reported.
    @Option(help: .hidden)
    var fault: DeliberateFault?

    /// The commands about files.
    static var group: [any ParsableCommand.Type] {
        #if PROTEAN_LIBFUZZER
            [FilesCommand.self, LibFuzzerCommand.self]
        #else
            [FilesCommand.self]
        #endif
    }

    func validate() throws {
        guard cases > 0, maxSize > 0, timeLimit > 0, memoryLimit > 0, (only ?? 0) >= 0 else {
            throw ValidationError("numbers must be positive")
        }
        guard file == nil || format.count == 1 else {
            throw ValidationError("--file needs one --format")
        }
    }

    func run() throws {
        if let worker { return try work(worker) }
        if let file { return try read(file) }
        var report = CampaignReport()
        let plan = plan
        let campaign = Campaign(plan: plan, program: Self.program) { result in
            report.add(result)
            if only != nil { explain(result) }
        }
        try campaign.run()
        try save(report.failures.map(\.index) + (only.map { [$0] } ?? []), of: plan)
        if json {
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
            print(String(decoding: try encoder.encode(report), as: UTF8.self))
        } else {
            print(report.text(plan))
        }
        guard report.failures.isEmpty else { throw ExitCode(1) }
    }

    private var plan: CampaignPlan {
        CampaignPlan(
            seed: seed, fault: fault, cases: only.map { $0..<($0 + 1) } ?? 0..<cases,
            formats: format.isEmpty ? FileFormat.allCases : format, maximumSize: maxSize,
            limits: CaseLimits(seconds: timeLimit, bytes: memoryLimit << 20))
    }

    /// This program itself.
    private static var program: URL {
        let link = URL(filePath: "/proc/self/exe").resolvingSymlinksInPath()
        if FileManager.default.isExecutableFile(atPath: link.path) { return link }
        return URL(filePath: CommandLine.arguments[0])
    }

    /// Runs the cases `first:last` here and writes a line per result.
    private func work(_ range: String) throws {
        let bounds = range.split(separator: ":").compactMap { Int($0) }
        guard bounds.count == 2, bounds[0] <= bounds[1] else {
            throw ValidationError("--worker needs two numbers")
        }
        let folder = try FuzzFolder()
        defer { folder.remove() }
        var runner = CaseRunner(limits: plan.limits, folder: folder)
        runner.warmUp()
        if let fault { runner.target = { fault.outcome($0, $1, $2) } }
        for index in bounds[0]..<bounds[1] {
            let result = runner.run(plan.makeCase(index))
            try FileHandle.standardOutput.write(contentsOf: result.line)
        }
    }

    private func explain(_ result: CaseResult) {
        guard !json else { return }
        let outcome = result.isRead ? "read" : "refused: \(result.message.escaped)"
        let memory = result.bytes.map { " \($0 >> 10) KiB," } ?? ""
        print(
            "case \(result.index): \(result.format.rawValue), \(result.label), \(result.size) bytes, "
                + "\(CaseLimits.text(result.seconds)) s,\(memory) \(outcome)\n")
    }

    private func save(_ indices: [Int], of plan: CampaignPlan) throws {
        guard let write else { return }
        try FileManager.default.createDirectory(
            atPath: write, withIntermediateDirectories: true)
        for index in indices {
            let made = plan.makeCase(index)
            let name = "\(write)/\(made.format.rawValue)-\(seed)-\(index).\(made.format.suffix)"
            try Data(made.bytes).write(to: URL(filePath: name))
        }
    }

    /// Reads one file from a disk in this process.
    private func read(_ path: String) throws {
        let bytes = Array(try Data(contentsOf: URL(filePath: path)))
        let folder = try FuzzFolder()
        defer { folder.remove() }
        let runner = CaseRunner(limits: plan.limits, folder: folder)
        runner.warmUp()
        let result = runner.run(FileCase(format: format[0], bytes: bytes))
        explain(result)
        for problem in result.problems { print(problem.escaped) }
        guard result.problems.isEmpty else { throw ExitCode(1) }
    }
}
