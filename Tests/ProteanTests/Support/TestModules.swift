import Testing

@testable import Protean

extension Module {
    /// Gives every parameter and buffer values that would show swapped or unused ones.
    func randomise() throws {
        for (index, named) in allParameters().enumerated() {
            let positive = named.name.hasSuffix("running_var")
            let range: ClosedRange<Float> = positive ? 0.5...2 : -0.3...0.3
            try named.parameter.set(
                Initializer.uniform(
                    named.parameter.shape, in: range, seed: UInt64(index) + 11))
        }
    }

    /// The parts under these names as one layer that computes the defining sums.
    func fusedDirect(
        _ conv: String, _ norm: String, _ activation: Activation
    ) throws -> FusedConv2d {
        let found = try #require(module(at: conv) as? Conv2d)
        let geometry = found.geometry
        let direct = try Conv2d(
            weight: found.weight.value, stride: geometry.stride, padding: geometry.padding,
            dilation: geometry.dilation, groups: geometry.groups, algorithm: .direct)
        return try FusedConv2d(
            direct, try #require(module(at: norm) as? BatchNorm2d), activation)
    }
}

/// Demands that `body` is refused because of this option.
func expectRefusal(
    of option: String, sourceLocation: SourceLocation = #_sourceLocation,
    _ body: () throws -> Void
) {
    #expect(sourceLocation: sourceLocation) {
        try body()
    } throws: { error in
        guard case .invalidOption(_, let found, _, _)? = error as? ProteanError else {
            return false
        }
        return found == option
    }
}

/// Demands that `body` is refused because this tensor has a wrong shape.
func expectMismatch(
    of tensor: String, sourceLocation: SourceLocation = #_sourceLocation,
    _ body: () throws -> Void
) {
    #expect(sourceLocation: sourceLocation) {
        try body()
    } throws: { error in
        guard case .shapeMismatch(_, let found, _, _)? = error as? ProteanError else {
            return false
        }
        return found == tensor
    }
}
