import Protean

/// The pattern of the active pixels of a benchmark's masks.
enum MaskPattern: String, CaseIterable {
    case pixels, cells2, cells4, cells8, disc

    /// One byte per pixel; `density` of all pixels, or of all cells, are active, at least one.
    func bytes(height: Int, width: Int, density: Double, seed: UInt64) -> [UInt8] {
        switch self {
        case .pixels: cells(1, height, width, density, seed)
        case .cells2: cells(2, height, width, density, seed)
        case .cells4: cells(4, height, width, density, seed)
        case .cells8: cells(8, height, width, density, seed)
        case .disc: disc(height, width, density)
        }
    }

    private func cells(
        _ side: Int, _ height: Int, _ width: Int, _ density: Double, _ seed: UInt64
    ) -> [UInt8] {
        let across = (width + side - 1) / side
        let count = (height + side - 1) / side * across
        var order = Array(0..<count)
        var generator = SplitMix64(seed: seed)
        order.shuffle(using: &generator)
        let chosen = max(1, Int((density * Double(count)).rounded()))
        var mask = [UInt8](repeating: 0, count: height * width)
        for cell in order.prefix(chosen) {
            for y in cell / across * side..<min(height, (cell / across + 1) * side) {
                for x in cell % across * side..<min(width, (cell % across + 1) * side) {
                    mask[y * width + x] = 1
                }
            }
        }
        return mask
    }

    /// The pixels nearest to the middle.
    private func disc(_ height: Int, _ width: Int, _ density: Double) -> [UInt8] {
        let distances = (0..<height * width).map { p in
            let y = Double(p / width) - Double(height - 1) / 2
            let x = Double(p % width) - Double(width - 1) / 2
            return y * y + x * x
        }
        let chosen = max(1, Int((density * Double(distances.count)).rounded()))
        let order = distances.indices.sorted { (distances[$0], $0) < (distances[$1], $1) }
        var mask = [UInt8](repeating: 0, count: distances.count)
        for pixel in order.prefix(chosen) { mask[pixel] = 1 }
        return mask
    }
}
