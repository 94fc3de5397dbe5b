import Protean

extension LayerEntry {
    static let kernelWarehouse = LayerEntry(
        "KernelWarehouse", family: .dynamic,
        reference: "OSVAI KWConv2d with its Warehouse_Manager",
        summary: .dynamic("the kernel: sums of shared cells by contrasting attention"),
        papers: ["2406.07879"],
        keys: [
            .required("in_planes", "input channels C", aliases: "inputChannels", "channels"),
            .required("out_planes", "output channels O", aliases: "outputChannels"),
            .required("kernel_size", "k or [kh, kw]"),
            .optional("stride", 1, "s or [sh, sw]"),
            .optional("padding", 0, "p or [ph, pw]"),
            .optional("dilation", 1, "d or [dh, dw]"),
            .optional("groups", 1, "groups g of channels"),
            .optional("bias", false, "whether there is a bias"),
            .optional("reduction", .number(0.0625), "hidden width h over C; h is at least 16"),
            .optional(
                "cell_num_ratio", 1, "cells over places for cells", aliases: "cellRatio", "ratio"),
            .optional(
                "cell_inplane_ratio", 1, "input channels of a cell over those of a group",
                aliases: "inputRatio"),
            .optional(
                "cell_outplane_ratio", 1, "output channels of a cell over O",
                aliases: "outputRatio"),
            .optional(
                "nonlocal_basis_ratio", 1, "below 1: basis values over cells of other layers",
                aliases: "basisRatio"),
            .optional("norm_layer", .null, "null: batch norm"),
            .optional("spatial_partition", true, "whether a cell has one tap"),
            .optional(
                "cell_shape", .null,
                "[M, co, ci, kh, kw] of a warehouse shared with other layers; null: as above",
                aliases: "cellShape"),
            .optional(
                "start_cell_idx", 0, "cell assigned to the first place", aliases: "firstCell"),
            .optional("temp_value", 0, "temperature, 0...1", aliases: "temperature"),
        ],
        weights: [
            .init("warehouse_manager.weights.0", "[M, co, ci, kh, kw]"),
            .init("attention.fc1.weight, attention.norm1.*", "[h, C], batch norm of h"),
            .init("attention.fc2.weight, attention.fc2.bias", "[m * (M + 1), h], [m * (M + 1)]"),
            .init("attention.fc3.weight", "[M - own cells, basis]", optional: true),
            .init("attention.basis_bias", "[m * (M + 1)]", optional: true),
            .init("bias", "[O]", optional: true),
        ],
        golden: [
            "kernel_warehouse", "kernel_warehouse_basis", "kernel_warehouse_grouped",
            "kernel_warehouse_shared", "kernel_warehouse_whole",
        ],
        benchmark: .generic("kernel_warehouse", "h=14 w=14 c=64 k=64 r=3") { sizes in
            let reach = (try sizes.int("r") - 1) / 2
            return LayerSample(
                [
                    "in_planes": sizes["c"], "out_planes": sizes["k"], "kernel_size": sizes["r"],
                    "padding": .number(Double(reach)),
                ], inputs: ["x": .map(try sizes.map)])
        },
        parts: ["KernelCells"]
    ) { configuration in
        try configuration.require("norm_layer", .null)
        var options = KernelWarehouse.Options()
        options.reduction = try configuration.number("reduction")
        options.cellRatio = try configuration.number("cell_num_ratio")
        options.basisRatio = try configuration.number("nonlocal_basis_ratio")
        options.firstCell = try configuration.int("start_cell_idx")
        options.temperature = try configuration.number("temp_value")
        let geometry = try Conv2dGeometry(
            inputChannels: configuration.int("in_planes"),
            outputChannels: configuration.int("out_planes"),
            kernelSize: configuration.size("kernel_size"), stride: configuration.size("stride"),
            padding: configuration.padding("padding"), dilation: configuration.size("dilation"),
            groups: configuration.int("groups"), layer: "KernelWarehouse")
        let cells = try configuration.cells(serving: geometry, ratio: options.cellRatio)
        let layer = try KernelWarehouse(
            geometry, bias: configuration.bool("bias"), cells: cells, options: options)
        return BuiltLayer(WarehousedConv2d(layer: layer)) { inputs in
            [.map("y", try layer(inputs.map("x")))]
        }
    }
}

extension LayerConfiguration {
    /// The warehouse that the keys describe.
    fileprivate func cells(serving geometry: Conv2dGeometry, ratio: Double) throws -> KernelCells {
        guard isNull("cell_shape") else { return try KernelCells(shape: ints("cell_shape")) }
        return try KernelCells(
            serving: [geometry], ratio: ratio, inputRatio: number("cell_inplane_ratio"),
            outputRatio: number("cell_outplane_ratio"), dividesKernels: bool("spatial_partition"))
    }
}

/// The layer with its warehouse, under the names of the reference's networks.
private struct WarehousedConv2d: Module {
    let layer: KernelWarehouse

    var parameters: [NamedParameter] { layer.parameters }
    var submodules: [NamedModule] {
        layer.submodules + [NamedModule("warehouse_manager", layer.warehouse)]
    }
}
