import Foundation

@testable import Protean

/// How the active pixels of a test mask lie.
enum MaskPattern: String, CaseIterable {
    case pixels, few, most, cells2, cells4, cells8, disc, rows, none, one, all

    /// One byte per pixel of `[batch, height, width]`, about half of them active in every sample, an
    /// eighth in `few` and seven eighths in `most`, other pixels in every sample.
    func bytes(batch: Int, size: Size2d, seed: UInt64 = 1) -> [UInt8] {
        var generator = SeededGenerator(seed: seed)
        return (0..<batch).flatMap { image(size, sample: $0, &generator) }
    }

    private func image(
        _ size: Size2d, sample: Int, _ generator: inout SeededGenerator
    ) -> [UInt8] {
        let (h, w) = (size.height, size.width)
        var image = [UInt8](repeating: 0, count: h * w)
        if image.isEmpty { return image }
        let cell: Int? =
            switch self {
            case .pixels, .few, .most: 1
            case .cells2: 2
            case .cells4: 4
            case .cells8: 8
            default: nil
            }
        let across = cell.map { (w + $0 - 1) / $0 } ?? 0
        let cells = cell.map { side in
            (0..<(h + side - 1) / side * across).map { _ in
                let eighth = generator.next() % 8
                return self == .few ? eighth == 0 : self == .most ? eighth > 0 : eighth % 2 == 0
            }
        }
        let radius = Double(min(h, w)) / 2 + Double(sample)
        let chosen = Int(generator.next() % UInt64(h * w))
        for y in 0..<h {
            for x in 0..<w {
                let dy = Double(y) - Double(h) / 2, dx = Double(x) - Double(w) / 3
                let active =
                    switch self {
                    case .disc: dy * dy + dx * dx <= radius * radius / 2
                    case .rows: (y + sample) % 3 == 0
                    case .none: false
                    case .one: y * w + x == chosen
                    case .all: true
                    default: cells.map { $0[y / cell! * across + x / cell!] } ?? false
                    }
                image[y * w + x] = active ? UInt8(truncatingIfNeeded: 1 + y * w + x) | 1 : 0
            }
        }
        return image
    }

    func plan(batch: Int, size: Size2d, seed: UInt64 = 1) throws -> MaskPlan {
        try MaskPlan(
            bytes: bytes(batch: batch, size: size, seed: seed), batch: batch, size: size)
    }
}

extension MaskPlan {
    /// Whether each pixel of the batch is active.
    func flags() throws -> [Bool] { try inverseMap().map { $0 >= 0 } }
}

/// What the tests of sparse layers share. Whole pixels are moved, never single numbers: loops are
/// slow in debug builds.
enum SparseTest {
    static func size(_ map: [Int]) -> Size2d { Size2d(height: map[1], width: map[2]) }

    /// Pixels of `map` where `flags` say so, else those of `other` (zeros without one).
    static func select(_ map: Tensor, _ flags: [Bool], else other: Tensor? = nil) throws -> Tensor {
        let channels = map.shape[3]
        var result = try other ?? Tensor(zeros: map.shape)
        try result.withUnsafeMutableBufferPointer { to in
            try map.withUnsafeBufferPointer { from in
                for (pixel, flag) in flags.enumerated() where flag {
                    memcpy(
                        to.baseAddress! + pixel * channels, from.baseAddress! + pixel * channels,
                        4 * channels)
                }
            }
        }
        return result
    }

    /// The active pixels of `map` in order.
    static func rows(_ map: Tensor, _ flags: [Bool]) throws -> Tensor {
        let channels = map.shape[3]
        var result = try Tensor(zeros: [flags.filter { $0 }.count, channels])
        try result.withUnsafeMutableBufferPointer { to in
            try map.withUnsafeBufferPointer { from in
                var row = 0
                for (pixel, flag) in flags.enumerated() where flag {
                    memcpy(
                        to.baseAddress! + row * channels, from.baseAddress! + pixel * channels,
                        4 * channels)
                    row += 1
                }
            }
        }
        return result
    }
}

extension Tensor {
    /// As `isBitEqual(to:)`, fast in debug builds.
    func hasBits(of other: Tensor) throws -> Bool {
        guard shape == other.shape else { return false }
        return try withUnsafeBufferPointer { a in
            try other.withUnsafeBufferPointer { b in
                count == 0 || memcmp(a.baseAddress!, b.baseAddress!, 4 * count) == 0
            }
        }
    }
}
