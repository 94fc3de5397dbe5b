import Testing

@testable import Protean

@Suite struct MaxPool3dTests {
    /// The largest of every window, element by element.
    private static func reference(
        _ x: Tensor, _ kernel: Size3d, _ stride: Size3d, _ padding: Size2d
    ) -> (shape: [Int], values: [Double]) {
        let (height, width, channels) = (x.shape[1], x.shape[2], x.shape[3]), from = x.elements
        let rows = (height + 2 * padding.height - kernel.height) / stride.height + 1
        let columns = (width + 2 * padding.width - kernel.width) / stride.width + 1
        let planes = (channels - kernel.depth) / stride.depth + 1
        var values: [Double] = []
        for index in 0..<x.shape[0] * rows * columns * planes {
            let d = index % planes, j = index / planes % columns
            let i = index / planes / columns % rows, n = index / planes / columns / rows
            var largest = -Double.infinity
            for tap in 0..<kernel.depth * kernel.height * kernel.width {
                let c = d * stride.depth + tap % kernel.depth
                let column = j * stride.width - padding.width + tap / kernel.depth % kernel.width
                let row = i * stride.height - padding.height + tap / kernel.depth / kernel.width
                guard (0..<height).contains(row), (0..<width).contains(column) else { continue }
                let place = ((n * height + row) * width + column) * channels + c
                largest = max(largest, Double(from[place]))
            }
            values.append(largest)
        }
        return ([x.shape[0], rows, columns, planes], values)
    }

    @Test(arguments: [0, 1, 3], [5, 17, 33])
    func agreesWithLoopsEverywhere(batch: Int, channels: Int) throws {
        let x = try MapTest.tensor([batch, 7, 9, channels])
        for (kernel, stride, padding) in [
            ((1, 3, 3), (1, 1, 1), 0), ((1, 3, 3), (2, 1, 2), 0), ((1, 3, 3), (4, 1, 2), 1),
            ((3, 2, 3), (2, 2, 1), 0), ((5, 1, 1), (1, 1, 1), 0), ((2, 3, 3), (7, 3, 3), 1),
        ] {
            let size = Size3d(depth: kernel.0, height: kernel.1, width: kernel.2)
            let steps = Size3d(depth: stride.0, height: stride.1, width: stride.2)
            let pad = Size2d(kernel.1 > 1 ? padding : 0)
            let layer = try MaxPool3d(kernelSize: size, stride: steps, padding: pad)
            let expected = Self.reference(x, size, steps, pad)
            try MapTest.everywhere {
                try layer(x)
            } check: { isa, y in
                MapTest.expect(
                    y, shape: expected.shape, expected.values, tolerance: 0, "\(isa), \(size)")
            }
            #expect(try layer.outputShape(for: x.shape) == expected.shape)
        }
    }

    @Test func nanIsKept() throws {
        let layer = try MaxPool3d(kernelSize: Size3d(depth: 2, height: 1, width: 1))
        let y = try layer(try Tensor([1, .nan, 3, 4], shape: [1, 1, 1, 4])).elements
        #expect(y[0].isNaN && y[1] == 4)
    }

    @Test func whatDoesNotFitIsRefused() throws {
        let ones = Size3d(depth: 1, height: 1, width: 1)
        for wrong in [
            Size3d(depth: 0, height: 1, width: 1), Size3d(depth: 1, height: 0, width: 1),
            Size3d(depth: 1, height: 1, width: -1),
        ] {
            #expect(throws: ProteanError.self) { try MaxPool3d(kernelSize: wrong) }
            #expect(throws: ProteanError.self) { try MaxPool3d(kernelSize: ones, stride: wrong) }
        }
        #expect(throws: ProteanError.self) { try MaxPool3d(kernelSize: ones, padding: 1) }
        let layer = try MaxPool3d(kernelSize: Size3d(depth: 4, height: 1, width: 1))
        #expect(throws: ProteanError.self) { try layer(try Tensor(zeros: [1, 2, 2, 3])) }
        #expect(throws: ProteanError.self) { try layer(try Tensor(zeros: [2, 2, 4])) }
    }
}
