import Foundation
import Protean
import ProteanImage
import ProteanModels
import Testing

@testable import ProteanCLI

/// `exits`, `curve`, `draw decisions`, `bench --dynamic`, and `run` on the embedded network with exits.
@Suite struct ExitCommandTests {
    private let folder: TemporaryFolder
    private let network: ExitNetwork

    init() throws {
        folder = try TemporaryFolder()
        let model = try ModelLoader.standard.makeModel("protean_exits")
        network = try #require(model.module as? any HasExits).exits
        // The shipped images as a small set of the form of Fashion-MNIST.
        let images = ProteanTiny.demoImages
        let pixels = try images.flatMap { try Image.decode($0.png, name: $0.name).pixels }
        for stem in ["train", "t10k"] {
            _ = try folder.write(
                [0, 0, 8, 3, 0, 0, 0, UInt8(images.count), 0, 0, 0, 28, 0, 0, 0, 28] + pixels,
                to: "\(stem)-images-idx3-ubyte")
            _ = try folder.write(
                [0, 0, 8, 1, 0, 0, 0, UInt8(images.count)] + images.map { UInt8($0.label) },
                to: "\(stem)-labels-idx1-ubyte")
        }
    }

    private var data: String { folder.url.path }

    private func json(_ result: CommandResult) throws -> [String: Any] {
        try #require(result.status == 0, "\(result.errors)")
        return try #require(
            JSONSerialization.jsonObject(with: Data(result.output.utf8)) as? [String: Any])
    }

    @Test func exitsReportsWhatTheNetworkDoes() throws {
        let report = try json(
            protean("exits", "protean_exits", "--data", data, "--timed", "8", "--json"))
        let exits = try #require(report["exits"] as? [[String: Any]])
        let costs = try network.costs(for: [1, 28, 28, 1]).exits.map(\.multiplyAdds)
        #expect(exits.map { $0["multiply_adds"] as? Int } == costs)
        let counts = exits.compactMap { $0["images"] as? Int }
        #expect(counts.reduce(0, +) == 20 && counts[0] > 0 && counts[0] < 20)
        let mean = try #require(report["mean_multiply_adds"] as? Double)
        let expected = zip(counts, costs).reduce(0) { $0 + $1.0 * $1.1 }
        #expect(abs(mean - Double(expected) / 20) < 1e-6)
        #expect(exits.allSatisfy { ($0["milliseconds"] as? Double ?? 0) > 0 })
        #expect((report["thresholds"] as? String)?.contains("shipped with the model") == true)
        let table = try protean("exits", "protean_exits", "--data", data, "--timed", "4")
        try #require(table.status == 0, "\(table.errors)")
        for part in ["multiply-adds", "of the last exit's", "test images 0 to 19"] {
            #expect(table.output.contains(part))
        }
    }

    @Test func thresholdsAreSavedForTheirModelOnly() throws {
        let file = folder.path("budgets.json")
        let saved = try protean(
            "exits", "protean_exits", "--data", data, "--criterion", "entropy", "--timed", "2",
            "--save", file)
        try #require(saved.status == 0, "\(saved.errors)")
        let report = try json(
            protean(
                "exits", "protean_exits", "--data", data, "--thresholds", file, "--timed", "2",
                "--json"))
        #expect(report["criterion"] as? String == "entropy")
        // The set is fitted on itself, so what was found holds exactly.
        #expect(report["share_gap"] as? Double == 0)
        #expect(report["accuracy"] as? Double == report["accuracy_fitted"] as? Double)
        let image = try #require(ProteanTiny.demoImages.first { $0.label == 1 })
        let path = try folder.write(image.png, to: "trouser.png")
        let run = try protean(
            "run", "protean_exits", "--image", path, "--thresholds", file, "--top", "1")
        #expect(run.status == 0 && run.output.contains("left at exit"))

        let weights = folder.path("other.safetensors")
        try ProteanExits().save(to: weights)
        for arguments in [
            ["exits", "protean_exits", "--weights", weights, "--data", data],
            ["run", "protean_exits", "--weights", weights, "--image", path],
        ] {
            let other = try protean(arguments + ["--thresholds", file])
            #expect(other.status == 1 && other.output.isEmpty)
            #expect(other.errors.contains("fingerprint"), "\(other.errors)")
        }
    }

    @Test func aBudgetIsKept() throws {
        let costs = try network.costs(for: [1, 28, 28, 1]).exits.map(\.multiplyAdds)
        let report = try json(
            protean(
                "exits", "protean_exits", "--data", data, "--fit", data, "--held", "20",
                "--budget", "\(costs[1])", "--timed", "2", "--json"))
        let mean = try #require(report["mean_multiply_adds"] as? Double)
        #expect(mean <= Double(costs[1]) && mean >= Double(costs[0]))
    }

    @Test func curveWritesPictureAndNumbers() throws {
        let (svg, csv) = (folder.path("c.svg"), folder.path("c.csv"))
        let result = try protean(
            "curve", "protean_exits", "--data", data, "--output", svg, "--csv", csv, "--points",
            "7", "--timed", "4")
        try #require(result.status == 0, "\(result.errors)")
        let picture = try String(contentsOfFile: svg, encoding: .utf8)
        #expect(picture.hasPrefix("<?xml") && picture.contains("budgeted batch"))
        #expect(picture.contains("milliseconds per image"))
        let lines = try String(contentsOfFile: csv, encoding: .utf8).split(separator: "\n")
        #expect(lines.count == 1 + 4 + 7)
        let columns = lines[0].split(separator: ",").count
        #expect(columns == 6 + 4 + 4)
        #expect(
            lines.allSatisfy {
                $0.split(separator: ",", omittingEmptySubsequences: false).count == columns
            })
        let costs = try network.costs(for: [1, 28, 28, 1]).exits.map(\.multiplyAdds)
        #expect(lines[4].hasPrefix("anytime,4.0,\(Double(costs[3])),"))
        // Without times there is one chart, and the same bytes every time.
        let arguments = ["curve", "protean_exits", "--data", data, "--timed", "0", "--output", "-"]
        let first = try protean(arguments), second = try protean(arguments)
        #expect(first.status == 0 && first.output == second.output)
        #expect(!first.output.contains("milliseconds"))
    }

    @Test func decisionsAreDrawnAndCounted() throws {
        let output = folder.path("d.svg")
        let result = try protean(
            "draw", "decisions", "protean_exits", "--data", data, "--rows", "5", "--output", output)
        try #require(result.status == 0, "\(result.errors)")
        #expect(result.output.contains("20 images took"))
        #expect(result.output.contains("different ways through 4 places"))
        let picture = try String(contentsOfFile: output, encoding: .utf8)
        #expect(picture.contains("stage 4") && picture.contains("run, left here"))
        // The ground, three of the legend, and four cells for each of five images.
        #expect(picture.components(separatedBy: "<rect").count - 1 == 1 + 3 + 20)
    }

    @Test func benchExplainsTheDifference() throws {
        let result = try protean(
            "bench", "protean_exits", "--dynamic", "--data", data, "--batch", "20", "--repeat", "2",
            "--json")
        try #require(result.status == 0, "\(result.errors)")
        let reports = try #require(
            JSONSerialization.jsonObject(with: Data(result.output.utf8)) as? [[String: Any]])
        let report = reports[0]
        func number(_ name: String) throws -> Double {
            try #require((report[name] as? NSNumber)?.doubleValue, "\(name)")
        }
        let theory = try number("theoretical_saving"), realised = try number("realised_saving")
        #expect(theory > 0 && theory < 1)
        let gap = try #require(report["gap"] as? [String: Double])
        #expect(gap.count == 6)
        let sum = gap.values.reduce(0, +) / (try number("milliseconds_twin"))
        #expect(abs((theory - realised) - sum) < 1e-6)
        let stages = try network.costs(for: [1, 28, 28, 1]).exits
        let twin = stages[3].multiplyAdds - stages.dropLast().reduce(0) { $0 + $1.head }
        #expect(try number("multiply_adds_twin") == Double(20 * twin))
        let keep = try number("break_even_keep_rate")
        #expect((0...1).contains(keep))
    }

    @Test func runStopsAtAnExit() throws {
        let easy = try #require(ProteanTiny.demoImages.first { $0.label == 1 })
        let path = try folder.write(easy.png, to: "trouser.png")
        let result = try protean("run", "protean_exits", "--image", path, "--json")
        try #require(result.status == 0, "\(result.errors)")
        let found = try #require(
            JSONSerialization.jsonObject(with: Data(result.output.utf8)) as? [[String: Any]])
        let costs = try network.costs(for: [1, 28, 28, 1]).exits.map(\.multiplyAdds)
        #expect(found[0]["exit"] as? Int == 1)
        #expect(found[0]["executed_multiply_adds"] as? Int == costs[0])
        #expect(found[0]["multiply_adds"] as? Int == costs[3])
        let text = try protean("run", "protean_exits", "--image", path)
        #expect(text.output.contains("left at exit 1"))
        let demo = try protean("demo", "--skip-kernels")
        #expect(demo.status == 0 && demo.output.contains("left at exit 1"))
        #expect(demo.output.contains("left at exit 4"))
    }

    @Test func whatCannotBeDoneIsRefused() throws {
        let image = try #require(ProteanTiny.demoImages.first)
        let path = try folder.write(image.png, to: "a.png")
        let none = folder.path("none")
        let cases: [([String], String)] = [
            (["exits", "protean_tiny", "--data", data], "'protean_tiny' has no exits"),
            (["exits", "protean_exits", "--data", none], "none"),
            (["exits", "protean_exits", "--data", data, "--budget", "5"], "multiply-adds"),
            (["exits", "protean_exits", "--data", data, "--thresholds", path], "a.png"),
            (["curve", "protean_tiny", "--data", data, "--csv", "-"], "has no exits"),
            (
                ["draw", "decisions", "protean_tiny", "--data", data, "--output", "-"],
                "decided nothing"
            ),
            (["draw", "glimpses", "protean_tiny", "--image", path, "--list"], "looks at no parts"),
            (["bench", "protean_tiny", "--dynamic"], "decides nothing"),
            (["run", "protean_tiny", "--image", path, "--budget", "1"], "has no exits"),
        ]
        for (arguments, text) in cases {
            let result = try protean(arguments)
            #expect(result.status == 1, "\(arguments)")
            #expect(result.output.isEmpty && result.errorLines.count == 1, "\(result.errors)")
            #expect(result.errors.contains(text), "\(result.errors) lacks \(text)")
        }
        for arguments in [
            ["curve", "protean_exits", "--data", data], ["exits", "protean_exits"],
            ["exits", "protean_exits", "--data", data, "--criterion", "surely"],
            ["bench", "protean_exits", "--data", data],
            ["exits", "protean_exits", "--data", data, "--thresholds", "x", "--save", "y"],
        ] {
            #expect(try protean(arguments).status == 64, "\(arguments)")
        }
    }

    @Test func foldersOfClassesAreMatchedByName() throws {
        let other = try TemporaryFolder()
        for image in ProteanTiny.demoImages where image.label == 5 || image.label == 9 {
            let name = image.label == 5 ? "sandal" : "ankle boot"
            try FileManager.default.createDirectory(
                at: other.url.appendingPathComponent(name), withIntermediateDirectories: true)
            _ = try other.write(image.png, to: "\(name)/\(image.name).png")
        }
        let report = try json(
            protean("exits", "protean_exits", "--data", other.url.path, "--timed", "1", "--json"))
        #expect(report["images"] as? Int == 4)
        #expect((report["accuracy"] as? Double ?? 0) >= 0.5)
    }
}
