import Testing

@testable import Protean

@Suite struct DynConvMaskUnitTests {
    /// The logits by loops in double precision: a 3 x 3 convolution and a linear function of the means.
    private static func logits(
        _ unit: DynConvMaskUnit, _ x: Tensor, stride: Int
    ) throws -> [Double] {
        func values(_ name: String) throws -> [Double] {
            try #require(unit.parameter(at: name)).value.elements.map(Double.init)
        }
        let (n, h, w, c) = (x.shape[0], x.shape[1], x.shape[2], x.shape[3])
        let (oh, ow) = ((h + stride - 1) / stride, (w + stride - 1) / stride)
        let weight = try values("maskconv.conv.weight"), bias = try values("maskconv.conv.bias")[0]
        let linear = try values("maskconv.fc.weight"), shift = try values("maskconv.fc.bias")[0]
        let a = x.elements.map(Double.init)
        var result: [Double] = []
        for sample in 0..<n {
            var pooled = shift
            for i in 0..<h * w * c {
                pooled += a[sample * h * w * c + i] / Double(h * w) * linear[i % c]
            }
            for pixel in 0..<oh * ow {
                var sum = bias + pooled
                for tap in 0..<9 {
                    let y = pixel / ow * stride + tap / 3 - 1, z = pixel % ow * stride + tap % 3 - 1
                    guard (0..<h).contains(y), (0..<w).contains(z) else { continue }
                    for k in 0..<c {
                        sum += a[((sample * h + y) * w + z) * c + k] * weight[k * 9 + tap]
                    }
                }
                result.append(sum)
            }
        }
        return result
    }

    @Test(arguments: [
        ([3, 7, 6, 5], 2), ([1, 5, 9, 17], 1), ([2, 8, 3, 1], 3), ([0, 4, 5, 3], 1),
    ])
    func agreesWithDoubleLoopsEverywhere(_ shape: [Int], _ stride: Int) throws {
        let unit = try DynConvMaskUnit(channels: shape[3], stride: Size2d(stride))
        try unit.randomise()
        let x = try Tensor.random(shape)
        let logits = try Self.logits(unit, x, stride: stride)
        try MapTest.masksEverywhere {
            try unit(x)
        } check: { isa, mask in
            for (flag, logit) in zip(try mask.flags(), logits) where abs(logit) > 1e-6 {
                #expect(flag == (logit >= 0), "\(isa): \(logit)")
            }
            #expect(mask.batch * mask.size.height * mask.size.width == logits.count)
        }
        if shape[0] > 0 { #expect(logits.contains { $0 < 0 } && logits.contains { $0 >= 0 }) }
    }

    @Test func pointwiseUnitsReadOnePixel() throws {
        let unit = try DynConvMaskUnit(channels: 5, kind: .pointwise)
        #expect(unit.allParameters().map(\.name) == ["maskconv.weight", "maskconv.bias"])
        try unit.randomise()
        let x = try Tensor.random([3, 7, 6, 5])
        let weight = try #require(unit.parameter(at: "maskconv.weight")).value.elements
        let bias = try #require(unit.parameter(at: "maskconv.bias")).value.elements[0]
        let expected = (0..<3 * 42).map { pixel -> Bool in
            let row = x.elements[pixel * 5..<pixel * 5 + 5]
            return zip(row, weight).reduce(Double(bias)) { $0 + Double($1.0) * Double($1.1) } >= 0
        }
        try MapTest.masksEverywhere {
            try unit(x)
        } check: { isa, mask in
            #expect(mask.size == Size2d(height: 7, width: 6))
            let flags = try mask.flags()
            #expect(flags == expected, "\(isa)")
        }
    }

    @Test func withoutValuesAllPixelsCount() throws {
        let unit = try DynConvMaskUnit(channels: 4, stride: 2)
        let mask = try unit(Tensor(shapeOnly: [2, 5, 8, 4]))
        #expect(mask.density == 1 && mask.size == Size2d(height: 3, width: 4))
    }

    @Test func whatDoesNotFitIsRefused() throws {
        #expect(throws: ProteanError.self) { try DynConvMaskUnit(channels: 0) }
        #expect(throws: ProteanError.self) { try DynConvMaskUnit(channels: 4, stride: 0) }
        let unit = try DynConvMaskUnit(channels: 4)
        expectMismatch(of: "x") { _ = try unit(Tensor(zeros: [1, 5, 5, 3])) }
        expectMismatch(of: "x") { _ = try unit(Tensor(zeros: [5, 5, 4])) }
    }
}
