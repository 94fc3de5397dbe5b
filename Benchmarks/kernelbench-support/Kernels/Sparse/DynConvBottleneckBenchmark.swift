import Protean

/// DynConv's bottleneck of `4 c` channels with an inner width of `c`, updated in place; the mask's
/// plan and its dilation are made in every call, each time from a different mask. With
/// `algorithm=dense` the whole block is computed by the dense layers, the defining sums throughout.
enum DynConvBottleneckBenchmark: BenchmarkKernel {
    static let name = "dynconv_bottleneck"
    static let requiredKeys: Set<CaseKey> = [.h, .w, .c]
    static let optionalKeys: Set<CaseKey> = [.n, .density, .pattern, .algorithm, .seed]

    private static let masks: UInt64 = 8

    static func prepare(_ benchmark: BenchmarkCase) throws(CaseError) -> PreparedCase {
        let planes = try benchmark.integer(.c)
        let (n, h, w) = (
            try benchmark.batch(), try benchmark.integer(.h), try benchmark.integer(.w)
        )
        let isDense = try benchmark.word(.algorithm, of: ["dense"]) != nil
        let inner = Size.product(4 * planes, planes), spatial = Size.product(9, planes, planes)
        let pixels = Size.product(n, h, w)
        let flops = 2 * pixels * (2 * inner + spatial)
        let bytes = Size.bytes(2 * pixels * Double(4 * planes), 2 * inner + spatial)
        let shape = [n, h, w, 4 * planes]
        if isDense {
            return PreparedCase(flops: flops, bytes: bytes) {
                let steps = try dense(planes)
                let x = try benchmark.values(shape)
                return {
                    try steps[2](try steps[1](try steps[0](x)), residual: x).sample()
                }
            }
        }
        let masks = try DensityMasks(
            benchmark, batch: n, height: h, width: w, count: masks)
        return PreparedCase(
            flops: flops, bytes: bytes,
            executedShare: masks.share { mask in
                (mask.reached * inner + mask.active * (inner + spatial)) * 2 / flops
            }
        ) {
            let block = try DynConvBottleneck(inputChannels: 4 * planes, planes: planes)
            // The block adds zeros, so that the input does not change between calls.
            try block.parameter(at: "bn3.weight")?.set(Tensor(zeros: [4 * planes]))
            var x = try Operations.activate(try benchmark.values(shape), .relu)
            let size = Size2d(height: h, width: w)
            var turn = 0
            return {
                turn = (turn + 1) % masks.bytes.count
                let mask = try MaskPlan(bytes: masks.bytes[turn], batch: n, size: size)
                try block.update(&x, mask: mask)
                return try x.sample()
            }
        }
    }

    private static func dense(_ planes: Int) throws -> [FusedConv2d] {
        let sizes = [(4 * planes, planes, 1), (planes, planes, 3), (planes, 4 * planes, 1)]
        return try sizes.map { inputs, outputs, kernel in
            try FusedConv2d(
                Conv2d(
                    inputChannels: inputs, outputChannels: outputs, kernelSize: Size2d(kernel),
                    padding: .symmetric(kernel / 2), bias: false, algorithm: .direct),
                BatchNorm2d(channels: outputs), .relu)
        }
    }
}
