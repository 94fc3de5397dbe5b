import Foundation
import Protean

/// Runs batches of cases in processes of their own; a case that ends its process becomes an outcome.
struct CaseSupervisor {
    /// Arguments of a worker but for its range.
    let arguments: [String]

    /// Tells every outcome, in order.
    func run(_ numbers: Range<Int>, _ tell: (CaseOutcome) -> Void) throws {
        var next = numbers.lowerBound
        while next < numbers.upperBound {
            next = try runWorker(next..<numbers.upperBound, tell)
        }
    }

    /// Returns the number of the first case that was not run.
    private func runWorker(
        _ numbers: Range<Int>, _ tell: (CaseOutcome) -> Void
    ) throws -> Int {
        let worker = Process(), pipe = Pipe()
        worker.executableURL = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
        worker.arguments =
            arguments + [
                "--worker", "\(numbers.lowerBound)", "--worker-end", "\(numbers.upperBound)",
            ]
        worker.standardOutput = pipe
        try worker.run()
        var begun: Int?
        var next = numbers.lowerBound
        for line in lines(of: pipe.fileHandleForReading) {
            let parts = line.split(separator: " ", maxSplits: 1).map(String.init)
            if parts.first == "begin", parts.count == 2 { begun = Int(parts[1]) }
            if parts.first == "end", parts.count == 2 {
                tell(try JSONDecoder().decode(CaseOutcome.self, from: Data(parts[1].utf8)))
                next = (begun ?? next) + 1
                begun = nil
            }
        }
        worker.waitUntilExit()
        if let begun {
            tell(crash(begun, worker))
            return begun + 1
        }
        guard worker.terminationStatus == 0 || next > numbers.lowerBound else {
            throw ProteanError.fileAccess(
                file: "worker", reason: "ended with status \(worker.terminationStatus)")
        }
        return next
    }

    private func crash(_ number: Int, _ worker: Process) -> CaseOutcome {
        let how =
            worker.terminationReason == .uncaughtSignal
            ? "signal \(worker.terminationStatus)" : "status \(worker.terminationStatus)"
        return CaseOutcome(
            number: number, layer: "", kind: "", result: .crashed,
            note: "the process ended with \(how)")
    }

    private func lines(of handle: FileHandle) -> AnySequence<String> {
        var rest = Data()
        return AnySequence {
            AnyIterator {
                while true {
                    if let end = rest.firstIndex(of: 0x0A) {
                        let line = String(decoding: rest[rest.startIndex..<end], as: UTF8.self)
                        rest = Data(rest[rest.index(after: end)...])
                        return line
                    }
                    let more = handle.availableData
                    if more.isEmpty { return nil }
                    rest.append(more)
                }
            }
        }
    }
}
