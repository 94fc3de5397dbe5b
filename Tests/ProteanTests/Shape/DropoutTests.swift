import Testing

@testable import Protean

@Suite struct DropoutTests {
    @Test(arguments: [[2, 3, 5, 7], [0, 4], [1], []], [0, 0.3, 1])
    func keepsEveryBit(_ shape: [Int], _ probability: Double) throws {
        let layer = try Dropout(probability: probability)
        #expect(layer.probability == probability)
        var x = try Tensor.random(shape)
        if x.count > 1 { try x.withUnsafeMutableBufferPointer { $0[1] = .nan } }
        try MapTest.everywhere {
            try layer(x)
        } check: { isa, y in
            #expect(y.isBitEqual(to: x), "\(isa)")
        }
    }

    @Test func costsNothing() throws {
        let layer = try Dropout()
        #expect(layer.probability == 0.5)
        #expect(try layer.cost(for: [2, 3, 4, 5]) == Cost())
        #expect(try layer.outputShape(for: [2, 3, 4, 5]) == [2, 3, 4, 5])
        #expect(layer.allParameters().isEmpty)
    }

    @Test(arguments: [1.5, -0.1, .nan, .infinity])
    func otherSharesAreRefused(_ probability: Double) {
        expectRefusal(of: "probability") { _ = try Dropout(probability: probability) }
    }
}
