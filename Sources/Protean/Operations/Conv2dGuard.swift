import CProteanKernels
import Synchronization

/// The outputs that one guarded call of a convolution kernel leaves out.
///
/// The rounding errors of Winograd's forms are proportional to a tile's largest values. Under
/// ``Exactness/guarded`` tiles whose values differ too much in size are left out and computed by
/// the defining sums afterwards.
struct Conv2dGuard: ~Copyable {
    /// A byte per output, filled by the kernel when it leaves any out; nil for an unguarded call.
    private let bytes: UnsafeMutablePointer<UInt8>?
    private let shape: [Int]
    private var value = ptn_conv2d_guard()

    /// A guard for outputs `[batch, height, width, …]`, or one without effect.
    init(outputs shape: [Int], isOn: Bool) {
        self.shape = shape
        let count = shape[0] * shape[1] * shape[2]
        bytes = isOn && count > 0 ? .allocate(capacity: count) : nil
        value.left_out = bytes
    }

    deinit { bytes?.deallocate() }

    /// Calls a kernel with this guard.
    mutating func run(
        _ kernel: (UnsafeMutablePointer<ptn_conv2d_guard>?) -> ptn_status
    ) -> ptn_status {
        guard bytes != nil else { return kernel(nil) }
        let status = withUnsafeMutablePointer(to: &value) { kernel($0) }
        WinogradGuardRecord.current?.add(tiles: value.tiles, leftOut: value.tiles_left_out)
        return status
    }

    /// The samples of which the kernel left outputs out.
    func samplesLeftOut() -> [Int] {
        guard let bytes, value.tiles_left_out > 0 else { return [] }
        let pixels = shape[1] * shape[2]
        return (0..<shape[0]).filter { sample in
            UnsafeBufferPointer(start: bytes + sample * pixels, count: pixels).contains { $0 != 0 }
        }
    }

    /// A byte per output of one sample, not 0 for outputs that were left out; call only for the samples
    /// of ``samplesLeftOut()``.
    func bytes(of sample: Int) -> UnsafeBufferPointer<UInt8> {
        let pixels = shape[1] * shape[2]
        return UnsafeBufferPointer(start: bytes.map { $0 + sample * pixels }, count: pixels)
    }

    /// The outputs that the kernel left out; nil for none.
    func leftOut() throws(ProteanError) -> MaskPlan? {
        guard let bytes, value.tiles_left_out > 0 else { return nil }
        let count = shape[0] * shape[1] * shape[2]
        let plan = try MaskPlan(
            bytes: Array(UnsafeBufferPointer(start: bytes, count: count)), batch: shape[0],
            size: Size2d(height: shape[1], width: shape[2]))
        return plan.count > 0 ? plan : nil
    }
}

/// Counts the tiles that guarded convolutions examined and left out.
package final class WinogradGuardRecord: Sendable {
    @TaskLocal static var current: WinogradGuardRecord?

    private let counts = Mutex((tiles: 0, leftOut: 0))

    package init() {}

    /// Tiles assigned to Winograd's forms.
    package var tiles: Int { counts.withLock(\.tiles) }
    /// Those of them that were computed by the defining sums.
    package var leftOut: Int { counts.withLock(\.leftOut) }

    /// Counts the tiles of the convolutions in `body`.
    package func recording<R, E: Error>(_ body: () throws(E) -> R) throws(E) -> R {
        let result = Self.$current.withValue(self) { Result { () throws(E) in try body() } }
        return try result.get()
    }

    fileprivate func add(tiles: Int, leftOut: Int) {
        counts.withLock {
            $0.tiles += tiles
            $0.leftOut += leftOut
        }
    }
}

extension Operations {
    /// Computes outputs of a dense convolution that a guard left out, by the defining sums.
    static func completeConv2d(
        _ outputs: MaskPlan, of x: Tensor, _ packed: PackedConv2d, shape: ptn_conv2d_shape,
        runtime: ptn_runtime, epilogue: ptn_conv2d_epilogue, into y: Tensor, layer: String
    ) throws(ProteanError) {
        let sums = try packed.definingSums(layer: layer)
        var shape = shape, runtime = runtime, epilogue = epilogue
        shape.choice = PTN_CONV2D_SUMS
        var mask = ptn_masked_conv2d_mask()
        mask.outputs = outputs.kernelPlan
        mask.inactive = PTN_MASKED_KEEP
        let status = withExtendedLifetime((x, sums, outputs, y)) {
            ptn_masked_conv2d(
                &runtime, &shape, &mask, x.storage!.base, sums.weights, 0, &epilogue,
                y.storage!.base)
        }
        try status.check(layer)
    }
}
