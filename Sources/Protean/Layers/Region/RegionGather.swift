/// Cuts regions of one size out of each sample, at places that a policy gave; zeros outside.
///
/// ``callAsFunction(_:locations:samples:)`` copies whole pixels. Where a region lies follows from
/// ``placement``:
/// - fractions (a₀, a₁) of the free space: row ⌊a₀ · (height − h)⌋, column ⌊a₁ · (width − w)⌋, as
///   GFNet (Wang et al., arXiv 2010.05300) and AdaFocus (arXiv 2105.03245) place patches;
/// - centres (x, y) in −1 … 1: column trunc(½ · (x + 1) · width) − ⌊w / 2⌋ and the row likewise from
///   y, as recurrent attention models do (Mnih et al., arXiv 1406.6247).
///
/// Every step is rounded to Float32. Locations beyond ±1 are allowed. A location that is not a
/// finite number gives zeros: the region is then outside of the map. ``affine(_:theta:)`` samples
/// regions bilinearly instead, with any scale.
public struct RegionGather: Module {
    /// What the two numbers of a location mean.
    public enum Placement: String, Sendable, CaseIterable {
        /// (row, column) as shares of the free space, 0 … 1.
        case fractions
        /// (x, y) of the region's centre, −1 … 1 from edge to edge.
        case centres
    }

    /// Height and width of the regions.
    public let size: Size2d
    /// What the two numbers of a location mean.
    public let placement: Placement
    /// Where the layer stands in a model.
    public let label: Label? = nil

    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)`` for a size below 1.
    public init(size: Size2d, placement: Placement = .fractions) throws(ProteanError) {
        try size.check(atLeast: 1, layer: "RegionGather", option: "size")
        self.size = size
        self.placement = placement
    }

    /// The regions, exact copies: `[rows · k, size.height, size.width, channels]`.
    ///
    /// - Parameters:
    ///   - x: `[batch, height, width, channels]`.
    ///   - locations: `[rows, 2]`, or `[rows, k, 2]` for k regions of every row.
    ///   - samples: the sample of each row; nil when row i belongs to sample i. With it the regions
    ///     of a few rows are cut out of the whole batch, and nothing else is moved.
    /// - Throws: ``ProteanError`` when shapes do not fit or there is no such sample.
    public func callAsFunction(
        _ x: Tensor, locations: Tensor, samples: [Int]? = nil
    ) throws(ProteanError) -> Tensor {
        try traced("RegionGather", path: nil, input: x, cost: { .moving($0, $0) }) {
            () throws(ProteanError) in
            let each = try regionsPerRow(x, locations, samples)
            guard !locations.isShapeOnly else {
                let rows = locations.shape[0] * each
                return try Tensor(shapeOnly: [rows, size.height, size.width, x.shape[3]])
            }
            let places = try places(locations, in: x.shape, samples: samples)
            GlimpseRecord.note(
                layer: "RegionGather", shape: x.shape, rows: locations.shape[0], places: places,
                size: size)
            return try Operations.crop(x, at: places, size: size, layer: "RegionGather")
        }
    }

    /// The places of the regions that ``callAsFunction(_:locations:samples:)`` cuts.
    ///
    /// - Parameters:
    ///   - locations: `[rows, 2]` or `[rows, k, 2]`.
    ///   - shape: of the maps, `[batch, height, width, channels]`.
    ///   - samples: the sample of each row; nil when row i belongs to sample i.
    /// - Throws: ``ProteanError/noValues(layer:)`` for locations without values.
    public func places(
        _ locations: Tensor, in shape: [Int], samples: [Int]? = nil
    ) throws(ProteanError) -> [CropPlace] {
        let each = locations.rank == 3 ? locations.shape[1] : 1
        return try locations.withUnsafeBufferPointer { values throws(ProteanError) in
            (0..<values.count / 2).map { index in
                let pair = (values[2 * index], values[2 * index + 1])
                let row = index / max(each, 1)
                let (y, x) =
                    switch placement {
                    case .fractions:
                        (
                            Self.fraction(pair.0, shape[1] - size.height),
                            Self.fraction(pair.1, shape[2] - size.width)
                        )
                    case .centres:
                        (
                            Self.centre(pair.1, shape[1], size.height),
                            Self.centre(pair.0, shape[2], size.width)
                        )
                    }
                return CropPlace(sample: samples?[row] ?? row, row: y, column: x)
            }
        }
    }

    /// Regions sampled bilinearly at affine positions: `[batch, size.height, size.width, channels]`.
    ///
    /// ``SpatialTransformer`` with corners that are not aligned and zeros outside. For the region
    /// of the share s of the map around the centre (x, y) in −1 … 1, `theta` is
    /// (s, 0, x, 0, s, y).
    /// - Parameters:
    ///   - x: `[batch, height, width, channels]`.
    ///   - theta: `[batch, 2, 3]` or `[batch, 6]`.
    /// - Throws: ``ProteanError`` when shapes do not fit.
    public func affine(_ x: Tensor, theta: Tensor) throws(ProteanError) -> Tensor {
        try SpatialTransformer()(x, theta: theta, size: size)
    }

    /// ⌊a · free⌋.
    private static func fraction(_ share: Float, _ free: Int) -> Int {
        clamped((share * Float(free)).rounded(.down))
    }

    /// trunc(½ · (l + 1) · size) − ⌊region / 2⌋.
    private static func centre(_ location: Float, _ size: Int, _ region: Int) -> Int {
        clamped((0.5 * ((location + 1) * Float(size))).rounded(.towardZero), minus: region / 2)
    }

    /// `value` as an integer, within what a crop allows; far outside if it is not finite.
    private static func clamped(_ value: Float, minus offset: Int = 0) -> Int {
        guard value.isFinite else { return -CropPlace.farthest }
        let farthest = CropPlace.farthest
        guard abs(value) < Float(farthest) else { return value < 0 ? -farthest : farthest }
        return max(-farthest, Int(value) - offset)
    }

    /// Regions of each row, after the shapes were checked.
    private func regionsPerRow(
        _ x: Tensor, _ locations: Tensor, _ samples: [Int]?
    ) throws(ProteanError) -> Int {
        try Operations.checkMap(x, layer: "RegionGather")
        let rows = samples?.count ?? x.shape[0], shape = locations.shape
        guard shape.count == 2 || shape.count == 3, shape[0] == rows, shape.last == 2 else {
            throw .shapeMismatch(
                layer: "RegionGather", tensor: "locations",
                expected: "[\(rows), 2] or [\(rows), k, 2]", found: shape)
        }
        if let samples, let wrong = samples.first(where: { !(0..<x.shape[0]).contains($0) }) {
            throw .invalidOption(
                layer: "RegionGather", option: "samples",
                expected: "samples in 0..<\(x.shape[0])", found: "\(wrong)")
        }
        return shape.count == 3 ? shape[1] : 1
    }
}
