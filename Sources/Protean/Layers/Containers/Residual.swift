/// A residual connection: `y = activation(main(x) + shortcut(x))`.
///
/// He, Zhang, Ren, Sun, "Deep Residual Learning for Image Recognition", arXiv 1512.03385. The parts
/// are named `main` and, if there is one, `shortcut`; without it the shortcut is the input itself.
/// If `main` ends in an ``AcceptsEpilogue`` layer, that layer's kernel adds the shortcut and
/// applies the activation.
public final class Residual: AcceptsEpilogue {
    private let main: any Layer
    private let shortcut: (any Layer)?
    private let activation: Activation
    /// `main`, if it can add the shortcut and apply the activation in its kernel.
    private let kernel: (any EpilogueKernel)?

    /// Adds `shortcut(x)`, or `x`, to `main(x)`.
    public init(
        main: any Layer, shortcut: (any Layer)? = nil, activation: Activation = .identity
    ) {
        self.main = main
        self.shortcut = shortcut
        self.activation = activation
        kernel = main.kernel(doing: [.activation, .residual])
    }

    /// The channels of `main`, which the shortcut shares.
    public var channelFlow: ChannelFlow { main.channelFlow }

    /// `main` and, if there is one, `shortcut`.
    public var submodules: [NamedModule] {
        [NamedModule("main", main)] + (shortcut.map { [NamedModule("shortcut", $0)] } ?? [])
    }

    /// An activation, unless there is one already.
    public var epilogueParts: EpilogueParts { activation == .identity ? .activation : [] }

    /// activation(main(x) + shortcut(x)).
    ///
    /// - Throws: ``ProteanError`` when the two shapes differ or a layer's input does not fit.
    public func callAsFunction(_ x: Tensor) throws(ProteanError) -> Tensor {
        try run(x, activation)
    }

    /// The sum followed by the epilogue, in one kernel if possible.
    ///
    /// - Throws: ``ProteanError`` when a tensor does not fit.
    public func callAsFunction(
        _ x: Tensor, epilogue: Conv2dEpilogue
    ) throws(ProteanError) -> Tensor {
        guard epilogueParts.isSuperset(of: epilogue.parts) else {
            return try epilogue.applied(to: self(x), layer: place)
        }
        return try run(x, activation == .identity ? epilogue.activation : activation)
    }

    private func run(_ x: Tensor, _ activation: Activation) throws(ProteanError) -> Tensor {
        let side = try shortcut?.applied(to: x, as: "shortcut") ?? x
        if let kernel { return try fused(kernel, x, side, activation) }
        let y = try main.applied(to: x, as: "main")
        guard y.shape == side.shape else {
            throw Self.differ(shortcut: side.shape, from: "\(y.shape)")
        }
        return try Operations.add(y, side, activation: activation)
    }

    private func fused(
        _ kernel: any EpilogueKernel, _ x: Tensor, _ side: Tensor, _ activation: Activation
    ) throws(ProteanError) -> Tensor {
        do throws(ProteanError) {
            return try kernel(
                x, epilogue: Conv2dEpilogue(activation: activation, residual: side))
        } catch {
            if case .shapeMismatch(_, "residual", let expected, let found) = error {
                throw Self.differ(shortcut: found, from: expected)
            }
            throw error.positioned("main", of: main)
        }
    }

    private static func differ(shortcut: [Int], from expected: String) -> ProteanError {
        .shapeMismatch(
            layer: "Residual", tensor: "shortcut", expected: expected, found: shortcut)
    }
}
