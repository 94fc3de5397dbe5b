import Testing

@testable import Protean

@Suite struct ZeroPad2dTests {
    @Test func agreesWithItsDefinition() throws {
        try EdgePaddingCases.check({ try ZeroPad2d(padding: $0) }) {
            (0..<$1).contains($0) ? $0 : nil
        }
    }

    /// NaN and infinities lie beside zeros unharmed.
    @Test func keepsWhatIsNotFinite() throws {
        let x = try Tensor([.nan, .infinity], shape: [1, 1, 2, 1])
        let y = try ZeroPad2d(padding: EdgePadding(left: 1, right: 1))(x).elements
        #expect(y[0] == 0 && y[1].isNaN && y[2] == .infinity && y[3] == 0)
    }

    @Test func noPaddingIsNeutral() throws {
        let x = try MapTest.tensor([2, 3, 4, 5])
        #expect(try ZeroPad2d(padding: 0)(x).isBitEqual(to: x))
    }

    @Test func refusals() { EdgePaddingCases.checkRefusals { try ZeroPad2d(padding: $0) } }

    @Test func costs() throws {
        let layer = try ZeroPad2d(padding: EdgePadding(left: 1, right: 2))
        let cost = try layer.cost(for: [1, 2, 3, 4])
        #expect(cost.bytes == 4 * (24 + 48) && cost.multiplyAdds == 0 && cost.parameters == 0)
        #expect(layer.channelFlow == .unchanged)
    }
}
