import CProteanKernels

/// The active blocks of a grid, for every sample of a batch.
///
/// Ren, Pokrovsky, Yang, Urtasun, "SBNet: Sparse Blocks Network for Fast Inference", arXiv
/// 1801.02108. Blocks are listed by sample and within it in row-major order, so that results are
/// deterministic. Memory: 4 bytes per block.
public struct SparseBlocks: Sendable {
    /// The grid of blocks.
    public let grid: BlockGrid
    /// Number of samples.
    public let batch: Int
    /// Height and width of the map that the grid lies over.
    public let size: Size2d
    /// Indices in the grid, row · columns + column, sample after sample.
    let indices: [Int32]
    /// Number of listed blocks before each sample's first; the last entry is the total.
    let offsets: [Int]

    /// Blocks that are listed, of all samples.
    public var count: Int { indices.count }

    /// Blocks in all, listed or not.
    public var blockCount: Int { batch * grid.count.height * grid.count.width }

    /// Indices of the listed blocks of each sample: row · grid.count.width + column, ascending.
    public var places: [[Int]] {
        (0..<batch).map { indices[offsets[$0]..<offsets[$0 + 1]].map(Int.init) }
    }

    /// The blocks that hold an active pixel: SBNet's reduction by maximum, the threshold being the
    /// mask's own.
    ///
    /// - Throws: ``ProteanError`` when the grid has too many blocks.
    public init(_ mask: MaskPlan, grid: BlockGrid) throws(ProteanError) {
        self = try Self.listing(grid, mask.batch, mask.size) { blocks, indices, offsets in
            withExtendedLifetime(mask) {
                ptn_mask_active_blocks(mask.kernelPlan, blocks, indices, offsets)
            }
        }
    }

    /// The blocks over which the mean of `mask`, `[batch, height, width]` with or without a last
    /// axis of size 1, is above `threshold`: SBNet's reduction by average. Outside the map the mask
    /// counts as 0. A block whose mean is NaN is not listed.
    ///
    /// - Throws: ``ProteanError`` when the shape is another, values are missing or the grid has too
    ///   many blocks.
    public init(
        averaging mask: Tensor, above threshold: Float, grid: BlockGrid
    ) throws(ProteanError) {
        guard mask.rank == 3 || (mask.rank == 4 && mask.shape[3] == 1) else {
            throw .shapeMismatch(
                layer: "SparseBlocks", tensor: "mask",
                expected: "[batch, height, width] or [batch, height, width, 1]",
                found: mask.shape)
        }
        guard let storage = mask.storage else { throw .noValues(layer: "SparseBlocks") }
        let size = Size2d(height: mask.shape[1], width: mask.shape[2])
        self = try Self.listing(grid, mask.shape[0], size) { blocks, indices, offsets in
            ptn_mask_average_blocks(
                mask.shape[0], size.height, size.width, storage.base, threshold, blocks, indices,
                offsets)
        }
        withExtendedLifetime(storage) {}
    }

    /// The same indices in another grid with the same number of blocks over another map: the
    /// positions to which the blocks' results are written.
    ///
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)`` when the number of
    ///   blocks differs.
    public func moved(to grid: BlockGrid, size: Size2d) throws(ProteanError) -> SparseBlocks {
        guard grid.count == self.grid.count else {
            throw .invalidOption(
                layer: "SparseBlocks", option: "grid", expected: "\(self.grid.count) blocks",
                found: "\(grid.count)")
        }
        return SparseBlocks(
            grid: grid, batch: batch, size: size, indices: indices, offsets: offsets)
    }

    private init(
        grid: BlockGrid, batch: Int, size: Size2d, indices: [Int32], offsets: [Int]
    ) {
        self.grid = grid
        self.batch = batch
        self.size = size
        self.indices = indices
        self.offsets = offsets
    }

    private static func listing(
        _ grid: BlockGrid, _ batch: Int, _ size: Size2d,
        _ kernel: (
            UnsafePointer<ptn_mask_blocks>, UnsafeMutablePointer<Int32>, UnsafeMutablePointer<Int>
        ) -> ptn_status
    ) throws(ProteanError) -> SparseBlocks {
        let most = try Shape.elementCount(
            [batch, grid.count.height, grid.count.width], layer: "SparseBlocks")
        guard most < 1 << 31 else { throw .sizeOverflow(layer: "SparseBlocks", what: "the grid") }
        try Memory.check(most, of: Int32.self, layer: "SparseBlocks")
        var offsets = [Int](repeating: 0, count: batch + 1)
        var blocks = grid.kernelValue
        var status = PTN_OK
        let indices = [Int32](unsafeUninitializedCapacity: most) { buffer, count in
            guard let base = buffer.baseAddress else { return }
            status = kernel(&blocks, base, &offsets)
            count = status == PTN_OK ? offsets[batch] : 0
        }
        try status.check("SparseBlocks")
        return SparseBlocks(
            grid: grid, batch: batch, size: size, indices: indices, offsets: offsets)
    }
}
