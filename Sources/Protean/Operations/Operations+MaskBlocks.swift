import CProteanKernels

extension Operations {
    /// The pixels of the listed blocks as a stack `[blocks, block height, block width, channels]`, zeros
    /// outside the map `[batch, height, width, channels]`.
    ///
    /// - Throws: ``ProteanError/shapeMismatch(layer:tensor:expected:found:)``.
    public static func gatherBlocks(
        _ map: Tensor, _ blocks: SparseBlocks
    ) throws(ProteanError) -> Tensor {
        let channels = try channels(of: map, blocks, "gatherBlocks")
        let shape = [
            blocks.count, blocks.grid.blockSize.height, blocks.grid.blockSize.width, channels,
        ]
        var grid = blocks.grid.kernelValue
        return try filling(shape, for: "gatherBlocks", from: [map]) { runtime, x, y in
            ptn_mask_gather_blocks(
                runtime, blocks.batch, blocks.size.height, blocks.size.width, channels, &grid,
                blocks.indices, blocks.offsets, x[0], y)
        }
    }

    /// `map` with the listed blocks replaced by those of a stack, or, with `adding`, with the
    /// stack's blocks added to it; in place where there is no other reference to the map. Where
    /// blocks overlap, the later one is kept; parts outside the map are ignored.
    ///
    /// - Throws: ``ProteanError/shapeMismatch(layer:tensor:expected:found:)``.
    public static func scatterBlocks(
        _ stack: Tensor, _ blocks: SparseBlocks, into map: consuming Tensor, adding: Bool = false
    ) throws(ProteanError) -> Tensor {
        var result = map
        try updateBlocks(of: &result, with: stack, blocks, adding: adding)
        return result
    }

    /// As ``scatterBlocks(_:_:into:adding:)`` in place; `map` keeps its shape only when one of the two
    /// carries no values.
    static func updateBlocks(
        of map: inout Tensor, with stack: Tensor, _ blocks: SparseBlocks, adding: Bool
    ) throws(ProteanError) {
        let channels = try channels(of: map, blocks, "scatterBlocks")
        let shape = [
            blocks.count, blocks.grid.blockSize.height, blocks.grid.blockSize.width, channels,
        ]
        guard stack.shape == shape else {
            throw .shapeMismatch(
                layer: "scatterBlocks", tensor: "stack", expected: "\(shape)", found: stack.shape)
        }
        if stack.isShapeOnly || map.isShapeOnly {
            map = try Tensor(shapeOnly: map.shape)
            return
        }
        let base = try map.uniqueBase()
        var runtime = try Runtime.current()
        var grid = blocks.grid.kernelValue
        let status = withExtendedLifetime(stack) {
            ptn_mask_scatter_blocks(
                &runtime, blocks.batch, blocks.size.height, blocks.size.width, channels, &grid,
                blocks.indices, blocks.offsets, adding, stack.storage!.base, base)
        }
        try status.check("scatterBlocks")
    }

    private static func channels(
        of map: Tensor, _ blocks: SparseBlocks, _ layer: String
    ) throws(ProteanError) -> Int {
        let pixels = [blocks.batch, blocks.size.height, blocks.size.width]
        guard map.rank == 4, Array(map.shape.prefix(3)) == pixels else {
            throw .shapeMismatch(
                layer: layer, tensor: "map", expected: "\(pixels) and channels", found: map.shape)
        }
        return map.shape[3]
    }
}
