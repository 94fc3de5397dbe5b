import Protean
import ProteanModels

/// `config.json`: as text, and as a folder with weights that fit no model.
enum ConfigurationFuzzTarget {
    static func run(_ bytes: [UInt8], _ folder: FuzzFolder) -> FuzzOutcome {
        var outcome: FuzzOutcome
        do throws(ProteanError) {
            let configuration = try ModelConfiguration(json: bytes, source: "case")
            let names = configuration.values.keys.sorted()
            outcome = FuzzOutcome(isRead: true, found: .members(names))
            look(at: configuration)
        } catch {
            outcome = .refused(error)
        }
        if FuzzTarget.isReadFromDisk(bytes) { outcome.problems += load(bytes, folder) }
        return outcome
    }

    /// Describes every value, as the refusal of an option does.
    private static func look(at configuration: ModelConfiguration) {
        for value in configuration.values.values { _ = value.description.utf8.count }
        do throws(ProteanError) {
            try configuration.requireOnly(known: ["architecture"])
        } catch {
            _ = "\(error)"
        }
    }

    private static func load(_ bytes: [UInt8], _ folder: FuzzFolder) -> [String] {
        folder.write(bytes, as: "config.json")
        folder.write(weights, as: "model.safetensors")
        do throws(ProteanError) {
            _ = try ModelLoader.standard.loadDirectory(folder.path)
            return ["a folder whose weights cannot fit was loaded"]
        } catch {
            let message = "\(error)"
            return message.escaped == message ? [] : ["the refusal holds control characters"]
        }
    }

    /// One tensor that no architecture has.
    private static let weights: [UInt8] = {
        let header = "{\"nothing\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}}"
        var bytes: [UInt8] = []
        bytes.append(little: UInt64(header.utf8.count))
        return bytes + Array(header.utf8) + [0]
    }()
}
