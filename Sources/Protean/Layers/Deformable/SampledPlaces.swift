import Foundation

/// An output of a sampling layer, and a group of its displacements.
struct SampledOutput {
    var row, column: Int
    /// Index of the output among those of all samples.
    var pixel: Int
    var group: Int
}

/// The sampling positions of a layer, computed from its recorded inputs.
protocol SampledPlaces: Sendable {
    /// Height and width of the kernel.
    var kernelSize: Size2d { get }
    /// Groups of displacements.
    var groups: Int { get }
    /// The tensors from which positions are read.
    var given: [Tensor] { get }
    /// The samples of an existing output, for an input of shape `input`.
    func points(_ output: SampledOutput, of input: [Int]) -> [SamplingRecord.Point]
}

/// A deformable convolution; with several displacement tensors, one for each block of outputs.
struct ConvolutionPlaces: SampledPlaces {
    let geometry: Conv2dGeometry
    let displacements: [Displacements]

    var kernelSize: Size2d { geometry.kernelSize }
    private var taps: Int { geometry.kernelSize.height * geometry.kernelSize.width }
    var given: [Tensor] { displacements.flatMap(\.inputs) }

    var groups: Int {
        guard displacements.count == 1, let one = displacements.first else {
            return displacements.count
        }
        return (one.offset.shape.last ?? 0) / ((one.fused ? 3 : 2) * taps)
    }

    func points(_ output: SampledOutput, of input: [Int]) -> [SamplingRecord.Point] {
        let several = displacements.count > 1
        let one = displacements[several ? output.group : 0]
        let group = several ? 0 : output.group, groups = several ? 1 : self.groups
        let offsets = one.offset.elements, masks = one.mask?.elements
        let pads = geometry.margins(for: input), pixel = one.shared ? 0 : output.pixel
        let top = Float(output.row * geometry.stride.height - pads.top)
        let left = Float(output.column * geometry.stride.width - pads.left)
        let width = (one.fused ? 3 : 2) * groups * taps
        return (0..<taps).map { tap in
            let y = top + Float(tap / kernelSize.width * geometry.dilation.height)
            let x = left + Float(tap % kernelSize.width * geometry.dilation.width)
            let entry = group * taps + tap, at = pixel * width + 2 * entry
            var modulation: Float = 1
            if one.fused {
                let logit = offsets[pixel * width + 2 * groups * taps + entry]
                modulation = 1 / (1 + exp(-logit))
            } else if let masks {
                modulation = masks[pixel * groups * taps + entry]
            }
            return SamplingRecord.Point(
                regularY: y, regularX: x, y: y + offsets[at], x: x + offsets[at + 1],
                modulation: modulation)
        }
    }
}

/// The core of DCNv3 and DCNv4.
struct AggregationPlaces: SampledPlaces {
    let aggregation: DeformableAggregation
    /// `[batch, height', width', …]`: (x, y) per point and group; without a mask each group's
    /// weights follow its displacements.
    let offset: Tensor
    /// `[batch, height', width', groups · points]`.
    var mask: Tensor?

    var kernelSize: Size2d { aggregation.kernelSize }
    var groups: Int { aggregation.groups }
    var given: [Tensor] { [offset] + (mask.map { [$0] } ?? []) }

    func points(_ output: SampledOutput, of input: [Int]) -> [SamplingRecord.Point] {
        let a = aggregation, count = a.points, offsets = offset.elements
        let width = offset.shape.last ?? 0, group = output.group
        let first = output.pixel * width + group * count * (mask == nil ? 3 : 2)
        let masks = mask?.elements
        let weights =
            masks?[((output.pixel * groups + group) * count)...] ?? offsets[(first + 2 * count)...]
        let top = Float(output.row * a.stride.height - a.padding.height)
        let left = Float(output.column * a.stride.width - a.padding.width)
        let halfY = Float(a.dilation.height * (kernelSize.height - 1) / 2)
        let halfX = Float(a.dilation.width * (kernelSize.width - 1) / 2)
        return places().enumerated().map { point, place in
            let at = first + 2 * point
            return SamplingRecord.Point(
                regularY: top + place.y, regularX: left + place.x,
                y: top + halfY + (place.y - halfY + offsets[at + 1]) * a.offsetScale,
                x: left + halfX + (place.x - halfX + offsets[at]) * a.offsetScale,
                modulation: weights[weights.startIndex + point])
        }
    }

    /// Column by column, from the first point on.
    private func places() -> [(x: Float, y: Float)] {
        let all = (0..<kernelSize.width).flatMap { i in
            (0..<kernelSize.height).map { j in
                (Float(i * aggregation.dilation.width), Float(j * aggregation.dilation.height))
            }
        }
        guard aggregation.removeCenter else { return all }
        return Array(all[..<(all.count / 2)] + all[(all.count / 2 + 1)...])
    }
}
