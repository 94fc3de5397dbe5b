/// A warehouse: kernel cells that several ``KernelWarehouse`` layers share.
///
/// One parameter, `weights.0` `[cells, outputs, inputs, height, width]` of one cell each. The filters of
/// all its layers are divided into cells of one size; there are as many cells as places for them, times
/// a ratio. In a model the warehouse is a part of its own, under the reference's name
/// `warehouse_manager`; layers refer to it.
public final class KernelCells: HasInitialWeights {
    /// `[cells, outputs, inputs, height, width]`.
    public let cells: Parameter
    private let fanIn: Int

    /// Cells of the given shape with seeded initial values.
    ///
    /// - Parameters:
    ///   - shape: number of cells, their output channels, input channels, height and width.
    ///   - fanIn: products that each output of a layer sums, which decides the initial values.
    ///   - seed: of the initial values; equal seeds give equal values.
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)``.
    public init(shape: [Int], fanIn: Int? = nil, seed: UInt64 = 0) throws(ProteanError) {
        guard shape.count == 5, shape.allSatisfy({ (1...OptionLimits.channels).contains($0) })
        else {
            throw .invalidOption(
                layer: "KernelCells", option: "cellShape",
                expected:
                    "cells, outputs, inputs, height, width, each in 1...\(OptionLimits.channels)",
                found: "\(shape)")
        }
        _ = try Shape.elementCount(shape, layer: "KernelCells")
        let inputs = try Shape.elementCount(Array(shape.dropFirst(2)), layer: "KernelCells")
        self.fanIn = fanIn ?? inputs
        cells = try Parameter(
            uniform: shape, fanIn: self.fanIn, seed: seed, layer: "KernelCells")
    }

    /// The warehouse that serves convolutions of these options.
    ///
    /// A cell has the greatest common divisors of the layers' channels, times the given shares, and
    /// one tap, or the whole kernel if kernels are not divided.
    /// - Parameters:
    ///   - layers: the convolutions.
    ///   - ratio: cells over places for cells.
    ///   - inputRatio: input channels of a cell over the greatest common divisor.
    ///   - outputRatio: output channels of a cell over the greatest common divisor.
    ///   - dividesKernels: whether a cell has one tap.
    ///   - seed: of the initial values; equal seeds give equal values.
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)`` when layers do not fit
    ///   together.
    public convenience init(
        serving layers: [Conv2dGeometry], ratio: Double = 1, inputRatio: Double = 1,
        outputRatio: Double = 1, dividesKernels: Bool = true, seed: UInt64 = 0
    ) throws(ProteanError) {
        guard let first = layers.first else {
            throw .invalidOption(
                layer: "KernelCells", option: "layers", expected: "at least 1", found: "0")
        }
        let kernel = dividesKernels ? Size2d(1) : first.kernelSize
        if !dividesKernels, let other = layers.first(where: { $0.kernelSize != kernel }) {
            throw .invalidOption(
                layer: "KernelCells", option: "kernelSize", expected: "\(kernel), as in all layers",
                found: "\(other.kernelSize)")
        }
        let shapes = layers.map(\.weightShape)
        func share(_ axis: Int, _ ratio: Double, _ option: String) throws(ProteanError) -> Int {
            let divisor = shapes.reduce(0) { Self.commonDivisor($0, $1[axis]) }
            let width = Double(divisor) * ratio
            guard ratio > 0, width <= Double(OptionLimits.channels) else {
                throw .invalidOption(
                    layer: "KernelCells", option: option, expected: "above 0, for fewer channels",
                    found: "\(ratio)")
            }
            return max(1, Int(width))
        }
        let outputs = try share(0, outputRatio, "outputRatio")
        let inputs = try share(1, inputRatio, "inputRatio")
        let places = shapes.reduce(0.0) {
            $0 + Double($1[0] / outputs * $1[1] / inputs)
                * Double($1[2] / kernel.height * ($1[3] / kernel.width))
        }
        guard ratio > 0, places * ratio <= Double(OptionLimits.channels) else {
            throw .invalidOption(
                layer: "KernelCells", option: "ratio",
                expected: "above 0, for at most \(OptionLimits.channels) cells", found: "\(ratio)")
        }
        try self.init(
            shape: [max(1, Int(places * ratio)), outputs, inputs, kernel.height, kernel.width],
            fanIn: layers.map(\.fanIn).max(), seed: seed)
    }

    private static func commonDivisor(_ a: Int, _ b: Int) -> Int {
        b == 0 ? a : commonDivisor(b, a % b)
    }

    /// `weights.0`.
    public var parameters: [NamedParameter] { [NamedParameter("weights.0", cells)] }

    /// `weights.0`.
    public var initialWeights: [InitialWeight] {
        [InitialWeight("weights.0", cells, fanIn: fanIn)]
    }
}
