import Protean

/// The masks of a case with a density, used in turn, so that the branch predictor cannot learn
/// them.
struct DensityMasks {
    /// One mask of the whole batch each, one byte per pixel.
    let bytes: [[UInt8]]
    private let batch, height, width: Int

    init(
        _ benchmark: BenchmarkCase, batch: Int, height: Int, width: Int, count: UInt64
    ) throws(CaseError) {
        guard case .real(let density) = benchmark.values[.density] else {
            throw benchmark.error(.density, expected: "a number from 0 to 1", found: "none")
        }
        let pattern =
            try benchmark.word(.pattern, of: MaskPattern.allCases.map(\.rawValue))
            .flatMap(MaskPattern.init(rawValue:)) ?? .pixels
        bytes = (0..<count).map { turn in
            (0..<batch).flatMap { sample in
                pattern.bytes(
                    height: height, width: width, density: density,
                    seed: benchmark.seed &+ turn &+ UInt64(sample) &* count)
            }
        }
        self.batch = batch
        self.height = height
        self.width = width
    }

    /// Pixel counts of a mask for a 3 × 3 convolution.
    struct Extent {
        /// Number of active pixels, and of pixels that they read.
        let active, reached: Double
    }

    /// The mean of `cost` over all masks.
    func share(_ cost: (Extent) -> Double) -> Double {
        let sum = bytes.reduce(0) { sum, mask in
            let active = mask.count { $0 != 0 }
            return sum + cost(Extent(active: Double(active), reached: Double(reached(mask))))
        }
        return sum / Double(max(1, bytes.count))
    }

    /// Share of active pixels.
    var density: Double { share { $0.active } / Double(max(1, batch * height * width)) }

    private func reached(_ mask: [UInt8]) -> Int {
        var found = [Bool](repeating: false, count: mask.count)
        for at in mask.indices where mask[at] != 0 {
            let x = at % width, y = at / width % height
            for dy in max(-1, -y)...min(1, height - 1 - y) {
                for dx in max(-1, -x)...min(1, width - 1 - x) { found[at + dy * width + dx] = true }
            }
        }
        return found.count { $0 }
    }
}
