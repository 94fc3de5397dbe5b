import CProteanKernels

/// Axes and broadcasting, as in NumPy.
extension Shape {
    /// The most axes that operations on tensors of any rank take.
    static let mostAxes = Int(PTN_MOST_AXES)

    /// `axis` counted from the outermost; negative ones count from the innermost, -1.
    static func axis(
        _ axis: Int, of shape: [Int], option: String = "axis", layer: String
    ) throws(ProteanError) -> Int {
        let resolved = axis < 0 ? axis + shape.count : axis
        guard shape.indices.contains(resolved) else {
            throw .invalidOption(
                layer: layer, option: option, expected: "an axis of \(shape)", found: "\(axis)")
        }
        return resolved
    }

    /// Axes counted from the outermost, all of them for nil; none may occur twice.
    static func axes(
        _ axes: [Int]?, of shape: [Int], layer: String
    ) throws(ProteanError) -> Set<Int> {
        guard let axes else { return Set(shape.indices) }
        var resolved: Set<Int> = []
        for axis in axes {
            let (isNew, _) = resolved.insert(
                try Self.axis(axis, of: shape, option: "axes", layer: layer))
            guard isNew else {
                throw .invalidOption(
                    layer: layer, option: "axes", expected: "every axis of \(shape) at most once",
                    found: "\(axes)")
            }
        }
        return resolved
    }

    /// Throws when a tensor has more axes than the kernels take.
    static func checkRank(
        _ shape: [Int], tensor: String = "x", layer: String
    ) throws(ProteanError) {
        guard shape.count <= mostAxes else {
            throw .shapeMismatch(
                layer: layer, tensor: tensor, expected: "at most \(mostAxes) axes", found: shape)
        }
    }

    /// The shape that `a` and `b` broadcast to; nil if they do not. Shapes are aligned at the
    /// innermost axis, and a size of 1 fits every other.
    static func broadcast(_ a: [Int], _ b: [Int]) -> [Int]? {
        let rank = Swift.max(a.count, b.count)
        let ones = { (shape: [Int]) in [Int](repeating: 1, count: rank - shape.count) + shape }
        var result: [Int] = []
        for (x, y) in zip(ones(a), ones(b)) {
            guard x == y || x == 1 || y == 1 else { return nil }
            result.append(x == 1 ? y : x)
        }
        return result
    }

    /// Floats between neighbours along each axis of `result` in a contiguous tensor of `shape` that
    /// broadcasts to it: 0 where it is repeated.
    static func steps(_ shape: [Int], in result: [Int]) -> [Int] {
        let own = contiguousSteps(shape)
        let steps = zip(shape, own).map { $0 == 1 ? 0 : $1 }
        return [Int](repeating: 0, count: result.count - shape.count) + steps
    }

    /// Floats between neighbours along each axis. Sizes of empty axes count as 1, so nothing
    /// overflows in a shape whose element count was checked.
    static func contiguousSteps(_ shape: [Int]) -> [Int] {
        var steps = [Int](repeating: 1, count: shape.count), step = 1
        for axis in shape.indices.reversed() {
            steps[axis] = step
            step *= Swift.max(shape[axis], 1)
        }
        return steps
    }
}
