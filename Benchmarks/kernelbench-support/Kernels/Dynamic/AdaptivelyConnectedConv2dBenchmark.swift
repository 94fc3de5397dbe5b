import Protean

/// Adaptively connected convolution; `algorithm` is `dataset` (the default), with connections that
/// depend on the position in the map, or `pixel`, with connections computed from the input.
enum AdaptivelyConnectedConv2dBenchmark: BenchmarkKernel {
    static let name = "adaptively_connected_conv2d"
    static let requiredKeys: Set<CaseKey> = [.h, .w, .c, .k]
    static let optionalKeys: Set<CaseKey> = [.n, .stride, .algorithm, .seed]

    static func prepare(_ benchmark: BenchmarkCase) throws(CaseError) -> PreparedCase {
        let input = try benchmark.inputShape(), outputs = try benchmark.integer(.k)
        let stride = try benchmark.integer(.stride, default: 1)
        let pixel = try benchmark.word(.algorithm, of: ["dataset", "pixel"]) == "pixel"
        let map = Size2d(
            height: (input[1] - 1) / stride + 1, width: (input[2] - 1) / stride + 1)
        return try benchmark.layer(on: input) { () throws(ProteanError) in
            try AdaptivelyConnectedConv2d(
                inputChannels: input[3], outputChannels: outputs,
                form: pixel ? .pixelAware : .datasetAware(map: map), stride: stride,
                seed: benchmark.seed)
        }
    }
}
