import Testing

@testable import Protean

/// The gate against loops over windows.
@Suite struct NormGateTests {
    @Test(
        arguments: NormGate.Kind.allCases, [NormGate.Divisor.number(1), .number(3), .outputHeight])
    func agreesWithDoubleLoopsEverywhere(
        _ kind: NormGate.Kind, _ divisor: NormGate.Divisor
    ) throws {
        let conv = try Conv2d(
            inputChannels: 4, outputChannels: 6, kernelSize: Size2d(height: 3, width: 5),
            stride: Size2d(height: 2, width: 1), padding: .symmetric(height: 1, width: 2))
        let x = try Tensor.random([3, 11, 8, 4])
        let bounds = Self.bounds(of: x, conv, kind, divisor)
        // Between two of the bounds, far enough from both for single precision.
        let sorted = bounds.sorted()
        let epsilon = Float((sorted[60] + sorted[61]) / 2)
        let gate = try NormGate(conv, kind: kind, epsilon: epsilon, divisor: divisor)
        try MapTest.masksEverywhere {
            try gate(x)
        } check: { isa, mask in
            #expect(mask.size == Size2d(height: 6, width: 8))
            let flags = try mask.flags()
            #expect(flags == bounds.map { $0 > Double(epsilon) }, "\(isa)")
        }
        #expect(try gate(Tensor(zeros: x.shape)).count == 0)
        #expect(try gate(Tensor(zeros: [0, 11, 8, 4])).count == 0)
    }

    /// What is compared with the threshold, for outputs of 6 by 8 pixels.
    private static func bounds(
        of x: Tensor, _ conv: Conv2d, _ kind: NormGate.Kind, _ divisor: NormGate.Divisor
    ) -> [Double] {
        let (h, w) = (6, 8), values = x.elements
        let norms = (0..<values.count / 4).map { pixel in
            (0..<4).reduce(0) { $0 + abs(Double(values[pixel * 4 + $1])) }
        }
        let weights = conv.weight.value.elements
        let mean = weights.reduce(0) { $0 + abs(Double($1)) } / Double(weights.count)
        let scale: Double =
            switch divisor {
            case .number(let number): 1 / Double(number)
            case .outputHeight: 1 / Double(h)
            }
        return (0..<x.shape[0] * h * w).map { pixel -> Double in
            let (sample, oy, ox) = (pixel / (h * w), pixel / w % h, pixel % w)
            var sum = 0.0
            for i in 0..<3 {
                for j in 0..<5 {
                    let (y, x) = (2 * oy + i - 1, ox + j - 2)
                    guard (0..<11).contains(y), (0..<8).contains(x) else { continue }
                    sum += norms[(sample * 11 + y) * 8 + x]
                }
            }
            return sum / 15 * scale * (kind == .output ? mean : 1)
        }
    }

    @Test func aResidualThatIsNotANumberIsOff() throws {
        let conv = try Conv2d(inputChannels: 2, outputChannels: 3, kernelSize: 1)
        var values = [Float](repeating: 4, count: 24)
        values[10] = .nan
        let mask = try NormGate(conv, kind: .input)(Tensor(values, shape: [1, 3, 4, 2]))
        #expect(try mask.flags() == (0..<12).map { $0 != 5 })
    }

    @Test func whatDoesNotFitIsRefused() throws {
        let conv = try Conv2d(inputChannels: 4, outputChannels: 6, kernelSize: 3, padding: 1)
        let wide = try Conv2d(inputChannels: 4, outputChannels: 6, kernelSize: 3, padding: 2)
        let uneven = try Conv2d(
            inputChannels: 4, outputChannels: 6, kernelSize: 3,
            padding: .explicit(top: 1, bottom: 0, left: 1, right: 1))
        let dilated = try Conv2d(inputChannels: 4, outputChannels: 6, kernelSize: 3, dilation: 2)
        expectRefusal(of: "padding") { _ = try NormGate(wide) }
        expectRefusal(of: "padding") { _ = try NormGate(uneven) }
        expectRefusal(of: "dilation") { _ = try NormGate(dilated) }
        expectRefusal(of: "epsilon") { _ = try NormGate(conv, epsilon: -1) }
        expectRefusal(of: "divisor") { _ = try NormGate(conv, divisor: .number(0)) }
        let gate = try NormGate(conv)
        expectMismatch(of: "x") { _ = try gate(Tensor(zeros: [1, 5, 5, 3])) }
        #expect(throws: ProteanError.self) { try gate(Tensor(shapeOnly: [1, 5, 5, 4])) }
    }
}
