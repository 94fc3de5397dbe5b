extension AttentionSlot {
    /// Squeeze and excitation (Hu et al., arXiv 1709.01507); see ``SqueezeExcitation``.
    public static func squeezeExcitation(
        reduction: Int = 16, variant: SqueezeExcitation.Variant = .timm
    ) -> AttentionSlot {
        AttentionSlot { channels throws(ProteanError) in
            try SqueezeExcitation(channels: channels, reduction: reduction, variant: variant)
        }
    }

    /// Means and deviations (Lee et al., arXiv 1903.10829); see ``StyleRecalibration``.
    public static func styleRecalibration(
        variant: StyleRecalibration.Variant = .official
    ) -> AttentionSlot {
        AttentionSlot { channels throws(ProteanError) in
            try StyleRecalibration(channels: channels, variant: variant)
        }
    }

    /// Global context (Cao et al., arXiv 1904.11492) with `channels / reduction` hidden channels, at
    /// least 1; see ``GlobalContext``.
    public static func globalContext(
        reduction: Int = 16, fusions: Set<GlobalContext.Fusion> = [.add]
    ) -> AttentionSlot {
        AttentionSlot { channels throws(ProteanError) in
            try checkChannels(reduction, "reduction", layer: "GlobalContext")
            return try GlobalContext(
                channels: channels, hiddenChannels: max(1, channels / reduction), fusions: fusions)
        }
    }

    /// A gate from normalised norms of the channels (Yang et al., arXiv 1909.11519); see
    /// ``GatedChannelTransformation``.
    public static func gatedChannelTransformation() -> AttentionSlot {
        AttentionSlot { channels throws(ProteanError) in
            try GatedChannelTransformation(channels: channels)
        }
    }

    /// A channel and a spatial branch (Park et al., arXiv 1807.06514); see ``BAM``.
    public static func bam() -> AttentionSlot {
        AttentionSlot { channels throws(ProteanError) in try BAM(channels: channels) }
    }

    /// A gate per channel, then one per pixel (Woo et al., arXiv 1807.06521); see ``CBAM``.
    public static func cbam(
        variant: CBAM.Variant = .original, options: CBAM.Options = CBAM.Options()
    ) -> AttentionSlot {
        AttentionSlot { channels throws(ProteanError) in
            try CBAM(channels: channels, variant: variant, options: options)
        }
    }

    /// Gates per row and per column (Hou et al., arXiv 2103.02907); see ``CoordinateAttention``.
    public static func coordinate(
        variant: CoordinateAttention.Variant = .original
    ) -> AttentionSlot {
        AttentionSlot { channels throws(ProteanError) in
            try CoordinateAttention(channels: channels, variant: variant)
        }
    }

    /// SimAM (Yang et al., ICML 2021); see ``SimAM``.
    public static func simAM(lambda: Float = 1e-4) -> AttentionSlot {
        AttentionSlot { _ throws(ProteanError) in try SimAM(lambda: lambda) }
    }
}
