import Testing

@testable import Protean

@Suite struct ReflectionPad2dTests {
    @Test func agreesWithItsDefinition() throws {
        try EdgePaddingCases.check({ try ReflectionPad2d(padding: $0) }) {
            $0 < 0 ? -$0 : $0 < $1 ? $0 : 2 * ($1 - 1) - $0
        }
    }

    @Test func repeatsNoEdge() throws {
        let x = try Tensor([1, 2, 3, 4], shape: [1, 1, 4, 1])
        let y = try ReflectionPad2d(padding: EdgePadding(left: 2, right: 3))(x)
        #expect(y.elements == [3, 2, 1, 2, 3, 4, 3, 2, 1])
    }

    /// Every padding must be smaller than the map.
    @Test func refusesLargePaddings() throws {
        let x = try Tensor(zeros: [1, 3, 4, 2])
        for (padding, option) in [
            (EdgePadding(top: 3), "top"), (EdgePadding(bottom: 3), "bottom"),
            (EdgePadding(left: 4), "left"), (EdgePadding(right: 4), "right"),
        ] {
            let layer = try ReflectionPad2d(padding: padding)
            #expect(EdgePaddingCases.refused { _ = try layer(x) } == option)
            #expect(
                EdgePaddingCases.refused { _ = try layer.outputShape(for: x.shape) } == option)
        }
        #expect(
            EdgePaddingCases.refused {
                _ = try ReflectionPad2d(padding: 0)(Tensor(zeros: [1, 0, 4, 2]))
            } == "x")
        // One pixel has no reflection, but also needs none.
        #expect(
            try ReflectionPad2d(padding: 0)(Tensor(zeros: [1, 1, 1, 2])).shape == [1, 1, 1, 2])
    }

    @Test func noPaddingIsNeutral() throws {
        let x = try MapTest.tensor([2, 3, 4, 5])
        #expect(try ReflectionPad2d(padding: 0)(x).isBitEqual(to: x))
    }

    @Test func refusals() { EdgePaddingCases.checkRefusals { try ReflectionPad2d(padding: $0) } }

    @Test func costs() throws {
        let layer = try ReflectionPad2d(padding: EdgePadding(left: 1, right: 2))
        let cost = try layer.cost(for: [1, 2, 3, 4])
        #expect(cost.bytes == 4 * (24 + 48) && cost.multiplyAdds == 0 && cost.parameters == 0)
        #expect(layer.channelFlow == .unchanged)
    }
}
