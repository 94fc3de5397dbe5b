import Testing

@testable import Protean

@Suite struct ResidualTests {
    @Test func addsTheShortcut() throws {
        let main = try Conv2d(inputChannels: 3, outputChannels: 3, kernelSize: 3, padding: 1)
        let x = try Tensor.random([2, 4, 5, 3])
        let plain = try Residual(main: main)(x)
        #expect(try plain.isBitEqual(to: Operations.add(main(x), x)))
        let side = try Conv2d(inputChannels: 3, outputChannels: 3, kernelSize: 1, seed: 4)
        let block = Residual(main: main, shortcut: side, activation: .relu)
        #expect(
            try block(x).isBitEqual(to: Operations.add(main(x), side(x), activation: .relu)))
        #expect(block.submodules.map(\.name) == ["main", "shortcut"])
    }

    @Test func differingShapesAreRefused() throws {
        let main = try Conv2d(inputChannels: 3, outputChannels: 4, kernelSize: 1)
        #expect(throws: ProteanError.self) {
            try Residual(main: main)(Tensor(zeros: [1, 2, 2, 3]))
        }
    }
}
