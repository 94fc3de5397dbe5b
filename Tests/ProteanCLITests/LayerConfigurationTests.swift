import Protean
import Testing

@testable import ProteanCLI
@testable import ProteanCatalogue

@Suite struct LayerConfigurationTests {
    private let keys: [ConfigurationKey] = [
        .required("channels", "channels C", aliases: "inputChannels"),
        .optional("stride", .number(1), "step"),
        .optional("size", .null, "output size"),
        .optional("mode", .string("a"), "what to do"),
        .optional("bias", .bool(true), "whether to add one"),
    ]

    private func read(_ json: String) throws -> LayerConfiguration {
        try LayerConfiguration(entry(), json: json)
    }

    private func entry(_ variants: [LayerEntry.Variant] = []) -> LayerEntry {
        LayerEntry(
            "Fake", family: .shape, reference: "none", summary: .fixed("nothing real"), keys: keys,
            variants: variants, golden: [], benchmark: .kernel("none", "")
        ) { _ in throw Failure("not built here") }
    }

    @Test func defaultsAndValues() throws {
        let configuration = try read(#"{"channels": 8, "stride": [2, 3], "size": [null, 5]}"#)
        #expect(try configuration.int("channels") == 8)
        #expect(try configuration.pair("stride") == (2, 3))
        #expect(try configuration.pairOfOptionals("size") == (nil, 5))
        #expect(try configuration.choice("mode", ["a", "b"]) == "a")
        #expect(try configuration.bool("bias"))
        #expect(try read(#"{"channels": 1}"#).pair("stride") == (1, 1))
        #expect(try read(#"{"channels": 1}"#).optionalPair("size") == nil)
    }

    @Test(arguments: [
        (
            #"{"channels": 8, "strid": 1}"#,
            "Fake: option 'strid' is an unknown key, expected one of"
        ),
        (#"{"stride": 1}"#, "Fake: option 'channels' is missing, expected a value: channels C"),
        (#"{"channels": 8,}"#, "--config: malformed JSON"),
        (#"[]"#, "--config: malformed JSON"),
        (#"{"channels": 8, "channels": 9}"#, "--config: the name 'channels' occurs twice"),
    ])
    func keysAreChecked(json: String, message: String) {
        let error = #expect(throws: ProteanError.self) { try read(json) }
        #expect(error?.description.hasPrefix(message) == true, "\(String(describing: error))")
    }

    @Test func valuesAreChecked() throws {
        let bad = try read(
            #"{"channels": 1.5, "stride": [1, 2, 3], "mode": "c", "bias": 1, "size": "x"}"#)
        func message(_ body: () throws -> Void) -> String? {
            #expect(throws: ProteanError.self) { try body() }?.description
        }
        #expect(
            message { _ = try bad.int("channels") }
                == "Fake: option 'channels' is 1.5, expected a whole number")
        #expect(
            message { _ = try bad.pair("stride") }
                == "Fake: option 'stride' is [1, 2, 3], expected a whole number or [height, width]")
        #expect(
            message { _ = try bad.choice("mode", ["a", "b"]) }
                == #"Fake: option 'mode' is "c", expected one of "a", "b""#)
        #expect(
            message { _ = try bad.bool("bias") }
                == "Fake: option 'bias' is 1, expected true or false")
        #expect(
            message { try bad.require("mode", .string("a")) }
                == #"Fake: option 'mode' is "c", expected "a""#)
        #expect(message { _ = try bad.pairOfOptionals("size") } != nil)
        #expect(message { _ = try bad.optionalNumber("size") } != nil)
    }

    @Test func variantsHaveTheirOwnKeys() throws {
        let fake = entry([
            .init(name: "one", keys: [.required("reduction", "C over hidden")]),
            .init(name: "two", keys: [.optional("ratio", .number(0.5), "hidden over C")]),
        ])
        func read(_ json: String) throws -> LayerConfiguration {
            try LayerConfiguration(fake, json: json)
        }
        #expect(try read(#"{"channels": 8, "reduction": 4}"#).text("variant") == "one")
        #expect(try read(#"{"channels": 8, "variant": "two"}"#).number("ratio") == 0.5)
        for (json, part) in [
            (#"{"channels": 8}"#, "'reduction' is missing"),
            (
                #"{"channels": 8, "variant": "two", "reduction": 4}"#,
                "'reduction' is an unknown key"
            ),
            (
                #"{"channels": 8, "variant": "three"}"#,
                #"'variant' is "three", expected one of "one", "two""#
            ),
        ] {
            let error = #expect(throws: ProteanError.self) { try read(json) }
            #expect(error?.description.contains(part) == true, "\(String(describing: error))")
        }
    }

    @Test func errorsOfALayerSpeakOfTheKey() throws {
        let configuration = try read(#"{"channels": 8}"#)
        func renamed(_ option: String) -> String {
            configuration.renamed(
                .invalidOption(layer: "Conv2d", option: option, expected: "1", found: "0")
            ).description
        }
        #expect(renamed("stride") == "Fake: option 'stride' is 0, expected 1")
        #expect(renamed("inputChannels") == "Fake: option 'channels' is 0, expected 1")
        #expect(renamed("somethingElse") == "Conv2d: option 'somethingElse' is 0, expected 1")
    }
}
