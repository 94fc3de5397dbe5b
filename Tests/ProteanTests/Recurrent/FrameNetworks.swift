@testable import Protean

/// Small networks of frames.
enum FrameNetworks {
    /// Frames of three channels to `features` numbers.
    static func encoder(_ features: Int, seed: UInt64) throws -> any Layer {
        try Sequential([
            Conv2d(
                inputChannels: 3, outputChannels: features, kernelSize: 3, padding: 1, seed: seed),
            ReLU(), GlobalAveragePool2d(),
        ])
    }

    static func videos(_ batch: Int, _ time: Int, size: Int = 8, seed: UInt64 = 1) throws -> Tensor
    {
        try MapTest.tensor([batch, time, size, size, 3], seed: seed)
    }

    /// One frame as a batch of one.
    static func frame(_ videos: Tensor, _ row: Int, _ step: Int) throws -> Tensor {
        try Operations.slice(
            videos, [AxisSlice(row..<row + 1), AxisSlice(step..<step + 1)]
        ).reshaped(to: [1] + videos.shape[2...])
    }
}

/// Counts the frames that a network really sees.
final class CountingLayer: Layer {
    let inner: any Layer
    let rows = Counter()

    init(_ inner: any Layer) { self.inner = inner }

    func callAsFunction(_ x: Tensor) throws(ProteanError) -> Tensor {
        if !x.isShapeOnly { rows.add(x.shape[0]) }
        return try inner(x)
    }
}
