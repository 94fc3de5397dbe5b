import Foundation
import Protean
import Testing

@testable import CommandSupport

/// Standard output that is full or closed, and names that could steer a terminal.
@Suite struct StandardOutputTests {
    private let folder: TemporaryFolder

    init() throws {
        folder = try TemporaryFolder()
        try Checkpoint.writeSafetensors(
            to: folder.path("w.safetensors"), tensors: [("a", try Tensor(zeros: [4, 4]))])
    }

    private static let commands = [
        "info w.safetensors", "info w.safetensors --json", "info resnet20_cifar", "plugins",
        "plugins --json", "apply --list", "apply Conv2d --help", "--help", "run --help",
        "bench resnet20_cifar --repeat 1 --warm-up 1",
        "bench resnet20_cifar --repeat 1 --warm-up 1 --whole --json",
    ]

    @Test(arguments: commands, [("> /dev/full", "No space left"), (">&-", "Bad file descriptor")])
    func aLostOutputIsAFailure(_ command: String, _ place: (String, String)) throws {
        let result = try shell(#""$P" \#(command) \#(place.0)"#, in: folder)
        #expect(result.status == 1, "\(command) \(place)")
        #expect(
            result.errors == "protean: standard output: write: \(place.1)\(suffix(place.1))\n",
            "\(result.errors)")
    }

    private func suffix(_ text: String) -> String {
        text.hasPrefix("No space") ? " on device" : ""
    }

    @Test(arguments: [
        ("--list", ""), ("", "--json"), ("", "--json -"), ("", ""), ("", "--report -"),
    ])
    func kernelbenchTellsToo(_ options: (String, String)) throws {
        for place in ["> /dev/full", ">&-"] {
            let result = try shell(
                #""$K" --case 'a copy h=9 w=9 c=9' --threads 1 --min-time 0.002 \#(options.0) "#
                    + "\(options.1) \(place)", in: folder)
            #expect(result.status == 1, "\(options) \(place)")
            let isNamed = ["standard output: ", "/dev/stdout: "].contains {
                result.errors.contains($0)
            }
            #expect(isNamed, "\(result.errors)")
        }
    }

    /// The first file that is opened must not become standard output.
    @Test func aClosedOutputHarmsNoFile() throws {
        let x = try Tensor((0..<12).map(Float.init), shape: [1, 3, 2, 2])
        try Checkpoint.writeSafetensors(to: folder.path("in"), tensors: [("x", x)])
        let result = try shell(
            #""$P" apply MaxPool2d --config '{"kernel_size": 1}' --input in --output y "#
                + "<&- >&- 2>&-", in: folder)
        #expect(result.status == 0)
        #expect(try Checkpoint.open(folder.path("y")).tensor("y").elements == x.elements)
    }

    /// As with other commands, a reader that has seen enough ends the writer without a word.
    @Test func aReaderThatGoesAwayIsNoNews() throws {
        let result = try shell(
            #"{ while [ ! -e gone ]; do sleep 0.01; done; "$P" apply --list; echo $? > status; } "#
                + "| { exec <&-; touch gone; }", in: folder)
        #expect(result.errors.isEmpty, "\(result.errors)")
        let status = try String(
            contentsOf: folder.url.appendingPathComponent("status"), encoding: .utf8)
        #expect(status == "\(128 + SIGPIPE)\n")
    }

    @Test func namesDoNotSteerTheTerminal() throws {
        let name = "a\u{1B}[31m\u{202E}b"
        let file = folder.path("n.safetensors")
        try Checkpoint.writeSafetensors(
            to: file, tensors: [(name, try Tensor(zeros: [1]))], metadata: ["k\u{7}": "v\u{9B}2J"])
        let table = try protean("info", file)
        #expect(table.status == 0)
        #expect(table.output.contains(#"a\u{1B}[31m\u{202E}b"#), "\(table.output)")
        #expect(table.output.contains(#"k\u{7}: v\u{9B}2J"#), "\(table.output)")
        let json = try protean("info", file, "--json")
        #expect(json.output.contains(#"\u202e"#) && !json.output.contains("\u{202E}"))
        let value = try JSONSerialization.jsonObject(with: Data(json.output.utf8))
        let tensors = try #require((value as? [String: Any])?["tensors"] as? [[String: Any]])
        #expect(tensors.first?["name"] as? String == name)
        for arguments in [["info", "no\u{1B}[2Jfile.pth"], ["no\u{1B}[2Jcommand"]] {
            let failure = try protean(arguments)
            #expect(failure.status != 0)
            #expect(failure.errors.contains(#"no\u{1B}[2J"#), "\(failure.errors)")
            #expect(!failure.errors.contains("\u{1B}"))
        }
    }

    @Test func lettersOutsideOfTextAreEscapedInJSON() {
        #expect("{\n  \"é\": \"x\"\n}".escapedJSON == "{\n  \"é\": \"x\"\n}")
        #expect("\u{7F}\u{85}\u{E0001}".escapedJSON == #"\u007f\u0085\udb40\udc01"#)
    }
}
