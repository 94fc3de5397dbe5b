import Foundation
import Protean
import ProteanModels
import Testing

/// Files whose keys begin with what wrappers put before them load as every architecture.
@Suite(.serialized) struct KeyPrefixModelTests {
    static let prefixes = ["module.", "_orig_mod.", "model."]

    /// Every architecture with one of the prefixes, and the small ones with all.
    static let cases = ModelRegistry.standard().names.enumerated().flatMap { index, name in
        let isSmall = name.hasPrefix("protean") || name.hasSuffix("cifar")
        return (isSmall ? prefixes : [prefixes[index % 3]]).map { (name, $0) }
    }

    @Test(arguments: cases) func prefixesAreTakenOff(name: String, prefix: String) throws {
        let path = FileManager.default.temporaryDirectory
            .appendingPathComponent("protean-prefix-\(UUID().uuidString).safetensors").path
        defer { try? FileManager.default.removeItem(atPath: path) }
        let original = try ModelLoader.standard.makeModel(name)
        let stored = original.allParameters()
        try Checkpoint.writeSafetensors(
            to: path, tensors: stored.map { (prefix + $0.name, $0.parameter.value) })
        let model = try ModelLoader.standard.load(path, as: name)
        #expect(model.notes.contains { $0.contains("`\(prefix)`") }, "\(model.notes)")
        let loaded = model.allParameters()
        #expect(loaded.map(\.name) == stored.map(\.name))
        for (a, b) in zip(stored, loaded) where a.parameter.count < 5000 {
            #expect(a.parameter.value.elements == b.parameter.value.elements, "\(a.name)")
        }
    }
}
