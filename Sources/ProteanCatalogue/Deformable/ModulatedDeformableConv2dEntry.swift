import Protean

extension LayerEntry {
    static let modulatedDeformableConv2d = deformablePack(
        "ModulatedDeformableConv2d", reference: "mmcv ModulatedDeformConv2dPack",
        papers: ["1811.11168"], bias: true, numbers: 3,
        golden: ["modulated", "modulated_old_name", "modulated_options"],
        benchmark: "modulated_deformable_conv2d",
        ModulatedDeformableConv2d.init(
            inputChannels:outputChannels:kernelSize:stride:padding:dilation:groups:
            offsetGroups:bias:seed:))
}
