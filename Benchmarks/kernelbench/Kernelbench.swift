import ArgumentParser
import CommandSupport
import Foundation
import KernelbenchSupport
import Protean

@main
enum Main {
    static func main() {
        CommandProcess.run(
            Kernelbench.self, name: "kernelbench", arguments: CommandArguments.normalized)
    }
}

struct Kernelbench: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "kernelbench",
        abstract: "Measures Protean's kernels on named shapes, against this machine's limits.",
        discussion: """
            A case is a line NAME KERNEL key=value ..., in a shape file or after --case.
            Keys: \(CaseKey.allCases.map(\.rawValue).joined(separator: " ")).
            Kernels: \(KernelRegistry.standard.names.joined(separator: ", ")).

            EXAMPLES:
              kernelbench --shapes demo
              kernelbench --shapes resnet50 --threads 1,2 --filter 'layer[12]'
              kernelbench --case 'mine conv2d h=28 w=28 c=128 k=128 r=3' --isa avx2,avx512
              kernelbench --shapes dense3x3 --json results.json --report report.html
              kernelbench --list --filter depthwise
              kernelbench --shapes layers --filter 'Norm|Pool'
              kernelbench --explain --shapes resnet50 --threads 2
              kernelbench --shapes masked3x3 --report curves.html
              kernelbench --against-direct --shapes bottleneck --threads 1,2
              kernelbench --break-even --shapes dense3x3 --filter 56x64
              kernelbench --regret --shapes dense3x3 --threads 1

            TABLE:
              time      median wall time of a call, result's allocation included
              spread    (90th - 10th percentile) / median
              roofline  time that multiply-add peak, copy bandwidth and, for
                        samples, loads from the first-level cache of this
                        machine allow / time taken; above 100% for data in
                        caches and for algorithms that compute less
              bound     which of the limits comes first
              executed  share of operations that a dynamic kernel did not skip
              of direct time of the whole map by the defining sums x executed /
                        time taken: realised over theoretical saving, with
                        --against-direct
            """)

    @Option(
        help: ArgumentHelp(
            "Only cases whose name or kernel contains this, or matches it as a regular expression.",
            valueName: "regex-or-text"))
    var filter: String?

    @Option(
        parsing: .unconditional,
        help: "Numbers of threads, alternating, such as 1,2. Default: as the library decides.")
    var threads: String?

    @Option(help: "Instruction sets, alternating, such as avx2,avx512. Default: the widest.")
    var isa: String?

    @Option(
        parsing: .upToNextOption,
        help: ArgumentHelp(
            """
            Shape files, or names of files in Benchmarks/shapes; layers: a standard case of every \
            layer. Default: all files.
            """,
            valueName: "file"))
    var shapes: [String] = []

    @Option(
        name: .customLong("case"), parsing: .unconditionalSingleValue,
        help: ArgumentHelp(
            "A case; may be repeated. Alone it replaces the files.",
            valueName: "line"))
    var lines: [String] = []

    @Option(
        parsing: .unconditional,
        help: """
            Seconds of timed calls per case and configuration; with --break-even, --against-direct and \
            --regret the longest that a pair of calls is measured.
            """)
    var minTime = 0.5

    @Option(
        help: ArgumentHelp(
            "Write JSON to this file; without a file, JSON only to standard output.",
            valueName: "file"),
        transform: OptionValue.path)
    var json: String?

    @Option(
        help: ArgumentHelp(
            "Write an HTML report to this file; - for standard output, without the table.",
            valueName: "file"),
        transform: OptionValue.path)
    var report: String?

    @Flag(help: "Print the cases, as lines of a shape file, and measure nothing.")
    var list = false

    @Flag(
        help: """
            Print which algorithm each case would run with, and the estimates that decide, as \
            multiples of the smallest; measure nothing.
            """)
    var explain = false

    @Flag(
        help: """
            Measure up to which share of active pixels a masked convolution beats the whole map, for \
            every convolution among the cases and masks of pixels, cells and discs: masked call and \
            whole map in turns, until the ratio's median is known to 2 %, or to 10 % where it is \
            clearly on one side. JSON holds the speed-ups under break_even.
            """)
    var breakEven = false

    @Flag(
        help: """
            Measure every masked or deformable case in turns with the whole map of its shape at fixed \
            positions by the defining sums, until the ratio's median is known to 2 %; other cases are \
            left out. --report draws curves of these ratios.
            """)
    var againstDirect = false

    @Flag(
        help: """
            Measure what the choice of a convolution's algorithm costs here: every algorithm that \
            applies in turns with the chosen one, until the ratio's median is known to 2 %, or to \
            10 % where it is clearly on one side of 1. Other cases are left out.
            """)
    var regret = false

    @Flag(
        help: """
            Print by how many bytes each case's first call raises the process's memory at its highest \
            (result, packed weights and scratch; inputs are there before); measure no time. Linux.
            """)
    var memory = false

    func validate() throws {
        guard minTime > 0, minTime <= 3600 else {
            throw ValidationError(
                "--min-time: expected seconds above 0, at most 3600, found \(minTime)")
        }
        let comparisons = [
            ("--break-even", breakEven), ("--against-direct", againstDirect), ("--regret", regret),
        ].filter(\.1).map(\.0)
        guard comparisons.count < 2 else {
            throw ValidationError(
                "\(comparisons[1]): expected without \(comparisons[0]), found both")
        }
        guard json == nil || json != report else {
            throw ValidationError("--json and --report: expected two places, found '\(json ?? "")'")
        }
        do {
            _ = try configurations()
        } catch {
            throw ValidationError("\(error)")
        }
    }

    func run() throws {
        let selected = try selectedCases()
        let cases = breakEven ? try BreakEven.cases(for: selected) : selected
        if list {
            return try Standard.print(cases.map(\.line).joined(separator: "\n"))
        }
        if explain { return try explainAll(cases) }
        if memory { return try printMemory(cases) }
        for file in [json, report].compactMap({ Self.place($0) }) { try OutputFile.check(file) }
        warnAboutDebugBuild()
        let progress = ProgressLine()
        let configurations = try configurations()
        let session = BenchmarkSession(
            configurations: configurations, minimumTime: minTime, progress: { progress.show($0) })
        let rooflines = try session.rooflines()
        let single = try singleThreadRoofline(rooflines)
        progress.clear()
        if !isOnlyReport { try Standard.print(TableReport.machine(rooflines)) }
        let measured = try measure(session, selected, rooflines)
        progress.clear()
        try write(measured, rooflines: rooflines, single: single)
        let text = measured.breakEven?.text ?? measured.regret?.text
        if let text, !isOnlyReport { try Standard.print("\n" + text) }
    }

    /// What a run found.
    private struct Measured {
        var results: [BenchmarkResult]
        var breakEven: BreakEven?
        var regret: Regret?
    }

    private func measure(
        _ session: BenchmarkSession, _ cases: [BenchmarkCase], _ rooflines: [Roofline]
    ) throws -> Measured {
        if breakEven {
            let found = try session.breakEven(for: cases, rooflines: rooflines)
            return Measured(results: found.results, breakEven: found)
        }
        if regret {
            let found = try session.regret(of: cases, rooflines: rooflines)
            return Measured(results: found.results, regret: found)
        }
        let results =
            try againstDirect
            ? session.againstDirect(cases, rooflines: rooflines)
            : session.run(cases, rooflines: rooflines)
        return Measured(results: results)
    }

    /// Whether standard output is reserved for a report.
    private var isOnlyReport: Bool {
        [json, report].contains { Self.place($0) == OptionValue.standardOutput }
    }

    /// The destination of a report.
    private static func place(_ file: String?) -> String? {
        file == "-" ? OptionValue.standardOutput : file
    }

    private func explainAll(_ cases: [BenchmarkCase]) throws {
        for one in cases {
            let prepared = try KernelRegistry.standard.prepare(one)
            for configuration in try configurations() {
                let text = try Runtime.with(
                    isa: configuration.isa, threads: configuration.threads
                ) { try prepared.explain?().text ?? "one algorithm" }
                try Standard.print("\(one.name)  \(configuration.isa.rawValue)  \(text)")
            }
        }
    }

    private func printMemory(_ cases: [BenchmarkCase]) throws {
        for one in cases {
            for configuration in try configurations() {
                try Runtime.with(isa: configuration.isa, threads: configuration.threads) {
                    let call = try KernelRegistry.standard.prepare(one).load()
                    let bytes = try PeakMemory.growth { _ = try call() }
                    try Standard.print(
                        "\(one.name)  threads \(configuration.threads)  \(bytes) bytes")
                }
            }
        }
    }

    /// The checked cases of the options.
    private func selectedCases() throws -> [BenchmarkCase] {
        let parser = CaseParser()
        let library = ShapeLibrary(parser: parser)
        var cases = try library.cases(named: shapes)
        if shapes.isEmpty, lines.isEmpty { cases = try library.allCases() }
        for (index, line) in lines.enumerated() {
            let place = lines.count == 1 ? "--case" : "--case (\(index + 1))"
            guard let one = try parser.parse(line: line, place: place) else {
                throw CaseError(place: place, expected: "NAME KERNEL key=value …", found: "nothing")
            }
            cases.append(one)
        }
        try CaseParser.checkUnique(cases)
        if let filter { cases = CommandArguments.filter(cases, filter) }
        guard !cases.isEmpty else {
            throw CaseError(
                place: filter == nil ? "--shapes" : "--filter", expected: "at least one case",
                found: "none" + (filter.map { " that matches '\($0)'" } ?? ""))
        }
        for one in cases { _ = try KernelRegistry.standard.prepare(one) }
        return cases
    }

    private func configurations() throws -> [Configuration] {
        let sets = try isa.map { try CommandArguments.instructionSets($0) } ?? [Runtime.isa()]
        let counts = try threads.map { try CommandArguments.threads($0) } ?? [Runtime.threads()]
        return sets.flatMap { isa in counts.map { Configuration(isa: isa, threads: $0) } }
    }

    /// The context of JSON results gives one thread's limits even if no case ran on one thread.
    private func singleThreadRoofline(_ rooflines: [Roofline]) throws -> Roofline {
        let isa = rooflines[0].configuration.isa
        if let found = rooflines.first(where: {
            $0.configuration.isa == isa && $0.configuration.threads == 1
        }) {
            return found
        }
        return try Roofline.measure(
            Configuration(isa: isa, threads: 1), seconds: min(minTime / 2, 0.25))
    }

    private func write(
        _ measured: Measured, rooflines: [Roofline], single: Roofline
    ) throws {
        let results = measured.results
        // Files are written first: if standard output's reader exits, printing ends the process.
        if let json = Self.place(json) {
            let data = try JSONReport(
                executable: Self.executableName, single: single,
                rooflines: rooflines, results: results, breakEven: measured.breakEven,
                regret: measured.regret
            ).encoded()
            try OutputFile.write(Array(data), to: json)
        }
        if let report = Self.place(report) {
            let text = HTMLReport.text(
                results: results, rooflines: rooflines, curves: measured.breakEven?.againstDirect)
            try OutputFile.write(Array(text.utf8), to: report)
        }
        if !isOnlyReport { try Standard.print(TableReport.text(results)) }
    }

    /// The name without its folder: results may be published, and the folder should not be.
    private static var executableName: String {
        URL(fileURLWithPath: CommandLine.arguments.first ?? "kernelbench").lastPathComponent
    }

    private func warnAboutDebugBuild() {
        guard JSONReport.buildType == "debug" else { return }
        Standard.error(
            "kernelbench: debug build, times of small cases are too long; "
                + "use `swift run -c release kernelbench`")
    }
}
