import Protean

extension ConfigurationKey {
    /// Arguments that Unfold and Fold share.
    static let slidingWindow: [ConfigurationKey] = [
        .required("kernel_size", "k or [kh, kw]"),
        .optional("dilation", 1, "d or [dh, dw]"),
        .optional("padding", 0, "p or [ph, pw]"),
        .optional("stride", 1, "s or [sh, sw]"),
    ]
}

extension CaseSizes {
    /// Arguments of Unfold and Fold for `r` and, if the case has them, `stride`, `pad` and
    /// `dilation`. The padding is at least large enough for one window to fit any map.
    var slidingWindow: [String: ModelConfiguration.Value] {
        get throws(ProteanError) {
            let dilation = try int("dilation", default: 1)
            let needed = (dilation * (try int("r") - 1) + 1) / 2
            return [
                "kernel_size": self["r"], "stride": self["stride", default: 1],
                "padding": .number(Double(max(needed, try int("pad", default: 0)))),
                "dilation": self["dilation", default: 1],
            ]
        }
    }
}
