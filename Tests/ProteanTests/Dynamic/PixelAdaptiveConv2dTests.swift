import Foundation
import Testing

@testable import Protean

/// Pixel-adaptive sums in double precision.
enum PixelAdaptiveReference {
    /// `K_p(n)` for every output and tap, taps innermost; the guide is zero outside.
    static func kernels(
        _ guide: Tensor, kernel: Size2d, stride: Size2d, padding: Size2d, dilation: Size2d,
        output: Size2d, positive: Bool = false, _ function: (Double) -> Double
    ) -> [Double] {
        let g = guide.elements, (h, w, c) = (guide.shape[1], guide.shape[2], guide.shape[3])
        func feature(_ n: Int, _ y: Int, _ x: Int, _ f: Int) -> Double {
            (0..<h).contains(y) && (0..<w).contains(x)
                ? Double(g[((n * h + y) * w + x) * c + f]) : 0
        }
        var result: [Double] = []
        for n in 0..<guide.shape[0] {
            for oy in 0..<output.height {
                for ox in 0..<output.width {
                    let y = oy * stride.height - padding.height
                    let x = ox * stride.width - padding.width
                    let my = y + kernel.height / 2 * dilation.height
                    let mx = x + kernel.width / 2 * dilation.width
                    for i in 0..<kernel.height {
                        for j in 0..<kernel.width {
                            let distance = (0..<c).reduce(0.0) {
                                let d =
                                    feature(n, y + i * dilation.height, x + j * dilation.width, $1)
                                    - feature(n, my, mx, $1)
                                return $0 + (positive ? max(0, d) : d) * (positive ? max(0, d) : d)
                            }
                            result.append(function(distance))
                        }
                    }
                }
            }
        }
        return result
    }

    /// Sums over x with `up - 1` zeros between its pixels; weight `[out, in, kh, kw]`.
    static func sums(
        _ x: Tensor, _ kernels: [Double], _ weight: [Float], bias: [Float], outputs: Int,
        kernel: Size2d, stride: Size2d, top: Int, left: Int, dilation: Size2d, output: Size2d,
        up: Size2d = 1
    ) -> [Double] {
        let v = x.elements, (h, w, c) = (x.shape[1], x.shape[2], x.shape[3])
        let taps = kernel.height * kernel.width
        var result: [Double] = []
        for index in 0..<x.shape[0] * output.height * output.width {
            let (n, oy) = (
                index / output.width / output.height, index / output.width % output.height
            )
            let ox = index % output.width
            for o in 0..<outputs {
                var sum = bias.isEmpty ? 0 : Double(bias[o])
                for t in 0..<taps {
                    let y = oy * stride.height + t / kernel.width * dilation.height - top
                    let xx = ox * stride.width + t % kernel.width * dilation.width - left
                    guard y >= 0, xx >= 0, y % up.height == 0, xx % up.width == 0,
                        y / up.height < h, xx / up.width < w
                    else { continue }
                    for i in 0..<c {
                        let at = ((n * h + y / up.height) * w + xx / up.width) * c + i
                        sum +=
                            Double(weight[(o * c + i) * taps + t]) * kernels[index * taps + t]
                            * Double(v[at])
                    }
                }
                result.append(sum)
            }
        }
        return result
    }
}

@Suite struct PixelAdaptiveConv2dTests {
    struct Case: CustomTestStringConvertible {
        var input: [Int]
        var outputs: Int
        var features = 3
        var kernel: Size2d = 3
        var stride: Size2d = 1
        var padding: Size2d = Size2d(height: 1, width: 2)
        var dilation: Size2d = 1
        var type = "gaussian"

        var testDescription: String { "\(input)->\(outputs) k\(kernel) s\(stride) \(type)" }
    }

    static let cases = [
        Case(input: [3, 7, 5, 6], outputs: 20),
        Case(input: [1, 4, 9, 1], outputs: 1, features: 1, kernel: Size2d(height: 1, width: 3)),
        Case(input: [2, 9, 8, 17], outputs: 33, stride: Size2d(height: 2, width: 3)),
        Case(
            input: [1, 11, 13, 3], outputs: 7, features: 7, kernel: 5, dilation: 2,
            type: "inv_0.5_1.5"),
        Case(input: [2, 6, 7, 33], outputs: 70, features: 17, type: "inv_0.1_0.8_asym"),
        Case(input: [1, 30, 37, 24], outputs: 48, features: 5, padding: 0),
    ]

