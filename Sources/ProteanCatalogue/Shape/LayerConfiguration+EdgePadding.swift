import Protean

extension ConfigurationKey {
    /// The one argument of PyTorch's padding layers.
    static let edgePadding = ConfigurationKey.required("padding", "p or [left, right, top, bottom]")
}

extension LayerConfiguration {
    /// A whole number for all sides, or `[left, right, top, bottom]`.
    func edgePadding(_ key: String) throws -> EdgePadding {
        guard case .array(let list) = value(key) else { return EdgePadding(try int(key)) }
        guard list.count == 4 else {
            throw refusal(key, "a whole number or [left, right, top, bottom]")
        }
        let sides = try ints(key)
        return EdgePadding(left: sides[0], right: sides[1], top: sides[2], bottom: sides[3])
    }
}

extension LayerBenchmark {
    /// A padding layer on a map; the padding is limited to what a reflection of the map allows.
    static func edgePadding(_ kernel: String) -> LayerBenchmark {
        .generic(kernel, "h=56 w=56 c=64 pad=3") { sizes in
            let map = try sizes.map
            let padding = min(try sizes.int("pad"), max(0, min(map[1], map[2]) - 1))
            return LayerSample(
                ["padding": .number(Double(padding))], inputs: ["x": .map(map)])
        }
    }
}
