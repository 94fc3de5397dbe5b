import CReference
import Testing

@testable import Protean

extension DeformableAggregation {
    /// The aggregation of `x` in double precision, and the output's shape.
    func reference(
        _ x: Tensor, offset: Tensor, mask: Tensor
    ) throws -> (shape: [Int], values: [Double]) {
        let map = try outputMap(for: x.shape, layer: "reference")
        // The reference knows square kernels only.
        try #require(kernelSize.height == kernelSize.width)
        var p = reference_aggregate(
            n: x.shape[0], h: x.shape[1], w: x.shape[2], c: x.shape[3], groups: groups,
            k: kernelSize.height, stride: stride.height, pad: padding.height,
            dilation: dilation.height, oh: map[1], ow: map[2],
            remove_center: removeCenter ? 1 : 0, scale: Double(offsetScale))
        var values = [Double](repeating: 0, count: map.reduce(1, *) * x.shape[3])
        reference_deform_aggregate(&p, x.elements, offset.elements, mask.elements, &values)
        return (map + [x.shape[3]], values)
    }
}
