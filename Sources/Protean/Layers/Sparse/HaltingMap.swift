/// The halting scores of one unit of spatially adaptive computation time.
///
/// `s = conv3x3(bn(x)) + conv1x1(bn(mean(x)))`, the mean over height and width; the first term at
/// active pixels only. Parameters `local_bn`, `local_conv` `[1, channels, 3, 3]` with bias,
/// initially −3, `global_bn`, `global_conv` `[1, channels, 1, 1]` without.
final class HaltingMap: Module {
    let label: Label? = Label()
    private let localNorm, globalNorm: BatchNorm2d
    private let localConv, globalConv: Conv2d
    private let local: FusedMaskedConv2d

    init(channels: Int, seed: UInt64) throws(ProteanError) {
        localNorm = try BatchNorm2d(channels: channels)
        globalNorm = try BatchNorm2d(channels: channels)
        localConv = try Conv2d(
            inputChannels: channels, outputChannels: 1, kernelSize: 3, padding: 1, seed: seed)
        try localConv.bias?.set(Tensor(repeating: -3, shape: [1]))
        globalConv = try Conv2d(
            inputChannels: channels, outputChannels: 1, kernelSize: 1, bias: false,
            seed: seed &+ 1)
        local = try FusedMaskedConv2d(localConv, algorithm: .direct)
    }

    var submodules: [NamedModule] {
        [
            NamedModule("local_bn", localNorm), NamedModule("local_conv", localConv),
            NamedModule("global_bn", globalNorm), NamedModule("global_conv", globalConv),
        ]
    }

    /// The first term at the active pixels, `[count, 1]`, and the second per sample, `[batch]`.
    func callAsFunction(
        _ x: Tensor, active: MaskPlan
    ) throws(ProteanError) -> (local: Tensor, global: Tensor) {
        let size = Size2d(height: x.shape[1], width: x.shape[2])
        let reach = try active.dilated(for: localConv.geometry, input: size)
        let rows = try localNorm(try Operations.gather(x, at: reach))
        let scores = try local.rows(rows, from: .rows(reach), mask: active)
        return (scores, try global(x))
    }

    /// The second term per sample, `[batch]`.
    private func global(_ x: Tensor) throws(ProteanError) -> Tensor {
        let mean = try globalNorm(try Operations.globalAveragePool(x))
        let (batch, channels) = (x.shape[0], x.shape[3])
        let global = try globalConv(try mean.reshaped(to: [batch, 1, 1, channels]))
        return try global.reshaped(to: [batch])
    }

    /// The cost of the scores at all pixels, for a trace; `x` carries a shape only.
    func dense(_ x: Tensor) throws(ProteanError) {
        _ = try localConv(try localNorm(x))
        _ = try global(x)
    }
}
