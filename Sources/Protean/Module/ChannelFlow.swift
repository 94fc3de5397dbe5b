/// How a layer changes the number of channels (the size of the last axis), as far as this is known
/// without an input.
///
/// Containers compare neighbouring layers when they are built and throw for layers that cannot fit,
/// with their positions.
public enum ChannelFlow: Sendable, Hashable {
    /// Nothing is known.
    case unknown
    /// Any number in, the same number out.
    case unchanged
    /// Exactly `input` channels in and `output` out; nil for an unknown number.
    case fixed(input: Int?, output: Int?)

    /// The channels that an input must have; nil if unknown.
    public var input: Int? {
        if case .fixed(let input, _) = self { input } else { nil }
    }

    /// The channels of the output if they do not depend on the input; else nil.
    public var output: Int? {
        if case .fixed(_, let output) = self { output } else { nil }
    }

    /// Both layers, one after the other.
    func followed(by next: ChannelFlow) -> ChannelFlow {
        if self == .unchanged { return next }
        if next == .unchanged { return self }
        let ends = (input, next.output)
        return ends == (nil, nil) ? .unknown : .fixed(input: ends.0, output: ends.1)
    }
}

extension Layer {
    /// Nothing is known.
    public var channelFlow: ChannelFlow { .unknown }
}
