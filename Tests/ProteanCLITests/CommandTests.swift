import Foundation
import Protean
import Testing

/// The executable as users see it: output, one line of error, exit status.
@Suite struct CommandTests {
    @Test func helpNamesEveryCommand() throws {
        let result = try protean("--help")
        #expect(result.status == 0 && result.errors.isEmpty)
        for command in ["run", "demo", "info", "apply", "bench", "plugins", "draw"] {
            #expect(result.output.contains("\n  \(command) "))
            let help = try protean(command, "--help")
            #expect(help.status == 0)
            #expect(help.output.contains("Examples:") && help.output.contains("protean \(command)"))
        }
    }

    @Test func wrongArgumentsKeepTheParsersStatus() throws {
        for arguments in [
            ["fly"], ["run"], ["bench", "x", "--threads", "0"], ["apply", "Conv2d"],
        ] {
            let result = try protean(arguments)
            #expect(result.status == 64, "\(arguments)")
            #expect(result.output.isEmpty && result.errors.contains("Error:"))
        }
    }

    @Test func pluginsListsWhatThereIs() throws {
        let result = try protean("plugins", "--json", "--threads", "3", "--isa", "scalar")
        #expect(result.status == 0)
        let json = try #require(
            JSONSerialization.jsonObject(with: Data(result.output.utf8)) as? [String: Any])
        #expect(json["threads"] as? Int == 3)
        #expect(json["isa"] as? String == "scalar")
        #expect((json["formats"] as? [String])?.contains("safetensors") == true)
        #expect(json["isas"] as? [String] == KernelISA.supported.map(\.rawValue))
        #expect(json["models"] is [Any])
        #expect(try protean("plugins").output.contains("weight file formats  safetensors"))
    }

    @Test func theCommandHasTheSettingsOfItsTests() throws {
        let result = try protean("plugins", "--json")
        let json = try #require(
            JSONSerialization.jsonObject(with: Data(result.output.utf8)) as? [String: Any])
        #expect(json["isa"] as? String == (try Runtime.isa()).rawValue)
        #expect(json["threads"] as? Int == (try Runtime.threads()))
    }

    /// One line on standard error that names what is wrong, nothing on standard output, status 1.
    private func expectFailure(_ arguments: [String], _ parts: String...) throws {
        let result = try protean(arguments)
        #expect(result.status == 1, "\(arguments)")
        #expect(result.output.isEmpty, "\(arguments)")
        #expect(result.errorLines.count == 1, "\(result.errors)")
        for part in ["protean: "] + parts {
            #expect(result.errors.contains(part), "\(result.errors) lacks \(part)")
        }
    }

    @Test func unknownNamesAreRefused() throws {
        try expectFailure(["bench", "no_such_model"], "unknown model 'no_such_model'")
        try expectFailure(["info", "no_such_model"], "unknown model 'no_such_model'")
        try expectFailure(["info", "missing.pth"], "missing.pth: No such file or directory")
        try expectFailure(
            ["run", "no_such_model", "--image", "x.png"], "unknown model 'no_such_model'")
        try expectFailure(["apply", "NoSuchLayer", "--help"], "unknown layer 'NoSuchLayer'")
    }

    @Test func theEnvironmentIsChecked() throws {
        let result = try protean("plugins", environment: ["PROTEAN_NUM_THREADS": "many"])
        #expect(result.status == 1)
        #expect(result.errors.contains("PROTEAN_NUM_THREADS"))
    }

    @Test func infoDescribesAWeightFile() throws {
        let folder = try TemporaryFolder()
        let path = folder.path("w.safetensors")
        try Checkpoint.writeSafetensors(
            to: path,
            tensors: [
                (name: "conv.weight", tensor: try Tensor(zeros: [8, 3, 3, 3])),
                (name: "conv.bias", tensor: try Tensor(zeros: [8])),
            ], metadata: ["origin": "test"])
        let text = try protean("info", path)
        #expect(text.status == 0)
        for part in [
            "safetensors, 2 tensors, 224 parameters, 896 bytes", "origin: test",
            "conv.weight", "[8, 3, 3, 3]", "F32", "216",
        ] {
            #expect(text.output.contains(part), "\(part)")
        }
        let result = try protean("info", path, "--json")
        let json = try #require(
            JSONSerialization.jsonObject(with: Data(result.output.utf8)) as? [String: Any])
        #expect(json["parameters"] as? Int == 224)
        #expect((json["tensors"] as? [[String: Any]])?.count == 2)
    }

    @Test func infoRefusesWhatIsNotAWeightFile() throws {
        let folder = try TemporaryFolder()
        try expectFailure(
            ["info", folder.write(Array("hello, world, this is text".utf8), to: "x.bin")],
            "x.bin", "not a weight file")
        let whole = folder.path("w.safetensors")
        try Checkpoint.writeSafetensors(
            to: whole, tensors: [(name: "a", tensor: try Tensor(zeros: [64]))])
        let bytes = try Data(contentsOf: URL(fileURLWithPath: whole))
        try expectFailure(
            ["info", folder.write(bytes.dropLast(9), to: "cut.safetensors")], "cut.safetensors")
    }
}