    @Test(arguments: cases)
    func agreesWithLoopsInDouble(_ test: Case) throws {
        let layer = try PixelAdaptiveConv2d(
            inputChannels: test.input[3], outputChannels: test.outputs, kernelSize: test.kernel,
            stride: test.stride, padding: test.padding, dilation: test.dilation,
            options: AdaptiveKernelOptions(kernelType: test.type), seed: 3)
        let x = try Tensor.random(test.input)
        let guide = try Tensor.random(Array(test.input.dropLast()) + [test.features], seed: 2)
        let shape = try layer.geometry.plan(for: x.shape, layer: "test").outputShape
        let output = Size2d(height: shape[1], width: shape[2])
        let numbers = test.type.split(separator: "_").compactMap { Double($0) }
        let kernels = PixelAdaptiveReference.kernels(
            guide, kernel: test.kernel, stride: test.stride, padding: test.padding,
            dilation: test.dilation, output: output, positive: test.type.contains("asym")
        ) { numbers.isEmpty ? exp(-$0 / 2) : numbers[0] + pow($0 + 1e-4, numbers[1] / 2) }
        let expected = PixelAdaptiveReference.sums(
            x, kernels, layer.weight.value.elements, bias: layer.bias?.value.elements ?? [],
            outputs: test.outputs, kernel: test.kernel, stride: test.stride,
            top: test.padding.height, left: test.padding.width, dilation: test.dilation,
            output: output)
        try MapTest.everywhere {
            try layer.kernels(of: guide)
        } check: { isa, k in
            MapTest.expect(
                k,
                shape: shape.dropLast() + [kernels.count / max(1, shape[0] * shape[1] * shape[2])],
                kernels, tolerance: 3e-6, "\(isa)")
        }
        try MapTest.everywhere {
            try layer(x, guide: guide)
        } check: { isa, y in
            MapTest.expect(y, shape: shape, expected, tolerance: 1e-5, "\(isa)")
        }
    }

    @Test func aConstantGuideIsAnOrdinaryConvolution() throws {
        for (stride, padding) in [(1, 1), (2, 0)] {
            let layer = try PixelAdaptiveConv2d(
                inputChannels: 9, outputChannels: 37, kernelSize: 3, stride: Size2d(stride),
                padding: Size2d(padding), seed: 4)
            let plain = try Conv2d(
                weight: layer.weight.value, bias: layer.bias?.value, stride: Size2d(stride),
                padding: .symmetric(padding), algorithm: .direct)
            let x = try Tensor.random([2, 6, 7, 9])
            let guide = try Tensor(repeating: 0.7, shape: [2, 6, 7, 3])
            for isa in KernelISA.supported {
                let (adapted, ordinary) = try Runtime.with(isa: isa) {
                    (try layer(x, guide: guide), try plain(x))
                }
                #expect(adapted.isBitEqual(to: ordinary))
            }
        }
    }

    @Test func normalizedKernelsSumToOneInsideTheMap() throws {
        let layer = try PixelAdaptiveConv2d(
            inputChannels: 2, outputChannels: 3, kernelSize: 3, padding: 1,
            options: AdaptiveKernelOptions(isNormalized: true))
        let kernels = try layer.kernels(of: Tensor.random([2, 4, 5, 3])).elements
        for pixel in 0..<40 {
            let row = kernels[pixel * 9..<pixel * 9 + 9]
            #expect(abs(row.reduce(0, +) - 1) < 1e-5)
        }
        // The first output's taps above and left of the map.
        #expect([0, 1, 2, 3, 6].allSatisfy { kernels[$0] == 0 })
    }

    @Test(arguments: [false, true])
    func aRecordHoldsTheFactors(sharesFilters: Bool) throws {
        let layer = try PixelAdaptiveConv2d(
            inputChannels: 3, outputChannels: sharesFilters ? 3 : 5,
            kernelSize: Size2d(height: 3, width: 5),
            padding: Size2d(height: 1, width: 2), sharesFilters: sharesFilters)
        let x = try MapTest.tensor([2, 4, 6, 3]), guide = try MapTest.tensor([2, 4, 6, 2], seed: 1)
        let record = FilterRecord()
        _ = try record.recording { try layer(x, guide: guide) }
        let entry = try #require(record.entries.first)
        #expect(record.entries.count == 1 && entry.outputShape[3] == (sharesFilters ? 3 : 5))
        guard case .filters(let factors, let kernelSize, _, let groups) = entry.content else {
            Issue.record("expected filters, found \(entry.content)")
            return
        }
        #expect(kernelSize == Size2d(height: 3, width: 5) && groups == 1)
        #expect(factors.elements == (try layer.kernels(of: guide)).elements)
    }

