import Testing

@testable import Protean

@Suite struct AvgPool2dTests {
    @Test(arguments: PoolKernelTests.cases)
    func agreesWithDoubleLoopsEverywhere(_ test: PoolKernelTests.Case) throws {
        let window = test.window
        let layer = try AvgPool2d(
            kernelSize: window.kernelSize, stride: window.stride, padding: window.padding,
            ceilMode: window.ceilMode, countIncludePad: test.countIncludePad,
            divisorOverride: test.divisor)
        let x = try MapTest.tensor(test.shape, seed: 25)
        let (shape, expected) = PoolKernelTests.reference(test, x.elements, maximum: false)
        try MapTest.everywhere {
            try layer(x)
        } check: { isa, y in
            MapTest.expect(y, shape: shape, expected, "\(isa)")
        }
        #expect(try layer.outputShape(for: test.shape) == shape)
    }

    @Test func defaultsArePyTorchs() throws {
        let layer = try AvgPool2d(kernelSize: Size2d(height: 2, width: 3))
        #expect(layer.window.stride == Size2d(height: 2, width: 3))
        #expect(layer.countIncludePad && layer.divisorOverride == nil && !layer.window.ceilMode)
    }

    @Test func aWindowOfOnePixelKeepsTheMap() throws {
        let x = try Tensor.random([2, 5, 3, 7])
        #expect(try AvgPool2d(kernelSize: 1)(x).isBitEqual(to: x))
    }

    @Test func oneValueThatIsNotANumberSpoilsItsWindowOnly() throws {
        var values = [Float](repeating: 1, count: 32)
        values[2 * 2 + 1] = .nan
        let y = try AvgPool2d(kernelSize: 2)(Tensor(values, shape: [1, 4, 4, 2]))
        #expect(y.elements.map(\.isNaN) == (0..<8).map { $0 == 3 })
    }

    @Test func costAndShapeNeedNoValues() throws {
        let layer = try AvgPool2d(kernelSize: 3, stride: 2, padding: 1)
        #expect(try layer.outputShape(for: [0, 7, 10, 3]) == [0, 4, 5, 3])
        #expect(
            try layer.cost(for: [2, 7, 10, 3]) == Cost(bytes: (2 * 7 * 10 + 2 * 4 * 5) * 3 * 4))
    }

    @Test func whatDoesNotFitIsRefused() throws {
        expectRefusal(of: "kernelSize") { _ = try AvgPool2d(kernelSize: 0) }
        expectRefusal(of: "stride") { _ = try AvgPool2d(kernelSize: 2, stride: -1) }
        expectRefusal(of: "padding") { _ = try AvgPool2d(kernelSize: 3, padding: 2) }
        expectRefusal(of: "divisorOverride") {
            _ = try AvgPool2d(kernelSize: 2, divisorOverride: 0)
        }
        let layer = try AvgPool2d(kernelSize: 3)
        for shape in [[1, 2, 5, 1], [5, 5, 1], [1, 0, 5, 1]] {
            #expect(throws: ProteanError.self) { try layer(Tensor(zeros: shape)) }
        }
    }
}
