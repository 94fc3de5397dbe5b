import CProteanKernels

extension Operations {
    /// Joins tensors along one axis.
    ///
    /// Cost: one read and one write per element.
    /// - Parameters:
    ///   - tensors: at least one; shapes agree except along `axis`.
    ///   - axis: 0 ..< rank, or negative to count from the innermost; -1 are the channels of maps.
    /// - Throws: ``ProteanError`` when shapes differ, there is no tensor or no such axis.
    public static func concatenate(
        _ tensors: [Tensor], axis: Int
    ) throws(ProteanError) -> Tensor {
        guard let first = tensors.first else {
            throw .invalidOption(
                layer: "concatenate", option: "tensors", expected: "at least 1", found: "0")
        }
        let along = axis < 0 ? axis + first.rank : axis
        guard first.shape.indices.contains(along) else {
            throw .invalidOption(
                layer: "concatenate", option: "axis", expected: "an axis of \(first.shape)",
                found: "\(axis)")
        }
        let shape = try concatenatedShape(tensors, along)
        let inner = shape[(along + 1)...].reduce(1, *), rows = shape[..<along].reduce(1, *)
        return try filling(shape, for: "concatenate", from: tensors) { runtime, inputs, y in
            var begin = 0
            for (tensor, x) in zip(tensors, inputs) {
                let floats = tensor.shape[along] * inner
                let status = ptn_copy_rows(
                    runtime, rows, floats, x, floats, y + begin, shape[along] * inner)
                if status != PTN_OK { return status }
                begin += floats
            }
            return PTN_OK
        }
    }

    /// Joins ranges of channels of several maps, one after the other, in one pass: what distillation
    /// keeps of each step.
    ///
    /// Cost: one read and one write per element of the result.
    /// - Parameter parts: at least one map `[batch, height, width, channels]` with the range of its
    ///   channels to take; batches and sizes agree.
    /// - Returns: `[batch, height, width, all ranges' channels]`.
    /// - Throws: ``ProteanError`` when sizes differ, there is no map, or a map has not all channels.
    public static func concatenate(
        channels parts: [(map: Tensor, range: Range<Int>)]
    ) throws(ProteanError) -> Tensor {
        guard let first = parts.first else {
            throw .invalidOption(
                layer: "concatenate", option: "channels", expected: "at least 1 map", found: "0")
        }
        try checkMap(first.map, layer: "concatenate")
        let size = Array(first.map.shape.dropLast())
        for (i, part) in parts.enumerated() {
            let shape = part.map.shape
            guard shape.count == 4, Array(shape.dropLast()) == size,
                part.range.lowerBound >= 0, part.range.upperBound <= shape[3]
            else {
                throw .shapeMismatch(
                    layer: "concatenate", tensor: "channels[\(i)]",
                    expected: "[\(size[0]), \(size[1]), \(size[2]), at least "
                        + "\(part.range.upperBound)]", found: shape)
            }
        }
        let rows = try Shape.elementCount(size, layer: "concatenate")
        let all = parts.reduce(0) { $0 + $1.range.count }
        return try filling(size + [all], for: "concatenate", from: parts.map(\.map)) {
            runtime, inputs, y in
            var begin = 0
            for (part, x) in zip(parts, inputs) {
                let (count, step) = (part.range.count, part.map.shape[3])
                let status = ptn_copy_rows(
                    runtime, rows, count, x + part.range.lowerBound, step, y + begin, all)
                if status != PTN_OK { return status }
                begin += count
            }
            return PTN_OK
        }
    }

    /// ``concatenate(_:axis:)`` of at least one tensor, with a non-negative `axis`.
    static func concatenatedShape(
        _ tensors: [Tensor], _ axis: Int
    ) throws(ProteanError) -> [Int] {
        var shape = tensors[0].shape
        for (i, tensor) in tensors.enumerated().dropFirst() {
            var other = tensor.shape
            if other.count == shape.count { other[axis] = shape[axis] }
            guard other == shape else {
                throw .shapeMismatch(
                    layer: "concatenate", tensor: "tensors[\(i)]",
                    expected: "\(tensors[0].shape) but for axis \(axis)", found: tensor.shape)
            }
        }
        shape[axis] = 0
        for tensor in tensors {
            let (sum, overflow) = shape[axis].addingReportingOverflow(tensor.shape[axis])
            guard !overflow else { throw .sizeOverflow(layer: "concatenate", what: "an axis") }
            shape[axis] = sum
        }
        return shape
    }

