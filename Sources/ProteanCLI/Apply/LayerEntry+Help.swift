import Protean
import ProteanCatalogue

extension LayerEntry {
    /// Configuration keys, inputs, weights and outputs as lines of text.
    var help: [String] {
        var lines = ["\(name)  (\(reference))"]
        lines += Self.section("configuration", keys)
        for (index, variant) in variants.enumerated() {
            let title = "configuration with \"variant\": \"\(variant.name)\""
            lines += Self.section(title + (index == 0 ? " (default)" : ""), variant.keys)
        }
        for (title, tensors) in [("input", inputs), ("weights", weights), ("output", outputs)]
        where !tensors.isEmpty {
            var table = Table([("", .left), ("", .left), ("", .left)])
            for tensor in tensors {
                table.add(tensor.name, tensor.shape, tensor.isOptional ? "optional" : "")
            }
            lines.append("  \(title)")
            lines += table.lines(indent: "    ")
        }
        return lines
    }

    private static func section(_ title: String, _ keys: [ConfigurationKey]) -> [String] {
        guard !keys.isEmpty else { return [] }
        var table = Table([("", .left), ("", .left), ("", .left)])
        for key in keys {
            let fallback = key.fallback.map { "default \($0.description)" } ?? "required"
            table.add(key.name, fallback, key.meaning)
        }
        return ["  \(title)"] + table.lines(indent: "    ")
    }
}
