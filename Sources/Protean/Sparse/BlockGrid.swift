import CProteanKernels

/// A grid of blocks over a map: block (i, j) has its upper left pixel at
/// (i · step.height − offset.height, j · step.width − offset.width) and may reach beyond the map.
public struct BlockGrid: Sendable, Hashable {
    /// Height and width of a block.
    public let blockSize: Size2d
    /// Distance from one block to the next; blocks overlap where it is smaller than the size.
    public let step: Size2d
    /// How far the first block reaches beyond the map's upper and left edge.
    public let offset: Size2d
    /// Number of blocks vertically and horizontally.
    public let count: Size2d

    /// A checked grid; `step` defaults to the block's size.
    ///
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)`` naming the option.
    public init(
        blockSize: Size2d, step: Size2d? = nil, offset: Size2d = 0, count: Size2d
    ) throws(ProteanError) {
        self.blockSize = blockSize
        self.step = step ?? blockSize
        self.offset = offset
        self.count = count
        try blockSize.check(atLeast: 1, layer: "BlockGrid", option: "blockSize")
        try self.step.check(atLeast: 1, layer: "BlockGrid", option: "step")
        try offset.check(atLeast: 0, layer: "BlockGrid", option: "offset")
        try count.check(atLeast: 0, layer: "BlockGrid", option: "count")
    }

    var kernelValue: ptn_mask_blocks {
        ptn_mask_blocks(
            height: blockSize.height, width: blockSize.width, step_h: step.height,
            step_w: step.width, pad_top: offset.height, pad_left: offset.width, down: count.height,
            across: count.width)
    }
}
