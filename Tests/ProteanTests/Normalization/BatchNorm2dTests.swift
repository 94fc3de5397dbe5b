import Testing

@testable import Protean

@Suite struct BatchNorm2dTests {
    @Test func parametersHavePyTorchsNamesAndOrder() throws {
        let names = try BatchNorm2d(channels: 4).allParameters().map(\.name)
        #expect(names == ["weight", "bias", "running_mean", "running_var"])
        let plain = try BatchNorm2d(channels: 4, affine: false).allParameters().map(\.name)
        #expect(plain == ["running_mean", "running_var"])
        let layer = try BatchNorm2d(channels: 4)
        #expect((layer.parameterCount, layer.bufferCount) == (8, 8))
    }

    @Test func scaleAndShiftFollowTheParameters() throws {
        let layer = try BatchNorm2d(channels: 2, eps: 0)
        try layer.runningVar.set(Tensor([4, 16], shape: [2]))
        try layer.runningMean.set(Tensor([1, 2], shape: [2]))
        var affine = try layer.scaleAndShift()
        #expect(affine.scale.elements == [0.5, 0.25])
        #expect(affine.shift.elements == [-0.5, -0.5])
        let before = layer.version
        try layer.weight?.set(Tensor([2, 4], shape: [2]))
        try layer.bias?.set(Tensor([10, 20], shape: [2]))
        #expect(layer.version > before)
        affine = try layer.scaleAndShift()
        #expect(affine.scale.elements == [1, 1])
        #expect(affine.shift.elements == [9, 18])
        let x = try Tensor([3, 3, 5, 7], shape: [1, 1, 2, 2])
        #expect(try layer(x).elements == [12, 21, 14, 25])
        #expect(try layer(x.reshaped(to: [2, 2])).elements == [12, 21, 14, 25])
    }

    @Test func theResultIsKeptUntilAParameterChanges() throws {
        let layer = try BatchNorm2d(channels: 8)
        let first = try layer.scaleAndShift().scale
        #expect(try layer.scaleAndShift().scale.storage === first.storage)
        try layer.runningVar.set(Tensor(repeating: 2, shape: [8]))
        #expect(try layer.scaleAndShift().scale.storage !== first.storage)
    }

    @Test func tinyVariancesAreNotLost() throws {
        // In single precision var + eps would round to var.
        let layer = try BatchNorm2d(channels: 1, eps: 1e-5)
        try layer.runningVar.set(Tensor([1e-5], shape: [1]))
        let scale = try layer.scaleAndShift().scale.elements[0]
        #expect(abs(scale - 223.606798) < 2e-4)
    }

    @Test func refusals() throws {
        #expect(throws: ProteanError.self) { try BatchNorm2d(channels: 0) }
        #expect(throws: ProteanError.self) { try BatchNorm2d(channels: 2, eps: -1) }
        #expect(throws: ProteanError.self) { try BatchNorm2d(channels: 2, eps: .nan) }
        let layer = try BatchNorm2d(channels: 2)
        #expect(throws: ProteanError.self) { try layer(Tensor(zeros: [1, 2, 2, 3])) }
        #expect(throws: ProteanError.self) { try layer(Tensor(zeros: [2])) }
    }
}
