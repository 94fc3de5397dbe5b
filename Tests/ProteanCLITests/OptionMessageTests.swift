import Foundation
import Protean
import Testing

/// Wrong options and variables: the message names the option, what was expected and what was found.
@Suite struct OptionMessageTests {
    @Test(arguments: [
        (["plugins", "--threads", "-1"], ["'-1'", "--threads", "1...1024"]),
        (["plugins", "--threads", "0"], ["'0'", "--threads", "1...1024"]),
        (["plugins", "--threads", "two"], ["'two'", "--threads", "1...1024"]),
        (["plugins", "--threads", "1025"], ["'1025'", "--threads", "1...1024"]),
        (["plugins", "--isa", "foo"], ["'foo'", "--isa", "scalar"]),
        (["bench", "x", "--threads", "-1"], ["'-1'", "--threads", "1...1024"]),
        (["bench", "x", "--threads", "1,0"], ["'1,0'", "--threads", "1...1024"]),
        (["bench", "x", "--isa", "foo"], ["'foo'", "--isa", "scalar"]),
        (["bench", "x", "--repeat", "-3"], ["'-3'", "--repeat", "at least 1"]),
        (["bench", "x", "--warm-up", "0"], ["'0'", "--warm-up", "at least 1"]),
        (["bench", "x", "--batch", "-2"], ["'-2'", "--batch", "at least 1"]),
        (["bench", "x", "--save", "-"], ["--save", "expected a file"]),
        (["run", "x", "--image", "a", "--top", "-3"], ["'-3'", "--top", "at least 1"]),
        (["run", "x", "--image", ""], ["--image", "expected a path", "empty"]),
        (["info", ""], ["<subject>", "expected a path", "empty"]),
        (["upscale", "x", "--image", "a", "--output", ""], ["--output", "expected a path"]),
        (["upscale", "x", "--image", "", "--output", "a"], ["--image", "expected a path"]),
        (
            ["upscale", "x", "--image", "a", "--output", "a", "--repeat", "-1"],
            ["'-1'", "--repeat", "at least 1"]
        ),
        (
            ["upscale", "x", "--image", "a", "--output", "-", "--json"],
            ["--json", "--output -"]
        ),
        (["apply", "MaxPool2d", "--input", "", "--output", "a"], ["--input", "expected a path"]),
        (
            ["draw", "offsets", "x", "--image", "a", "--list", "--group", "-1"],
            ["'-1'", "--group"]
        ),
        (["draw", "offsets", "x", "--image", "a", "--list", "--scale", "0"], ["'0'", "--scale"]),
        (["draw", "offsets", "x", "--image", "a", "--list", "--at", "-1"], ["'-1'", "--at"]),
    ])
    func wrongOptionsAreNamed(_ arguments: [String], _ parts: [String]) throws {
        let result = try protean(arguments)
        #expect(result.status == 64, "\(arguments): \(result.status)")
        #expect(result.output.isEmpty)
        for part in parts {
            #expect(result.errors.contains(part), "\(arguments): \(result.errors) lacks \(part)")
        }
    }

    @Test(arguments: [
        (["--threads", "-1"], ["--threads", "1...1024", "'-1'"]),
        (["--isa", "foo"], ["'foo'", "--isa"]),
        (["--min-time", "-1"], ["--min-time", "-1"]),
        (["--json", "", "--report", "x"], ["--json", "expected a path"]),
        (["--json", "x", "--report", "x"], ["--json and --report"]),
    ])
    func kernelbenchNamesThemToo(_ options: [String], _ parts: [String]) throws {
        let folder = try TemporaryFolder()
        let quoted = options.map { "'\($0)'" }.joined(separator: " ")
        let result = try shell(#""$K" --case 'a copy h=1 w=1 c=1' \#(quoted)"#, in: folder)
        #expect(result.status == 64 && result.output.isEmpty)
        for part in parts { #expect(result.errors.contains(part), "\(result.errors)") }
    }

    @Test(arguments: [
        ("PROTEAN_ISA", "foo", "scalar"), ("PROTEAN_NUM_THREADS", "abc", "1...1024"),
        ("PROTEAN_NUM_THREADS", "0", "1...1024"), ("PROTEAN_NUM_THREADS", "5000", "1...1024"),
        ("PROTEAN_EXACTNESS", "bar", "direct"),
    ])
    func wrongVariablesAreNamed(_ name: String, _ value: String, _ expected: String) throws {
        let folder = try TemporaryFolder()
        // Something that asks for all of them.
        let x = try Tensor(zeros: [1, 1, 4, 4])
        try Checkpoint.writeSafetensors(
            to: folder.path("w"), tensors: [("weight", try Tensor(zeros: [1, 1, 3, 3]))])
        try Checkpoint.writeSafetensors(to: folder.path("x"), tensors: [("x", x)])
        let result = try protean(
            [
                "apply", "Conv2d", "--config",
                #"{"in_channels": 1, "out_channels": 1, "kernel_size": 3, "bias": false}"#,
                "--weights", folder.path("w"), "--input", folder.path("x"), "--output",
                folder.path("y"),
            ], environment: [name: value])
        #expect(result.status == 1 && result.errorLines.count == 1)
        for part in [name, value, expected] {
            #expect(result.errors.contains(part), "\(result.errors) lacks \(part)")
        }
    }
}
