import Foundation
import Protean
import Testing

@testable import ProteanCLI
@testable import ProteanCatalogue

/// A golden file: made by Tests/Golden/generate/apply.py with the reference layers.
struct ApplyCase: Sendable, CustomTestStringConvertible {
    let name: String
    var testDescription: String { name }

    static let folder = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent()
        .appendingPathComponent("Golden/apply").path

    static let all: [ApplyCase] =
        ((try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? [])
        .filter { $0.hasSuffix(".safetensors") }.sorted()
        .map { ApplyCase(name: String($0.dropLast(".safetensors".count))) }

    func open() throws -> Checkpoint {
        try Checkpoint.open("\(Self.folder)/\(name).safetensors")
    }
}

extension Checkpoint {
    /// The tensors whose name begins with `group`, without it.
    func group(_ group: String) throws -> [(name: String, tensor: Tensor)] {
        try names.filter { $0.hasPrefix(group + ".") }.map {
            (name: String($0.dropFirst(group.count + 1)), tensor: try tensor($0))
        }
    }
}

extension Tensor {
    /// `[B, C, H, W]` as `[B, H, W, C]`, volumes likewise, and three axes where they are a sequence;
    /// other ranks as they are.
    func channelsLast(isSequence: Bool = false) throws -> Tensor {
        guard rank == 4 || rank == 5 || isSequence else { return self }
        let (values, pixels) = (elements, shape[2...].reduce(1, *))
        let moved = (0..<count).map { index in
            let (channel, pixel) = (index % shape[1], index / shape[1] % Swift.max(pixels, 1))
            let image = index / Swift.max(shape[1] * pixels, 1)
            return values[(image * shape[1] + channel) * pixels + pixel]
        }
        return try Tensor(moved, shape: [shape[0]] + shape[2...] + [shape[1]])
    }
}

/// `protean apply` against the reference layers, as a process.
@Suite struct ApplyGoldenTests {
    /// Files and entries name each other.
    @Test func everyLayerNamesItsGoldenFiles() throws {
        for entry in LayerCatalogue.entries {
            #expect(!entry.golden.isEmpty, "\(entry.name) has no golden case")
        }
        let named = LayerCatalogue.entries.flatMap { entry in
            entry.golden.map { [$0, entry.name] }
        }
        let stored = try ApplyCase.all.map { [$0.name, try $0.open().metadata["layer"] ?? ""] }
        for one in stored where !named.contains(one) {
            Issue.record("\(one[0]) says that it is of \(one[1]), whose entry does not name it")
        }
        for one in named where !stored.contains(one) {
            Issue.record("\(one[1])'s entry names \(one[0]), which is not a golden file of it")
        }
        #expect(Set(named.map { $0[0] }).count == named.count, "a file is named twice")
    }

    /// Worst difference in units of the largest expected value.
    private static let tolerance: Float = 2e-6

    @Test(
        arguments: ApplyCase.all,
        [["--layout", "nchw"], ["--layout", "nhwc", "--isa", "scalar", "--threads", "2"]])
    func equalsTheReference(test: ApplyCase, options: [String]) throws {
        let golden = try test.open()
        let folder = try TemporaryFolder()
        let isLast = options.contains("nhwc")
        // Four or five axes that do not follow the layout.
        let plain = Set((golden.metadata["plain"] ?? "").split(separator: " ").map(String.init))
        let sequences = Set(
            (golden.metadata["sequences"] ?? "").split(separator: " ").map(String.init))
        func stored(_ name: String, _ tensor: Tensor) throws -> Tensor {
            guard isLast, !plain.contains(name) else { return tensor }
            return try tensor.channelsLast(isSequence: sequences.contains(name))
        }
        let weights = try golden.group("weights")
        let inputs = try golden.group("input").map {
            (name, tensor) -> (name: String, tensor: Tensor) in
            (name: name, tensor: try stored("input." + name, tensor))
        }
        try Checkpoint.writeSafetensors(to: folder.path("in"), tensors: inputs)
        var arguments = [
            "apply", try #require(golden.metadata["layer"]),
            "--config", try #require(golden.metadata["config"]),
            "--input", folder.path("in"), "--output", folder.path("out"),
        ]
        if !weights.isEmpty {
            try Checkpoint.writeSafetensors(to: folder.path("w"), tensors: weights)
            arguments += ["--weights", folder.path("w")]
        }
        let result = try protean(arguments + options)
        try #require(result.status == 0, "\(result.errors)")
        let written = try Checkpoint.open(folder.path("out"))
        let expected = try golden.group("output")
        #expect(written.names == expected.map(\.name).sorted())
        for (name, tensor) in expected {
            let reference = try stored("output." + name, tensor)
            let difference = try written.tensor(name).maximumDifference(from: reference)
            let scale = reference.elements.map(abs).max() ?? 1
            #expect(difference <= Self.tolerance * max(scale, 1), "\(name)")
        }
    }
}

/// Failures of `protean apply`: status 1, one line, nothing written.
@Suite struct ApplyFailureTests {
    private let folder: TemporaryFolder
    private let config = #"{"in_channels": 2, "out_channels": 1, "kernel_size": 3}"#

