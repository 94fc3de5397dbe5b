import Foundation
import Testing

@testable import Protean

@Suite struct FeedForwardGateTests {
    @Test(arguments: FeedForwardGate.Form.allCases) func feedForward(
        _ form: FeedForwardGate.Form
    ) throws {
        for channels in [1, 7, 17] {
            let gate = try FeedForwardGate(channels: channels, form: form)
            try gate.randomise()
            for batch in [0, 1, 3] {
                let x = try Tensor.random([batch, 11, 8, channels], seed: 4)
                func expected(_ row: Int) throws -> Double {
                    var map = try DepthGateReference.Map(x, row)
                    if form == .pooledPair { map = map.pooled }
                    for index in 1...(form == .pooledPair ? 2 : 1) {
                        map = try map.convolved(
                            #require(gate.module(at: "conv\(index)") as? Conv2d),
                            #require(gate.module(at: "bn\(index)") as? BatchNorm2d))
                    }
                    let scores = try DepthGateReference.product(
                        #require(gate.module(at: "linear_layer")), map.means)
                    return 1 / (1 + exp(scores[0] - scores[1]))
                }
                try DepthGateReference.check(expected, batch) { try gate(x) }
            }
        }
    }

    @Test func shapesAndCosts() throws {
        let form1 = try FeedForwardGate(channels: 16)
        #expect(try form1.outputShape(for: [5, 32, 32, 16]) == [5, 2])
        // 3 × 3 at 16 × 16 and at 8 × 8 pixels, then the two scores.
        let conv = 9 * 16 * 16
        #expect(try form1.cost(for: [1, 32, 32, 16]).multiplyAdds == conv * (256 + 64) + 32)
        let form2 = try FeedForwardGate(channels: 16, form: .single)
        #expect(try form2.cost(for: [1, 32, 32, 16]).multiplyAdds == conv * 256 + 32)
    }

    @Test func whatDoesNotFitIsRefused() throws {
        expectRefusal(of: "channels") { _ = try FeedForwardGate(channels: 0) }
        let gate = try FeedForwardGate(channels: 3)
        expectMismatch(of: "x") { _ = try gate(Tensor(zeros: [2, 3])) }
        expectMismatch(of: "x") { _ = try gate(Tensor(zeros: [2, 0, 4, 3])) }
        expectMismatch(of: "x") { _ = try gate(Tensor(zeros: [2, 4, 4, 2])) }
        expectMismatch(of: "x") { _ = try gate(Tensor(zeros: [2, 1, 4, 3])) }
    }
}
