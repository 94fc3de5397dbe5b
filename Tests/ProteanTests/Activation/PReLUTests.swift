import Testing

@testable import Protean

@Suite struct PReLUTests {
    @Test(arguments: [
        ([3, 5, 7, 17], 17), ([1, 9, 4, 1], 1), ([2, 3, 5, 33], 33), ([0, 2, 3, 7], 7),
        ([4, 3], 3), ([2, 3, 5, 7], 1), ([1, 40, 37, 130], 130),
    ])
    func agreesWithDoubleLoopsEverywhere(_ shape: [Int], _ slopes: Int) throws {
        let layer = try PReLU(channels: slopes)
        try layer.weight.set(MapTest.tensor([slopes], seed: 13, range: 1))
        let x = try MapTest.tensor(shape, seed: 14), s = layer.weight.value.elements
        let expected = x.elements.enumerated().map { i, value in
            value > 0 ? Double(value) : Double(value) * Double(s[i % slopes])
        }
        try MapTest.everywhere {
            try layer(x)
        } check: { isa, y in
            MapTest.expect(y, shape: shape, expected, "\(isa)")
        }
        #expect(try layer.outputShape(for: shape) == shape)
    }

    @Test func slopesStartAtOneQuarter() throws {
        #expect(try PReLU().weight.value.elements == [0.25])
        #expect(
            try PReLU(channels: 3, initialValue: 0.5).weight.value.elements == [0.5, 0.5, 0.5])
        #expect(try PReLU(channels: 3).allParameters().map(\.name) == ["weight"])
    }

    @Test func slopesOfOneKeepTheMapAndOfZeroAreReLU() throws {
        let x = try Tensor.random([2, 3, 5, 7])
        #expect(try PReLU(channels: 7, initialValue: 1)(x).isBitEqual(to: x))
        #expect(try PReLU(initialValue: 0)(x).elements == ReLU()(x).elements)
    }

    @Test func valuesThatAreNotNumbersStayWhereTheyAre() throws {
        let y = try PReLU()(Tensor([1, .nan, -2], shape: [3, 1])).elements
        #expect(y[0] == 1 && y[1].isNaN && y[2] == -0.5)
    }

    @Test func costCountsSlopes() throws {
        let cost = try PReLU(channels: 5).cost(for: [2, 3, 4, 5])
        #expect(cost == Cost(parameters: 5, bytes: (2 * 120 + 5) * 4))
    }

    @Test func whatDoesNotFitIsRefused() throws {
        expectRefusal(of: "channels") { _ = try PReLU(channels: 0) }
        let layer = try PReLU(channels: 3)
        expectMismatch(of: "x") { _ = try layer(Tensor(zeros: [1, 4])) }
        expectMismatch(of: "x") { _ = try layer(Tensor(zeros: [])) }
    }
}