    @Test func sharedFiltersFilterEveryChannelAlike() throws {
        let layer = try PixelAdaptiveConv2d(
            inputChannels: 5, outputChannels: 5, kernelSize: 3, padding: 1, sharesFilters: true,
            seed: 7)
        let x = try Tensor.random([2, 6, 5, 5]), guide = try Tensor.random([2, 6, 5, 2], seed: 5)
        let k = try layer.kernels(of: guide).elements.map(Double.init)
        var weight = [Float](repeating: 0, count: 5 * 5 * 9)
        for c in 0..<5 {
            for t in 0..<9 { weight[(c * 5 + c) * 9 + t] = layer.weight.value.elements[t] }
        }
        let expected = PixelAdaptiveReference.sums(
            x, k, weight, bias: layer.bias?.value.elements ?? [], outputs: 5, kernel: 3, stride: 1,
            top: 1, left: 1, dilation: 1, output: Size2d(height: 6, width: 5))
        try MapTest.everywhere {
            try layer(x, guide: guide)
        } check: { isa, y in
            MapTest.expect(y, shape: [2, 6, 5, 5], expected, tolerance: 1e-5, "\(isa)")
        }
    }

    @Test func wrongOptionsAreRefused() throws {
        func build(
            kernel: Size2d = 3, outputs: Int = 2, dilation: Size2d = 1, type: String = "gaussian",
            smoothing: String = "none", shares: Bool = false
        ) throws -> PixelAdaptiveConv2d {
            try PixelAdaptiveConv2d(
                inputChannels: 2, outputChannels: outputs, kernelSize: kernel, dilation: dilation,
                options: AdaptiveKernelOptions(kernelType: type, smoothing: smoothing),
                sharesFilters: shares)
        }
        func expectRefusal(_ option: String, _ body: () throws -> PixelAdaptiveConv2d) {
            let error = #expect(throws: ProteanError.self) { _ = try body() }
            guard case .invalidOption(_, option, _, _) = error else {
                Issue.record("unexpected \(String(describing: error)) for \(option)")
                return
            }
        }
        expectRefusal("kernelSize") { try build(kernel: 2) }
        expectRefusal("outputChannels") { try build(outputs: 3, shares: true) }
        for type in ["inv", "inv_1", "inv_a_1", "gauss", "inv_1_2_fixed_asym", "inv_inf_1"] {
            expectRefusal("kernelType") { try build(type: type) }
        }
        for smoothing in ["average", "average_2", "full_-1", "box_3", "full_257"] {
            expectRefusal("smoothing") { try build(smoothing: smoothing) }
        }
        expectRefusal("dilation") { try build(dilation: 2, smoothing: "gaussian") }
        let layer = try build(), x = try Tensor(zeros: [1, 4, 5, 2])
        for guide in [[1, 5, 4, 3], [2, 4, 5, 3], [1, 4, 5]] {
            #expect(throws: ProteanError.self) { try layer(x, guide: Tensor(zeros: guide)) }
        }
    }

    @Test func emptyBatchesShapesAndCost() throws {
        let layer = try PixelAdaptiveConv2d(
            inputChannels: 2, outputChannels: 3, kernelSize: 3, padding: 1,
            options: AdaptiveKernelOptions(kernelType: "inv_0_1_fixed", smoothing: "full_3"))
        let empty = try layer(Tensor(zeros: [0, 5, 4, 2]), guide: Tensor(zeros: [0, 5, 4, 1]))
        #expect(empty.shape == [0, 5, 4, 3])
        let trace = Trace()
        let outcome = trace.recording {
            Result { () throws(ProteanError) in
                try layer(Tensor(shapeOnly: [2, 5, 4, 2]), guide: Tensor(shapeOnly: [2, 5, 4, 6]))
            }
        }
        #expect(try outcome.get().shape == [2, 5, 4, 3])
        let cost = try #require(trace.events.last).cost
        #expect(cost.multiplyAdds == 40 * 3 * 18 + 40 * 9 * (6 + 2))
        #expect(cost.parameters == 54 + 3 + 9 && cost.buffers == 2)
        #expect(
            layer.parameters.map(\.name).suffix(3) == ["inv_alpha", "inv_lambda", "smooth_kernel"])
    }

    @Test func nanSpreadsToItsWindowOnly() throws {
        let layer = try PixelAdaptiveConv2d(
            inputChannels: 1, outputChannels: 17, kernelSize: 3, padding: 1, bias: false)
        let x = try Tensor.random([1, 5, 6, 1])
        var values = MapTest.values(30)
        values[0] = .nan
        let y = try layer(x, guide: Tensor(values, shape: [1, 5, 6, 1])).elements
        for pixel in 0..<30 {
            let near = pixel / 6 < 2 && pixel % 6 < 2
            #expect(y[pixel * 17].isNaN == near, "\(pixel)")
        }
    }
}
