/// Content-aware reassembly: enlarges a map, each output pixel being a weighted sum of the pixels
/// around its source with a kernel of its own.
///
/// `y[n, h, w, c] = Σ_{i,j} mask[n, h, w, g · k² + i · k + j] · x[n, ⌊h / S⌋ + i − ⌊k / 2⌋,
/// ⌊w / S⌋ + j − ⌊k / 2⌋, c]`, g the group of channel c. Pixels outside of the map are left out.
///
/// Wang, Chen, Xu, Liu, Loy, Lin, "CARAFE: Content-Aware ReAssembly of FEatures", arXiv 1905.02188;
/// mmcv's `carafe`. The mask is used as it is: mmcv's packaged layer, here ``CARAFEUpsample``,
/// predicts and normalises it.
///
/// Input `[batch, height, width, channels]`, `mask` `[batch, S · height, S · width, groups · k²]`,
/// output `[batch, S · height, S · width, channels]`. No parameters. A mask of 1 at the centre tap
/// and 0 elsewhere is nearest-neighbour upsampling. Cost: k² multiply-adds per output; each
/// neighbourhood is loaded once for the S² outputs of a pixel, and the source is not enlarged.
public final class CARAFE: MultiInputLayer {
    /// k, the height and width of the kernels, odd.
    public let kernelSize: Int
    /// Groups of channels with kernels of their own.
    public let groups: Int
    /// S, the factor of height and width.
    public let factor: Int
    /// Where the layer stands in a model.
    public let label: Label? = Label()

    private let filter: PixelFilter

    /// - Parameters:
    ///   - kernelSize: odd height and width of the kernels.
    ///   - groups: groups of channels.
    ///   - factor: the factor of height and width.
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)`` naming the option.
    public init(kernelSize: Int, groups: Int = 1, factor: Int) throws(ProteanError) {
        filter = try .centred(
            kernelSize: Size2d(kernelSize), groups: groups, factor: factor, layer: "CARAFE")
        self.kernelSize = kernelSize
        self.groups = groups
        self.factor = factor
    }

    /// `mask`.
    public var inputNames: [String] { ["mask"] }

    /// As many out as in.
    public var channelFlow: ChannelFlow { .unchanged }

    /// The enlarged map.
    ///
    /// - Throws: ``ProteanError`` when a tensor does not fit.
    public func callAsFunction(_ x: Tensor, mask: Tensor) throws(ProteanError) -> Tensor {
        do throws(ProteanError) {
            return try traced(
                "CARAFE", path: label, input: x,
                cost: { .pixelFilter(x, [mask], $0, taps: filter.window.taps) }
            ) { () throws(ProteanError) in
                try Operations.pixelFilter(x, filters: mask, filter, layer: place)
            }
        } catch {
            throw error.renaming(tensor: "filters", to: "mask")
        }
    }

    /// The map enlarged with the mask `inputs[0]`; see ``callAsFunction(_:mask:)``.
    ///
    /// - Throws: ``ProteanError`` when a tensor does not fit or is missing.
    public func callAsFunction(
        _ x: Tensor, with inputs: [Tensor], epilogue: Conv2dEpilogue
    ) throws(ProteanError) -> Tensor {
        try check(inputs: inputs.count)
        return try epilogue.applied(to: callAsFunction(x, mask: inputs[0]), layer: place)
    }
}

extension ProteanError {
    /// The same error with another name for a tensor: an operation's name for what a layer calls
    /// differently.
    func renaming(tensor name: String, to own: String) -> ProteanError {
        guard case .shapeMismatch(let layer, name, let expected, let found) = self else {
            return self
        }
        return .shapeMismatch(layer: layer, tensor: own, expected: expected, found: found)
    }
}
