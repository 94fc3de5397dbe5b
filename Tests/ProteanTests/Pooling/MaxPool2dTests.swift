import Testing

@testable import Protean

@Suite struct MaxPool2dTests {
    @Test(arguments: PoolKernelTests.cases)
    func agreesWithDoubleLoopsEverywhere(_ test: PoolKernelTests.Case) throws {
        let window = test.window
        let layer = try MaxPool2d(
            kernelSize: window.kernelSize, stride: window.stride, padding: window.padding,
            ceilMode: window.ceilMode)
        let x = try MapTest.tensor(test.shape, seed: 23)
        let (shape, expected) = PoolKernelTests.reference(test, x.elements, maximum: true)
        try MapTest.everywhere {
            try layer(x)
        } check: { isa, y in
            // A maximum is one of the inputs.
            MapTest.expect(y, shape: shape, expected, tolerance: 0, "\(isa)")
        }
        #expect(try layer.outputShape(for: test.shape) == shape)
    }

    @Test func dilatedWindows() throws {
        let dilation = Size2d(height: 3, width: 2), kernel = Size2d(height: 2, width: 3)
        let layer = try MaxPool2d(kernelSize: kernel, stride: 1, padding: 1, dilation: dilation)
        let test = PoolKernelTests.Case(shape: [2, 9, 10, 3], window: layer.window)
        let x = try MapTest.tensor(test.shape, seed: 24)
        let (shape, expected) = PoolKernelTests.reference(test, x.elements, maximum: true)
        MapTest.expect(try layer(x), shape: shape, expected, tolerance: 0)
    }

    @Test func theStrideIsTheKernelSizeByDefault() throws {
        let kernel = Size2d(height: 2, width: 3)
        #expect(try MaxPool2d(kernelSize: kernel).window.stride == kernel)
    }

    @Test func aWindowOfOnePixelKeepsTheMap() throws {
        let x = try Tensor.random([2, 5, 3, 7])
        #expect(try MaxPool2d(kernelSize: 1)(x).isBitEqual(to: x))
    }

    @Test func costAndShapeNeedNoValues() throws {
        let layer = try MaxPool2d(kernelSize: 3, stride: 2, padding: 1)
        #expect(try layer.outputShape(for: [0, 7, 10, 3]) == [0, 4, 5, 3])
        #expect(
            try layer.cost(for: [2, 7, 10, 3]) == Cost(bytes: (2 * 7 * 10 + 2 * 4 * 5) * 3 * 4))
    }

    @Test func isTracedUnderItsName() throws {
        let trace = Trace()
        _ = try trace.recording { try MaxPool2d(kernelSize: 2)(Tensor(zeros: [1, 4, 4, 2])) }
        #expect(trace.events.map(\.layer) == ["MaxPool2d"])
        #expect(trace.events[0].outputShape == [1, 2, 2, 2])
        #expect(trace.events[0].cost == Cost(bytes: (32 + 8) * 4))
    }

    @Test func whatDoesNotFitIsRefused() throws {
        expectRefusal(of: "kernelSize") { _ = try MaxPool2d(kernelSize: 0) }
        expectRefusal(of: "stride") { _ = try MaxPool2d(kernelSize: 2, stride: 0) }
        expectRefusal(of: "padding") { _ = try MaxPool2d(kernelSize: 3, padding: 2) }
        expectRefusal(of: "dilation") { _ = try MaxPool2d(kernelSize: 3, dilation: 0) }
        let layer = try MaxPool2d(kernelSize: 3)
        for shape in [[1, 2, 5, 1], [5, 5, 1], [1, 0, 5, 1]] {
            #expect(throws: ProteanError.self) { try layer(Tensor(zeros: shape)) }
        }
    }
}