    init() throws {
        folder = try TemporaryFolder()
        try Checkpoint.writeSafetensors(
            to: folder.path("w"),
            tensors: [
                (name: "weight", tensor: try Tensor(repeating: 1, shape: [1, 2, 3, 3])),
                (name: "bias", tensor: try Tensor(zeros: [1])),
            ])
        try Checkpoint.writeSafetensors(
            to: folder.path("in"), tensors: [(name: "x", tensor: try Tensor(zeros: [1, 2, 5, 4]))])
        try Checkpoint.writeSafetensors(
            to: folder.path("wrong"),
            tensors: [(name: "x", tensor: try Tensor(zeros: [1, 3, 5, 4]))])
    }

    private func apply(
        _ layer: String = "Conv2d", config: String? = nil, input: String = "in",
        weights: String = "w"
    ) throws -> CommandResult {
        try protean(
            "apply", layer, "--config", config ?? self.config, "--weights", folder.path(weights),
            "--input", folder.path(input), "--output", folder.path("out"))
    }

    private func expectFailure(_ result: CommandResult, _ parts: String...) {
        #expect(result.status == 1)
        #expect(result.errorLines.count == 1, "\(result.errors)")
        #expect(result.output.isEmpty)
        for part in parts {
            #expect(result.errors.contains(part), "\(result.errors) lacks \(part)")
        }
        #expect(!folder.exists("out"))
    }

    @Test func shapesAreRefusedByName() throws {
        expectFailure(try apply(input: "wrong"), "Conv2d", "'x'", "[1, 3, 5, 4]")
    }

    @Test func keysAreRefusedByName() throws {
        let extra = #"{"in_channels": 2, "out_channels": 1, "kernel_size": 3, "strid": 2}"#
        expectFailure(try apply(config: extra), "Conv2d: option 'strid' is an unknown key")
        expectFailure(try apply(config: #"{"in_channels": 2}"#), "option 'out_channels' is missing")
        let bad = #"{"in_channels": 2, "out_channels": 1, "kernel_size": 0}"#
        expectFailure(try apply(config: bad), "Conv2d: option 'kernel_size' is 0")
        let groups = #"{"in_channels": 2, "out_channels": 1, "kernel_size": 3, "groups": 2}"#
        expectFailure(try apply(config: groups), "Conv2d: option 'out_channels' is 1")
    }

    @Test func weightsAreRefusedByName() throws {
        expectFailure(try apply(weights: "in"), "Conv2d", "missing 2: weight, bias", "unused 1: x")
        expectFailure(try apply(weights: "nothing"), "nothing: ", "No such file")
    }

    @Test func unknownLayersAreRefused() throws {
        expectFailure(try apply("Conv3d"), "unknown layer 'Conv3d', known: ACON, ActiveConv2d, ")
    }

    @Test func helpAndListNameEverything() throws {
        let list = try protean("apply", "--list")
        #expect(list.status == 0)
        for entry in LayerCatalogue.entries {
            let help = try protean("apply", entry.name, "--help")
            #expect(help.status == 0)
            #expect(help.output == entry.help.joined(separator: "\n") + "\n")
            #expect(list.output.contains(help.output))
            for key in entry.keys + entry.variants.flatMap(\.keys) {
                #expect(help.output.contains("    \(key.name) "), "\(entry.name) \(key.name)")
            }
        }
    }

    /// A file that cannot be written is named, too.
    @Test func theOutputMustBeWritable() throws {
        let result = try protean(
            "apply", "Conv2d", "--config", config, "--weights", folder.path("w"), "--input",
            folder.path("in"), "--output", "/nowhere/out.safetensors")
        expectFailure(result, "/nowhere/out.safetensors", "No such file or directory")
    }
}
