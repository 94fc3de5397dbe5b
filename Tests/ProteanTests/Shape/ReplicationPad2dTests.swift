import Testing

@testable import Protean

@Suite struct ReplicationPad2dTests {
    @Test func agreesWithItsDefinition() throws {
        try EdgePaddingCases.check({ try ReplicationPad2d(padding: $0) }) {
            min(max($0, 0), $1 - 1)
        }
    }

    @Test func aPixelFillsTheMap() throws {
        let y = try ReplicationPad2d(padding: 40)(Tensor([5, 6], shape: [1, 1, 1, 2]))
        #expect(y.shape == [1, 81, 81, 2])
        #expect(y.elements.enumerated().allSatisfy { $1 == ($0 % 2 == 0 ? 5 : 6) })
    }

    @Test func refusesEmptyMaps() {
        #expect(
            EdgePaddingCases.refused {
                _ = try ReplicationPad2d(padding: 1)(Tensor(zeros: [1, 0, 4, 2]))
            } == "x")
    }

    @Test func noPaddingIsNeutral() throws {
        let x = try MapTest.tensor([2, 3, 4, 5])
        #expect(try ReplicationPad2d(padding: 0)(x).isBitEqual(to: x))
    }

    @Test func refusals() { EdgePaddingCases.checkRefusals { try ReplicationPad2d(padding: $0) } }

    @Test func costs() throws {
        let layer = try ReplicationPad2d(padding: EdgePadding(left: 1, right: 2))
        let cost = try layer.cost(for: [1, 2, 3, 4])
        #expect(cost.bytes == 4 * (24 + 48) && cost.multiplyAdds == 0 && cost.parameters == 0)
        #expect(layer.channelFlow == .unchanged)
    }
}
