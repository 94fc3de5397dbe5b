import CProteanKernels

/// The pixels of every region of a map, listed region by region.
///
/// Made once per region map by a counting sort per sample, and shared by all layers that use the
/// same regions: both convolutions of a block. Memory: 4 bytes per pixel and 8 per region.
public final class RegionPlan: Sendable {
    /// Number of samples.
    public let batch: Int
    /// Height and width of the map.
    public let size: Size2d
    /// Number of regions.
    public let regions: Int

    /// Pixels `y · width + x`, ascending within a region; regions one after the other.
    let list: [Int32]
    /// Where each region of each sample begins in the list; one more entry for the end.
    let offsets: [Int]

    /// The plan of a map of region numbers 0 ..< `regions`, `[batch, height, width, 1]` or
    /// `[batch, height, width]`.
    ///
    /// - Throws: ``ProteanError/shapeMismatch(layer:tensor:expected:found:)``;
    ///   ``ProteanError/invalidOption(layer:option:expected:found:)`` for a number that is not a
    ///   region's or for less than one region, ``ProteanError/noValues(layer:)`` for a shape only.
    public convenience init(_ map: Tensor, regions: Int) throws(ProteanError) {
        try self.init(map, regions: regions, layer: "RegionPlan")
    }

    init(_ map: Tensor, regions: Int, layer: String) throws(ProteanError) {
        try checkOption(regions, "regions", in: 1...OptionLimits.experts, layer: layer)
        guard map.rank == 3 || map.rank == 4 && map.shape[3] == 1 else {
            throw .shapeMismatch(
                layer: layer, tensor: "guide",
                expected: "[batch, height, width] or [batch, height, width, 1]", found: map.shape)
        }
        guard let storage = map.storage else { throw .noValues(layer: layer) }
        let batch = map.shape[0], size = Size2d(height: map.shape[1], width: map.shape[2])
        var runtime = try Runtime.current()
        var status = PTN_OK, wrong = 0
        var offsets = [Int](repeating: 0, count: batch * regions + 1)
        list = withExtendedLifetime(storage) {
            [Int32](unsafeUninitializedCapacity: map.count) { list, filled in
                var nothing = Int32(0)
                status = withUnsafeMutablePointer(to: &nothing) { nothing in
                    ptn_region_lists(
                        &runtime, batch, size.height * size.width, regions, storage.base,
                        list.baseAddress ?? nothing, &offsets, &wrong)
                }
                filled = status == PTN_OK ? map.count : 0
            }
        }
        if status == PTN_BAD_ARGUMENT {
            throw .invalidOption(
                layer: layer, option: "guide", expected: "whole numbers in 0...\(regions - 1)",
                found: "another number at pixel \(wrong) of a sample")
        }
        try status.check(layer)
        (self.batch, self.size, self.regions, self.offsets) = (batch, size, regions, offsets)
    }

    /// The number of every pixel's region, `[batch, height, width, 1]`: the map of which this is the
    /// plan.
    ///
    /// - Throws: ``ProteanError`` when memory is short.
    public func map() throws(ProteanError) -> Tensor {
        let pixels = size.height * size.width
        var values = [Float](repeating: 0, count: batch * pixels)
        for sample in 0..<batch {
            for region in 0..<regions {
                let at = sample * regions + region
                for pixel in list[offsets[at]..<offsets[at + 1]] {
                    values[sample * pixels + Int(pixel)] = Float(region)
                }
            }
        }
        return try Tensor(values, shape: [batch, size.height, size.width, 1])
    }

    /// Number of pixels of `region` in `sample`.
    public func pixelCount(of region: Int, in sample: Int) -> Int {
        guard (0..<regions).contains(region), (0..<batch).contains(sample) else { return 0 }
        let at = sample * regions + region
        return offsets[at + 1] - offsets[at]
    }

    /// Number of regions with pixels, over all samples.
    public var activeRegions: Int {
        (0..<batch * regions).count { offsets[$0 + 1] > offsets[$0] }
    }
}
