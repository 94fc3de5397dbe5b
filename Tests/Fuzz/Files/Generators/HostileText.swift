/// Names and texts that are legal and awkward: canonically equal spellings, marks that combine,
/// control characters, directions.
enum HostileText {
    /// A short name, mostly harmless.
    static func name(_ random: inout FuzzRandom) -> String {
        switch random.below(12) {
        case 0: return random.pick(awkward)
        case 1: return random.pick(containers)
        case 2: return random.pick(prefixes) + plain(&random)
        default: return plain(&random)
        }
    }

    /// A harmless name with a number, so that many differ.
    static func plain(_ random: inout FuzzRandom) -> String {
        random.pick(["conv", "bn", "layer1.0.weight", "fc.bias", "w", "blocks"])
            + ".\(random.below(1 << 20))"
    }

    static let containers = [
        "state_dict", "model_state_dict", "model", "net", "params", "params_ema", "ema", "weights",
        "optimizer", "model_state", "net_state_dict", "__metadata__", "_metadata", "",
    ]
    static let prefixes = ["module.", "_orig_mod.", "model.", "module.module.", "."]
    static let awkward = [
        "\u{e9}", "e\u{301}", "\u{212b}", "a\u{30a}", "\u{1b}[31mred", "line\nbreak", "\u{202e}rtl",
        "\u{0}", "\u{7f}", "\u{feff}", "\u{200b}", "\u{2028}", "..", "a/../../b", "\u{10ffff}",
        "\u{ac00}", "\u{1100}\u{1161}", "\\", "\"", "'", "%s%n", "\u{1f469}\u{200d}\u{1f469}",
    ]

    /// A text of about `length` bytes that normalising, comparing or escaping makes expensive.
    static func long(_ random: inout FuzzRandom, length: Int) -> String {
        let units = [
            "a", "\u{301}", "\u{301}\u{323}", "\u{323}\u{301}\u{5b0}\u{334}", "e\u{301}",
            "\u{1161}", "\u{1b}", "\u{202e}", "\u{200d}", "\u{1f468}\u{200d}", "ab.", "\n",
            "\u{e9}",
        ]
        let unit = random.pick(units)
        return String(repeating: unit, count: max(1, length / unit.utf8.count))
    }
}
