import Protean

extension ConfigurationKey {
    /// The options for the propagation of changes.
    static let changes: [ConfigurationKey] = [
        .optional(
            "delta_threshold", 0, "the largest change that is not propagated", aliases: "epsilon"),
        .optional("norm", "max", "of a pixel's change: \"max\", \"l1\" or \"l2\""),
    ]
}

extension LayerEntry.TensorDescription {
    /// The frames of a video.
    static let frames = LayerEntry.TensorDescription(
        "x", "[T, C, H, W]: the frames of one video, in order")
    /// The results for the frames.
    static let frameResults = LayerEntry.TensorDescription(
        "y", "[T, O, H', W']: every frame's result")
}

extension Tensor {
    /// Applies `body` to each frame in order; if there are none, to an empty map.
    func eachFrame(_ body: (Tensor) throws -> Tensor) throws -> Tensor {
        guard let count = shape.first, count > 0 else { return try body(self) }
        // Without values there are no frames to apply `body` to.
        guard !isShapeOnly else { throw ProteanError.noValues(layer: "frames") }
        let values = elements, size = values.count / count
        let frames = try (0..<count).map { frame in
            try Tensor(
                Array(values[frame * size..<(frame + 1) * size]), shape: [1] + shape.dropFirst())
        }
        return try Operations.concatenate(try frames.map(body), axis: 0)
    }
}
