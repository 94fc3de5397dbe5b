import Protean

/// Helpers shared by the kernels.
extension BenchmarkCase {
    /// Batch.
    func batch() throws(CaseError) -> Int { try integer(.n, default: 1) }

    /// `[n, h, w, c]` of the input.
    func inputShape() throws(CaseError) -> [Int] {
        [try batch(), try integer(.h), try integer(.w), try integer(.c)]
    }

    /// `[n, h, w, c]`, or `[n, c]` without `h` and `w`.
    func rowsShape() throws(CaseError) -> [Int] {
        guard values[.h] != nil || values[.w] != nil else {
            return [try batch(), try integer(.c)]
        }
        return try inputShape()
    }

    /// The activation named after `activation=`.
    func activationValue() throws(CaseError) -> Activation {
        guard let name = try word(.activation, of: Activation.names.sorted()) else {
            return .identity
        }
        // Always succeeds: the name is one of those listed above.
        return (try? Activation(named: name)) ?? .identity
    }

    /// An input of seeded values in [-1, 1); `stream` gives different inputs of one case different
    /// values.
    func values(_ shape: [Int], stream: UInt64 = 0) throws -> Tensor {
        try SeededValues.tensor(shape, seed: seed &+ stream &* 0x9E37_79B9)
    }
}

/// The window's options along one axis.
struct Window: Equatable {
    var kernel: Int
    var stride: Int
    var padding: Int
    var dilation: Int

    /// Outputs along an axis of `input` elements; below 1 when the window does not fit.
    func outputs(_ input: Int) -> Int {
        let room = input + 2 * padding - dilation * (kernel - 1) - 1
        return room < 0 ? 0 : room / stride + 1
    }
}

extension BenchmarkCase {
    /// The windows of both axes, height first. `pad` defaults to half the kernel's reach, which
    /// keeps the size of a map at stride 1.
    func windows() throws(CaseError) -> (height: Window, width: Window) {
        let size = try integer(.r, default: 0)
        let height = try window(try integer(.rh, default: size))
        let width = try window(try integer(.rw, default: size))
        return (height, width)
    }

    private func window(_ kernel: Int) throws(CaseError) -> Window {
        let dilation = try integer(.dilation, default: 1)
        return Window(
            kernel: kernel, stride: try integer(.stride, default: 1),
            padding: try integer(.pad, default: (kernel - 1) / 2 * dilation), dilation: dilation)
    }

    /// Output height and width, at least 1 each.
    func outputSize(_ windows: (height: Window, width: Window)) throws(CaseError) -> (Int, Int) {
        let (h, w) = (try integer(.h), try integer(.w))
        let size = (windows.height.outputs(h), windows.width.outputs(w))
        guard size.0 >= 1, size.1 >= 1 else {
            throw error(
                .r, expected: "a window within the padded map",
                found: "kernel \(windows.height.kernel)x\(windows.width.kernel), "
                    + "dilation \(windows.height.dilation), padding \(windows.height.padding) and "
                    + "\(windows.width.padding) on \(h)x\(w)")
        }
        return size
    }
}

/// Sizes as floating-point products, which cannot overflow.
enum Size {
    /// The product of sizes.
    static func product(_ sizes: Int...) -> Double { sizes.reduce(1) { $0 * Double($1) } }
    /// The product of a shape's sizes.
    static func elements(_ shape: [Int]) -> Double { shape.reduce(1) { $0 * Double($1) } }
    /// Bytes of a number of floats.
    static func bytes(_ elements: Double...) -> Double { elements.reduce(0, +) * 4 }
}

extension Tensor {
    /// One element, so that the result is used.
    func sample() throws -> Float { try withUnsafeBufferPointer { $0.first ?? 0 } }
}

/// Seeded numbers for inputs.
enum SeededValues {
    /// A prime, so that the sequence does not repeat in step with power-of-two shapes.
    private static let period = 65521

    /// Values in [-1, 1) that depend on `seed` only; the sequence repeats after 65521 elements.
    static func tensor(_ shape: [Int], seed: UInt64) throws -> Tensor {
        var state = seed
        let values = (0..<period).map { _ in next(&state) }
        var tensor = try Tensor(zeros: shape)
        try tensor.withUnsafeMutableBufferPointer { buffer in
            guard let base = buffer.baseAddress else { return }
            var done = 0
            while done < buffer.count {
                let count = min(period, buffer.count - done)
                values.withUnsafeBufferPointer { source in
                    guard let from = source.baseAddress else { return }
                    (base + done).update(from: from, count: count)
                }
                done += count
            }
        }
        return tensor
    }

    /// SplitMix64 (Steele, Lea and Flood, 2014), upper bits to [-1, 1).
    private static func next(_ state: inout UInt64) -> Float {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        z ^= z >> 31
        return Float(Int64(bitPattern: z) >> 40) * 0x1p-23
    }
}

extension BenchmarkCase {
    /// The call `layer(x)` on a seeded input of `shape`.
    func run(_ layer: some Layer, on shape: [Int]) throws -> KernelRun {
        let x = try values(shape)
        return { try layer(x).sample() }
    }
}
