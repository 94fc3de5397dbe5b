import Protean

extension LayerEntry {
    static let deformableConv2dPack = deformablePack(
        "DeformableConv2dPack", reference: "mmcv DeformConv2dPack", papers: ["1703.06211"],
        bias: false, numbers: 2, golden: ["deformable_pack", "deformable_pack_options"],
        benchmark: "deformable_conv2d_pack",
        DeformableConv2dPack.init(
            inputChannels:outputChannels:kernelSize:stride:padding:dilation:groups:
            offsetGroups:bias:seed:))
}
