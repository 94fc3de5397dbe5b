import Foundation
import Protean

/// Measures the machine's limits, then the cases in order.
package struct BenchmarkSession {
    /// Instruction sets and threads, in the order of alternation.
    package let configurations: [Configuration]
    /// Seconds per case and configuration.
    package let minimumTime: Double
    let registry: KernelRegistry
    let progress: (String) -> Void

    /// A session; `progress` is called with a description of each step.
    package init(
        configurations: [Configuration], minimumTime: Double,
        registry: KernelRegistry = .standard, progress: @escaping (String) -> Void = { _ in }
    ) {
        self.configurations = configurations
        self.minimumTime = minimumTime
        self.registry = registry
        self.progress = progress
    }

    /// Measures the limits under every configuration.
    package func rooflines() throws -> [Roofline] {
        let seconds = min(max(minimumTime / 2, 0.02), 0.25)
        return try configurations.map { one in
            progress("machine: \(one.isa.rawValue), threads \(one.threads)")
            // Several cores are idle at the same time less often than one core.
            return try Roofline.measure(one, seconds: one.threads > 1 ? 2 * seconds : seconds)
        }
    }

    /// Measures every case, in order; `rooflines` belong to ``configurations``. All cases are
    /// checked before the first one runs.
    package func run(
        _ cases: [BenchmarkCase], rooflines: [Roofline]
    ) throws -> [BenchmarkResult] {
        let prepared = try cases.map(registry.prepare)
        var results: [BenchmarkResult] = []
        for (index, one) in cases.enumerated() {
            progress("[\(index + 1)/\(cases.count)] \(one.name)")
            let timings: [Timing]
            do {
                let call = try prepared[index].load()
                timings = try Measurement(
                    minimumTime: minimumTime, gauge: Roofline.quickPeak
                ).run(configurations, call)
            } catch let error as ProteanError {
                throw one.error(nil, expected: "a case that runs", found: "\(error)")
            }
            results += assemble(one, prepared[index], timings, rooflines)
        }
        return results
    }

    func assemble(
        _ one: BenchmarkCase, _ prepared: PreparedCase, _ timings: [Timing],
        _ rooflines: [Roofline]
    ) -> [BenchmarkResult] {
        configurations.indices.map { index in
            let single = configurations.firstIndex {
                $0.isa == configurations[index].isa && $0.threads == 1
            }
            return BenchmarkResult(
                benchmark: one, configuration: configurations[index],
                timing: timings[index], flops: prepared.flops, bytes: prepared.bytes,
                loaded: prepared.loaded, executedShare: prepared.executedShare,
                roofline: rooflines[index].withPeak(timings[index].peak),
                singleThread: single.map { timings[$0].median })
        }
    }
}
