/// A 3 × 3 transposed convolution that doubles a map's height and width: stride 2, padding 1, output
/// padding 1, as `torch.nn.ConvTranspose2d` with these settings.
///
/// Each of the four output phases (row and column modulo 2) reads at most 2 × 2 inputs, so the
/// layer runs as one 2 × 2 convolution with four times the channels, rearranged afterwards; no
/// inserted zero is multiplied. ``ConvTranspose2d`` computes the four phases separately; here there
/// are two output channels, whose eight values per input pixel fit one vector, and a mask depends
/// on the exact bits of their sums. Parameters `weight` `[in, out, 3, 3]` and `bias` `[out]`.
final class DoublingConvTranspose2d: Layer {
    let label: Label? = Label()
    let weight, bias: Parameter

    private let phases = Derived<[Int], Conv2d>()

    init(inputChannels: Int, outputChannels: Int, seed: UInt64) throws(ProteanError) {
        let fanIn = outputChannels * 9
        weight = try Parameter(
            uniform: [inputChannels, outputChannels, 3, 3], fanIn: fanIn, seed: seed,
            layer: "ConvTranspose2d")
        bias = try Parameter(
            uniform: [outputChannels], fanIn: fanIn, seed: ~seed, layer: "ConvTranspose2d")
    }

    var parameters: [NamedParameter] {
        [NamedParameter("weight", weight), NamedParameter("bias", bias)]
    }

    func callAsFunction(_ x: Tensor) throws(ProteanError) -> Tensor {
        let versions = [weight.version, bias.version]
        let conv = try phases.value(for: versions) { () throws(ProteanError) in try makePhases() }
        return try Operations.pixelShuffle(try conv(x), 2)
    }

    /// Output 2i takes tap 1 of input i; output 2i + 1 takes tap 2 of input i and tap 0 of input i
    /// + 1. Channels are in the order that ``PixelShuffle`` reads: `[out][row][column]`.
    private func makePhases() throws(ProteanError) -> Conv2d {
        let places = [(phase: 1, tap: 1), (phase: 0, tap: 0), (phase: 1, tap: 0)]
        let (inputs, outputs) = (weight.shape[0], weight.shape[1])
        let w = weight.value.elements
        var phases = [Float](repeating: 0, count: outputs * 4 * inputs * 4)
        for c in 0..<inputs {
            for k in 0..<outputs {
                for i in 0..<3 {
                    for j in 0..<3 {
                        let channel = (k * 2 + places[i].phase) * 2 + places[j].phase
                        let at = ((channel * inputs + c) * 2 + places[i].tap) * 2 + places[j].tap
                        phases[at] = w[((c * outputs + k) * 3 + i) * 3 + j]
                    }
                }
            }
        }
        let conv = try Conv2d(
            weight: try Tensor(phases, shape: [outputs * 4, inputs, 2, 2]),
            bias: try Tensor(
                bias.value.elements.flatMap { [Float](repeating: $0, count: 4) },
                shape: [outputs * 4]),
            padding: .explicit(top: 0, bottom: 1, left: 0, right: 1))
        conv.label?.assign(place)
        return conv
    }
}
