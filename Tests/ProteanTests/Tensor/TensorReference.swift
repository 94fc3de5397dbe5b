@testable import Protean

/// Loops in double precision that know nothing of strides or merged axes.
enum TensorReference {
    /// A source of reproducible random choices.
    struct Choices {
        var state: UInt64

        init(seed: Int) { state = UInt64(seed) &* 0x9E37_79B9_7F4A_7C15 | 1 }

        mutating func next(_ count: Int) -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int(state >> 33) % count
        }

        /// A shape of at most `rank` axes; few of them are long, and now and then one is empty.
        mutating func shape(_ rank: Int) -> [Int] {
            (0..<rank).map { _ in
                switch next(16) {
                case 0: 0
                case 1...2: 17 + next(70)
                default: 1 + next(5)
                }
            }
        }

        /// A shape that broadcasts with others made of `shape`.
        mutating func part(_ shape: [Int]) -> [Int] {
            let part = shape.map { next(3) == 0 ? 1 : $0 }
            return Array(part.dropFirst(next(part.count + 1)))
        }
    }

    /// Every position of a shape, in row-major order.
    static func positions(_ shape: [Int]) -> [[Int]] {
        shape.reduce([[]]) { heads, size in heads.flatMap { h in (0..<size).map { h + [$0] } } }
    }

    /// Where a position's element lies; axes of size 1 are repeated, missing ones are in front.
    static func offset(_ position: [Int], in shape: [Int]) -> Int {
        zip(position.suffix(shape.count), shape).reduce(0) { at, axis in
            at * axis.1 + (axis.1 == 1 ? 0 : axis.0)
        }
    }

    /// NumPy's rule, written down once more.
    static func broadcastShape(_ a: [Int], _ b: [Int]) -> [Int]? {
        var result: [Int] = []
        for back in 1...max(a.count, b.count, 1) {
            let x = back <= a.count ? a[a.count - back] : 1
            let y = back <= b.count ? b[b.count - back] : 1
            if x != y && x != 1 && y != 1 { return nil }
            if back <= max(a.count, b.count) { result.insert(x == 1 ? y : x, at: 0) }
        }
        return result
    }

    static func combine(
        _ a: Tensor, _ b: Tensor, _ shape: [Int], _ operation: (Double, Double) -> Double
    ) -> [Double] {
        let x = a.elements, y = b.elements
        return positions(shape).map {
            operation(Double(x[offset($0, in: a.shape)]), Double(y[offset($0, in: b.shape)]))
        }
    }

    /// The elements over the axes that are reduced, one list per result.
    static func groups(_ x: Tensor, axes: Set<Int>) -> [[Double]] {
        let kept = x.shape.enumerated().map { axes.contains($0.offset) ? 1 : $0.element }
        var groups = [[Double]](repeating: [], count: kept.reduce(1, *))
        for (position, element) in zip(positions(x.shape), x.elements) {
            groups[offset(position, in: kept)].append(Double(element))
        }
        return groups
    }
}
