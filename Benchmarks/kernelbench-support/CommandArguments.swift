import Foundation
import Protean

/// Processing of command-line arguments that the argument parser does not provide.
package enum CommandArguments {
    /// Gives a bare `--json` the value `-`, because the parser has no options with optional values.
    package static func normalized(_ arguments: [String]) -> [String] {
        var result: [String] = []
        for (index, one) in arguments.enumerated() {
            result.append(one)
            guard one == "--json" else { continue }
            let next = index + 1 < arguments.count ? arguments[index + 1] : nil
            if next.map({ $0.hasPrefix("-") && $0 != "-" }) ?? true { result.append("-") }
        }
        return result
    }

    /// Numbers of threads from `1,2`; throws for other text.
    package static func threads(_ list: String) throws(ProteanError) -> [Int] {
        var threads: [Int] = []
        for part in parts(list) {
            guard let count = Int(part), (1...Runtime.maximumThreads).contains(count),
                !threads.contains(count)
            else {
                throw .invalidOption(
                    layer: "kernelbench", option: "--threads",
                    expected: "different numbers of 1...\(Runtime.maximumThreads), such as 1,2",
                    found: "'\(list)'")
            }
            threads.append(count)
        }
        return threads
    }

    /// Instruction sets from `avx2,avx512`.
    package static func instructionSets(_ list: String) throws(ProteanError) -> [KernelISA] {
        var sets: [KernelISA] = []
        for part in parts(list) {
            guard let isa = KernelISA(rawValue: part.lowercased()), isa.isSupported else {
                let known = KernelISA.supported.map(\.rawValue).joined(separator: ", ")
                throw .invalidOption(
                    layer: "kernelbench", option: "--isa",
                    expected: "sets that can run here: \(known)", found: "'\(part)'")
            }
            guard !sets.contains(isa) else {
                throw .invalidOption(
                    layer: "kernelbench", option: "--isa", expected: "different sets",
                    found: "'\(list)'")
            }
            sets.append(isa)
        }
        return sets
    }

    private static func parts(_ list: String) -> [String] {
        list.split(separator: ",", omittingEmptySubsequences: false)
            .map { $0.trimmingCharacters(in: .whitespaces) }
    }

    /// The cases whose name or kernel contains `pattern`, or in which it matches as a regular
    /// expression.
    package static func filter(_ cases: [BenchmarkCase], _ pattern: String) -> [BenchmarkCase] {
        let expression = try? Regex(pattern)
        return cases.filter { one in
            [one.name, one.kernel].contains { text in
                text.contains(pattern) || expression.map { text.firstMatch(of: $0) != nil } ?? false
            }
        }
    }
}
