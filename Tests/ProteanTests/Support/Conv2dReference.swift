import CProteanKernels
import CReference

@testable import Protean

/// A convolution in double precision, with a tolerance for every output.
struct Conv2dReference {
    var outputShape: [Int]
    var sums: [Double]
    /// Σ |x · w| per output: rounding errors grow with it.
    var magnitudes: [Double]

    /// `weights` are `[out, in / groups, h, w]`, or one such set per sample.
    init(_ geometry: Conv2dGeometry, x: Tensor, weights: [Double], perSample: Bool = false) throws {
        let shape = try geometry.kernelShape(for: x.shape, layer: "reference")
        let oh =
            (Int(shape.h + shape.pad_top + shape.pad_bottom)
                - geometry.dilation.height * (geometry.kernelSize.height - 1) - 1)
            / geometry.stride.height + 1
        let ow =
            (Int(shape.w + shape.pad_left + shape.pad_right)
                - geometry.dilation.width * (geometry.kernelSize.width - 1) - 1)
            / geometry.stride.width + 1
        outputShape = [x.shape[0], oh, ow, geometry.outputChannels]
        let count = outputShape.reduce(1, *)
        var p = reference_conv2d(
            n: x.shape[0], h: x.shape[1], w: x.shape[2], c: x.shape[3],
            k: geometry.outputChannels, kh: geometry.kernelSize.height,
            kw: geometry.kernelSize.width, sh: geometry.stride.height, sw: geometry.stride.width,
            dh: geometry.dilation.height, dw: geometry.dilation.width, top: Int(shape.pad_top),
            left: Int(shape.pad_left), oh: oh, ow: ow, groups: geometry.groups)
        var sums = [Double](repeating: 0, count: count)
        var magnitudes = sums
        let input = x.elements
        reference_conv2d_run(&p, input, weights, perSample ? 1 : 0, &sums, &magnitudes)
        self.sums = sums
        self.magnitudes = magnitudes
    }

    /// The largest error of `y` in units of Σ|x·w|·2⁻²⁴ per output, after `finish` was applied to
    /// the exact sums; 1 plus the result's own size where sums are empty.
    func worstError(
        _ y: Tensor, finish: (_ sum: Double, _ index: Int) -> Double = { sum, _ in sum }
    ) -> Double {
        var worst = 0.0
        for (index, value) in y.elements.enumerated() {
            let exact = finish(sums[index], index)
            let unit = (magnitudes[index] + abs(exact) + 1e-3) * 0x1p-24
            let error = abs(Double(value) - exact) / unit
            if !(error <= worst) { worst = error.isNaN ? .infinity : error }
        }
        return worst
    }
}
