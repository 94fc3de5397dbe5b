import ArgumentParser
import Foundation
import Protean
import ProteanCatalogue

/// `protean-fuzz layers`: random configurations of all layers.
struct LayersCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "layers",
        abstract: "Run all layers with random options, inputs and weights.",
        discussion: """
            Every case runs in a process that may end without harm. Checked are: no crash, typed \
            errors only, the shape that tracing says, equal bits for one to three threads, agreement \
            of instruction sets, a sample's bits alone and in a batch, processor time and memory.
            Exit status 1 when anything was found, or a layer never ran.
            """)

    @Option(help: "Number of cases.")
    var cases = 1000

    @Option(help: "What the cases are drawn from.")
    var seed: UInt64 = 1

    @Option(help: "Only this layer, such as Conv2d.")
    var layer: String?

    @Option(help: "Only the case of this number.")
    var only: Int?

    @Option(help: "Only this instruction set (default: all that run, the widest first).")
    var isa: String?

    @Option(help: "Processor seconds that a case may take.")
    var seconds = 2.0

    @Option(help: "MiB that a case may take.")
    var mebibytes = 256

    @Flag(help: "Write the report as JSON.")
    var json = false

    @Option(help: .hidden)
    var worker: Int?

    @Option(help: .hidden)
    var workerEnd: Int?

    private var sets: [KernelISA] {
        get throws {
            if let isa { return [try KernelISA.named(isa)] }
            return KernelISA.supported.reversed()
        }
    }

    func validate() throws {
        guard cases >= 1, seconds > 0, mebibytes >= 2 else {
            throw ValidationError("Numbers of cases, seconds and MiB are above 0.")
        }
    }

    func run() throws {
        let entry = try layer.map { try LayerCatalogue.entry(named: $0) }
        let limits = LayerCaseLimits(seconds: seconds, mebibytes: mebibytes)
        if let worker, let workerEnd {
            return try CaseWorker(seed: seed, layer: entry, sets: sets, limits: limits)
                .run(worker..<workerEnd)
        }
        if let only { print(try describe(only, entry)) }
        var report = LayersReport(seed: seed, sets: try sets.map(\.rawValue))
        let numbers = only.map { $0..<$0 + 1 } ?? 0..<cases
        try CaseSupervisor(arguments: workerArguments).run(numbers) { outcome in
            var outcome = outcome
            if outcome.layer.isEmpty,
                let crashed = try? LayerCase(seed: seed, number: outcome.number, only: entry)
            {
                (outcome.layer, outcome.kind) = (crashed.entry.name, crashed.kind.rawValue)
            }
            report.add(outcome)
            if only != nil { print(outcome.result.rawValue, outcome.note) }
        }
        try finish(report, entry)
    }

    private func finish(_ report: LayersReport, _ entry: LayerEntry?) throws {
        if json {
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
            print(String(decoding: try encoder.encode(report), as: UTF8.self))
        } else {
            let lines = report.lines { number in
                let layer = layer.map { " --layer \($0)" } ?? ""
                return "protean-fuzz layers --seed \(seed)\(layer) --only \(number)"
            }
            print(lines.joined(separator: "\n"))
        }
        let names = entry.map { [$0.name] } ?? LayerCatalogue.entries.map(\.name)
        let idle = only == nil ? report.neverRan(of: names) : []
        if !idle.isEmpty { print("never ran: \(idle.joined(separator: ", "))") }
        if !report.findings.isEmpty || !idle.isEmpty { throw ExitCode(1) }
    }

    private var workerArguments: [String] {
        ["layers", "--seed", "\(seed)", "--seconds", "\(seconds)", "--mebibytes", "\(mebibytes)"]
            + (layer.map { ["--layer", $0] } ?? []) + (isa.map { ["--isa", $0] } ?? [])
    }

    private func describe(_ number: Int, _ entry: LayerEntry?) throws -> String {
        let one = try LayerCase(seed: seed, number: number, only: entry)
        let inputs = one.inputs.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value.shape)" }
        return "\(one.entry.name) (\(one.kind.rawValue)) '\(one.configuration)' "
            + "\(one.layout.rawValue): \(inputs.joined(separator: ", "))"
    }
}
