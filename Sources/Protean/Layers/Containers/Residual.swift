/// A residual connection: `y = activation(main(x) + shortcut(x))`.
///
/// He, Zhang, Ren, Sun, "Deep Residual Learning for Image Recognition", arXiv 1512.03385. The parts
/// are named `main` and, if there is one, `shortcut`; without it the shortcut is the input itself.
public final class Residual: Layer {
    private let main: any Layer
    private let shortcut: (any Layer)?
    private let activation: Activation

    /// Adds `shortcut(x)`, or `x`, to `main(x)`.
    public init(
        main: any Layer, shortcut: (any Layer)? = nil, activation: Activation = .identity
    ) {
        self.main = main
        self.shortcut = shortcut
        self.activation = activation
    }

    /// The channels of `main`, which the shortcut shares.
    public var channelFlow: ChannelFlow { main.channelFlow }

    /// `main` and, if there is one, `shortcut`.
    public var submodules: [NamedModule] {
        [NamedModule("main", main)] + (shortcut.map { [NamedModule("shortcut", $0)] } ?? [])
    }

    /// activation(main(x) + shortcut(x)).
    ///
    /// - Throws: ``ProteanError`` when the two shapes differ or a layer's input does not fit.
    public func callAsFunction(_ x: Tensor) throws(ProteanError) -> Tensor {
        let side = try shortcut?.applied(to: x, as: "shortcut") ?? x
        let y = try main.applied(to: x, as: "main")
        guard y.shape == side.shape else {
            throw .shapeMismatch(
                layer: "Residual", tensor: "shortcut", expected: "\(y.shape)", found: side.shape)
        }
        return try Operations.add(y, side, activation: activation)
    }
}