    /// A range of channels of a tensor whose innermost axis is the channels.
    ///
    /// - Throws: ``ProteanError/shapeMismatch(layer:tensor:expected:found:)``.
    package static func channels(_ range: Range<Int>, of x: Tensor) throws(ProteanError) -> Tensor {
        let all = x.shape.last ?? 0
        guard range.lowerBound >= 0, range.upperBound <= all else {
            throw .shapeMismatch(
                layer: "channels", tensor: "x", expected: "\(range.upperBound) channels",
                found: x.shape)
        }
        let rows = x.shape.dropLast().reduce(1, *)
        let shape = x.shape.dropLast() + [range.count]
        return try filling(Array(shape), for: "channels", from: [x]) { runtime, inputs, y in
            ptn_copy_rows(
                runtime, rows, range.count, inputs[0] + range.lowerBound, all, y, range.count)
        }
    }

    /// Adds zeros around a map and around its channels.
    ///
    /// - Parameters:
    ///   - x: `[batch, height, width, channels]`.
    ///   - top: rows above, at least 0.
    ///   - bottom: rows below, at least 0.
    ///   - left: columns to the left, at least 0.
    ///   - right: columns to the right, at least 0.
    ///   - channelsBefore: zero channels before the map's.
    ///   - channelsAfter: zero channels after the map's.
    /// - Returns: `[batch, top + height + bottom, left + width + right, channels']`.
    /// - Throws: ``ProteanError`` when a count is negative.
    public static func pad(
        _ x: Tensor, top: Int = 0, bottom: Int = 0, left: Int = 0, right: Int = 0,
        channelsBefore: Int = 0, channelsAfter: Int = 0
    ) throws(ProteanError) -> Tensor {
        try checkMap(x, layer: "pad")
        try checkCounts(
            [
                ("top", top), ("bottom", bottom), ("left", left), ("right", right),
                ("channelsBefore", channelsBefore), ("channelsAfter", channelsAfter),
            ], layer: "pad")
        var frame = ptn_frame()
        frame.stride = 1
        frame.top = top
        frame.left = left
        frame.height = try sum(top, x.shape[1], bottom, layer: "pad")
        frame.width = try sum(left, x.shape[2], right, layer: "pad")
        frame.channels_before = channelsBefore
        frame.channels = try sum(channelsBefore, x.shape[3], channelsAfter, layer: "pad")
        return try reframe(x, frame, layer: "pad")
    }

    /// Every `stride`-th row and column, with zero channels before and after: the shortcut without
    /// parameters of residual networks ("option A", He et al., arXiv 1512.03385).
    ///
    /// - Parameters:
    ///   - x: `[batch, height, width, channels]`.
    ///   - stride: at least 1; pixel (i, j) of the result is (i · stride, j · stride) of `x`.
    ///   - before: zero channels before the map's.
    ///   - after: zero channels after the map's.
    /// - Returns: `[batch, ⌈height / stride⌉, ⌈width / stride⌉, before + channels + after]`.
    /// - Throws: ``ProteanError`` when a count is negative or the stride is below 1.
    public static func subsampleAndPadChannels(
        _ x: Tensor, stride: Int, before: Int, after: Int
    ) throws(ProteanError) -> Tensor {
        let layer = "subsampleAndPadChannels"
        try checkMap(x, layer: layer)
        try checkCounts([("before", before), ("after", after)], layer: layer)
        guard stride >= 1 else {
            throw .invalidOption(
                layer: layer, option: "stride", expected: "at least 1", found: "\(stride)")
        }
        var frame = ptn_frame()
        frame.stride = stride
        frame.height = x.shape[1] / stride + (x.shape[1] % stride == 0 ? 0 : 1)
        frame.width = x.shape[2] / stride + (x.shape[2] % stride == 0 ? 0 : 1)
        frame.channels_before = before
        frame.channels = try sum(before, x.shape[3], after, layer: layer)
        return try reframe(x, frame, layer: layer)
    }

    private static func reframe(
        _ x: Tensor, _ frame: ptn_frame, layer: String
    ) throws(ProteanError) -> Tensor {
        let shape = [x.shape[0], frame.height, frame.width, frame.channels]
        var frame = frame
        return try filling(shape, for: layer, from: [x]) { runtime, inputs, y in
            ptn_reframe(
                runtime, &frame, x.shape[0], x.shape[1], x.shape[2], x.shape[3], inputs[0], y)
        }
    }

    static func checkCounts(
        _ counts: [(option: String, value: Int)], layer: String
    ) throws(ProteanError) {
        for (option, value) in counts where value < 0 {
            throw .invalidOption(
                layer: layer, option: option, expected: "at least 0", found: "\(value)")
        }
    }

    static func sum(
        _ a: Int, _ b: Int, _ c: Int, layer: String
    ) throws(ProteanError) -> Int {
        let (front, frontOverflow) = a.addingReportingOverflow(b)
        let (all, overflow) = front.addingReportingOverflow(c)
        guard !frontOverflow, !overflow else {
            throw .sizeOverflow(layer: layer, what: "a padded map")
        }
        return all
    }
}
