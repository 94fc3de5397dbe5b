import Foundation
import Testing

/// Runs the command as a user does.
@Suite("kernelbench command")
struct CommandTests {
    struct Outcome {
        var status: Int32
        var output: String
        var errors: String
    }

    /// The executable stands beside the test bundle.
    static func executable() throws -> URL {
        var folder = URL(fileURLWithPath: CommandLine.arguments[0]).deletingLastPathComponent()
        for _ in 0..<6 {
            let candidate = folder.appendingPathComponent("kernelbench")
            if FileManager.default.isExecutableFile(atPath: candidate.path),
                !candidate.hasDirectoryPath
            {
                return candidate
            }
            folder.deleteLastPathComponent()
        }
        throw CocoaError(.fileNoSuchFile)
    }

    static func run(_ arguments: [String], in folder: URL? = nil) throws -> Outcome {
        let process = Process()
        process.executableURL = try executable()
        process.arguments = arguments
        // Help is wrapped to the width of the terminal, whatever it is.
        process.environment = ProcessInfo.processInfo.environment
            .merging(["COLUMNS": "80"]) { $1 }
        process.currentDirectoryURL = folder
        let output = Pipe()
        // Errors go to a file: two pipes read one after the other could block each other.
        let errorFile = FileManager.default.temporaryDirectory
            .appendingPathComponent("kernelbench-\(UUID().uuidString).txt")
        try Data().write(to: errorFile)
        defer { try? FileManager.default.removeItem(at: errorFile) }
        process.standardOutput = output
        process.standardError = try FileHandle(forWritingTo: errorFile)
        try process.run()
        let data = try output.fileHandleForReading.readToEnd() ?? Data()
        process.waitUntilExit()
        return Outcome(
            status: process.terminationStatus, output: String(decoding: data, as: UTF8.self),
            errors: try String(contentsOf: errorFile, encoding: .utf8))
    }

    static func temporaryFolder() throws -> URL {
        let folder = FileManager.default.temporaryDirectory
            .appendingPathComponent("kernelbench-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        return folder
    }

    static let quick = ["--case", "small conv2d n=2 h=5 w=9 c=17 k=3 r=3", "--min-time", "0.002"]

    #if os(Linux)
        /// Some containers and kernels do not let a process begin its peak anew.
        @Test(
            .enabled(
                if: FileManager.default.isWritableFile(atPath: "/proc/self/clear_refs"),
                "the peak of resident memory cannot be reset here"))
        func memoryOfAFirstCallIsItsResult() throws {
            let result = try Self.run([
                "--case", "big copy h=1024 w=1024 c=16", "--memory", "--threads", "1",
            ])
            #expect(result.status == 0, "\(result.errors)")
            let words = result.output.split(separator: " ")
            #expect(words.count == 5 && words[0] == "big" && words[4] == "bytes\n")
            let bytes = try #require(Int(words[3]))
            #expect(bytes > 60 << 20 && bytes < 80 << 20)
        }
    #endif

    @Test func jsonAloneIsAllOfStandardOutput() throws {
        let result = try Self.run(Self.quick + ["--threads", "1,2", "--json"])
        #expect(result.status == 0, "\(result.errors)")
        let json = try #require(
            try JSONSerialization.jsonObject(with: Data(result.output.utf8)) as? [String: Any])
        let context = try #require(json["context"] as? [String: Any])
        for key in [
            "date", "executable", "num_cpus", "caches", "library_build_type", "cpu", "isa",
            "fma_peak_gflops", "copy_bandwidth_gbs",
        ] {
            #expect(context[key] != nil, "context.\(key)")
        }
        let entries = try #require(json["benchmarks"] as? [[String: Any]])
        #expect(entries.map { $0["threads"] as? Int } == [1, 2])
        for entry in entries {
            #expect(entry["name"] as? String == "small")
            #expect(entry["run_type"] as? String == "iteration")
            #expect(entry["time_unit"] as? String == "ns")
            #expect(entry["bytes"] as? Double == Double(4 * (1530 + 459 + 270)))
            for key in ["real_time", "cpu_time", "gflops", "gbs", "executed_share", "iterations"] {
                #expect(try #require(entry[key] as? Double, "\(key)") > 0, "\(key)")
            }
            #expect(entry["flops"] as? Double == Double(2 * 270 * 153))
            #expect(entry["run_name"] as? String != nil)
        }
    }

    @Test func filesAreWrittenBesideTheTable() throws {
        let folder = try Self.temporaryFolder()
        defer { try? FileManager.default.removeItem(at: folder) }
        let result = try Self.run(
            Self.quick + ["--json", "out.json", "--report", "report.html"], in: folder)
        #expect(result.status == 0, "\(result.errors)")
        #expect(result.output.contains("roofline") && result.output.contains("small"))
        let json = try Data(contentsOf: folder.appendingPathComponent("out.json"))
        #expect(try JSONSerialization.jsonObject(with: json) is [String: Any])
        let html = try String(
            contentsOf: folder.appendingPathComponent("report.html"), encoding: .utf8)
        #expect(html.hasPrefix("<!DOCTYPE html>") && html.contains("<svg"))
        #expect(html.contains("small") && !html.contains("http"))
    }

    @Test func listGivesCasesBack() throws {
        let line = "a copy n=2 h=5 w=9 c=17"
        let result = try Self.run(["--list", "--case", "a  copy c=17 w=9 h=5 n=2  # note"])
        #expect(result.status == 0)
        #expect(result.output == line + "\n")
    }

    @Test(arguments: [
        (["--case", "a warp h=1 w=1 c=1"], "copy"),
        (["--case", "a copy h=1 w=1 c=1 k=2"], "'k'"),
        (["--case", "a copy h=1 w=1"], "'c'"),
        (["--case", "# nothing"], "nothing"),
        (["--shapes", "no-such-file"], "no-such-file"),
        (["--case", "a copy h=1 w=1 c=1", "--filter", "zebra"], "zebra"),
        (["--case", "a copy h=1 w=1 c=1", "--json", "/nowhere/at/all.json"], "/nowhere/at/all"),
    ])
    func badCasesEndWithOne(arguments: [String], mention: String) throws {
        let result = try Self.run(arguments)
        #expect(result.status == 1)
        #expect(result.output.isEmpty)
        #expect(result.errors.contains(mention), "\(result.errors)")
    }

    @Test func shapeFileErrorsNameTheLine() throws {
        let folder = try Self.temporaryFolder()
        defer { try? FileManager.default.removeItem(at: folder) }
        try Data("# fine\n\nx copy h=3 w=three c=1\n".utf8)
            .write(to: folder.appendingPathComponent("mine.txt"))
        let result = try Self.run(["--shapes", "mine.txt"], in: folder)
        #expect(result.status == 1)
        #expect(result.errors.contains("mine.txt:3: case 'x': key 'w'"), "\(result.errors)")
        #expect(result.errors.contains("found 'three'"))
    }

    @Test(arguments: [
        ["--threads", "0"], ["--threads", "1,x"], ["--threads", "2,2"], ["--isa", "mmx"],
        ["--min-time", "0"], ["--min-time", "nan"], ["--no-such-option"],
    ])
    func badOptionsAreUsageErrors(arguments: [String]) throws {
        let result = try Self.run(Self.quick + arguments)
        #expect(result.status == 64)
        #expect(result.errors.contains("Usage:"))
    }

    @Test func helpShowsExamples() throws {
        let result = try Self.run(["--help"])
        #expect(result.status == 0)
        #expect(result.output.contains("EXAMPLES") && result.output.contains("copy"))
    }
}
