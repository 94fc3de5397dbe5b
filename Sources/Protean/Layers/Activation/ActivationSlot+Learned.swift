// Activations with parameters, for the builders of blocks.
extension ActivationSlot {
    /// ACON-C (Ma et al., arXiv 2009.04759); see ``ACON``.
    public static func acon(seed: UInt64 = 0) -> ActivationSlot {
        ActivationSlot { channels throws(ProteanError) in
            try ACON(channels: channels, seed: seed)
        }
    }

    /// Meta-ACON (Ma et al., arXiv 2009.04759); see ``MetaACON``.
    public static func metaACON(reduction: Int = 16, seed: UInt64 = 0) -> ActivationSlot {
        ActivationSlot { channels throws(ProteanError) in
            try MetaACON(channels: channels, reduction: reduction, seed: seed)
        }
    }

    /// The funnel activation (Ma et al., arXiv 2007.11824); see ``FReLU``.
    public static func frelu(
        kernelSize: Int = 3, form: FReLU.Form = .full, seed: UInt64 = 0
    ) -> ActivationSlot {
        ActivationSlot { channels throws(ProteanError) in
            try FReLU(channels: channels, kernelSize: kernelSize, form: form, seed: seed)
        }
    }

    /// Dynamic shift-max (Li et al., arXiv 2108.05894); see ``DynamicShiftMax``. `groups` must divide
    /// the block's channels.
    public static func dynamicShiftMax(
        groups: Int, reduction: Int = 4,
        options: DynamicShiftMax.Options = DynamicShiftMax.Options(), seed: UInt64 = 0
    ) -> ActivationSlot {
        ActivationSlot { channels throws(ProteanError) in
            try DynamicShiftMax(
                channels: channels, groups: groups, reduction: reduction, options: options,
                seed: seed)
        }
    }
}
