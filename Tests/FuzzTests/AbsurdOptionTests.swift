import CProteanKernels
import Protean
import Testing

@testable import ProteanCatalogue
@testable import protean_fuzz

/// Every layer of the catalogue with one option that no network has, the others plausible.
struct AbsurdOptionTests {
    /// Numbers for which any value is as good as another: they divide, or say a sign.
    private static let unbounded: Set<String> = [
        "divisor_override", "divisor", "bias", "eps", "momentum", "delta_threshold", "offset_scale",
        "spatial_scale", "tol", "gamma", "rate", "rd_ratio", "expand_ratio", "rd_divisor",
        "temperature", "pool_size", "pool_stride", "pool_padding", "negative_slope", "scale_factor",
        "alpha", "beta", "threshold", "min_val", "max_val", "act_max", "lambda_a", "offset",
    ]

    @Test(arguments: LayerCatalogue.entries.map(\.name))
    func wholeNumbersBeyondTheirRangesAreRefusedWithoutWork(name: String) throws {
        let entry = try LayerCatalogue.entry(named: name)
        let recipe = try #require(LayerRecipe.of(entry), "a layer without a recipe")
        var checked = 0
        for number in 0..<12 {
            var random = LayerCaseRandom(seed: 5, number: number)
            let plain = try recipe.draw(&random, LayerScene(&random)).values
            for (key, value) in plain where isWhole(value) && !Self.unbounded.contains(key) {
                for absurd in [0x1p31, 0x1p53] {
                    var values = plain
                    values[key] = .number(absurd)
                    let before = ptn_memory_acquisitions()
                    #expect(throws: ProteanError.self, "\(key) of \(absurd)") {
                        let configuration = try LayerConfiguration(entry, given: values)
                        _ = try entry.build(configuration)
                    }
                    // The parts that were made before the option was looked at.
                    #expect(ptn_memory_acquisitions() - before < 100, "\(key) of \(absurd)")
                    checked += 1
                }
            }
        }
        #expect(checked > 0 || Self.withoutNumbers.contains(name))
    }

    private static let withoutNumbers: Set<String> = [
        "GridSample", "SpatialTransformer", "AffineGrid", "DeltaSequential", "GlobalAveragePool2d",
        "GELU", "HardSigmoid", "HardSwish", "Identity", "LeakyReLU", "Mish", "ReLU", "ReLU6",
        "Sigmoid", "SiLU", "Tanh", "ELU", "CELU", "SELU", "Softplus", "Hardtanh", "SimAM",
        "Upsample", "Sequential", "Residual", "Branches",
        "TripletAttention", "Dispatch", "ExitNetwork", "MaxPool3d",
    ]

    private func isWhole(_ value: Value) -> Bool {
        if case .number(let number) = value { number == number.rounded() } else { false }
    }
}
