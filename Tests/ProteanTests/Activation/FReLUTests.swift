import Testing

@testable import Protean

@Suite struct FReLUTests {
    /// A layer all of whose parameters and statistics matter.
    static func layer(
        _ channels: Int, kernelSize: Int = 3, form: FReLU.Form = .full
    ) throws -> FReLU {
        let layer = try FReLU(channels: channels, kernelSize: kernelSize, form: form, seed: 2)
        for (index, named) in layer.allParameters().enumerated() {
            let isVariance = named.name.hasSuffix("running_var")
            let values = MapTest.values(named.parameter.count, seed: UInt64(index + 3), range: 1)
            try named.parameter.set(
                Tensor(
                    isVariance ? values.map { 0.5 + abs($0) } : values,
                    shape: named.parameter.shape))
        }
        return layer
    }

    /// norm(conv(x)) of a depthwise convolution, by loops in double precision.
    static func convolved(_ x: Tensor, _ layer: FReLU, conv: String, norm: String) -> [Double] {
        let all = Dictionary(
            uniqueKeysWithValues: layer.allParameters().map { ($0.name, $0.parameter.value) })
        func row(_ name: String) -> [Double]? { all[name]?.elements.map(Double.init) }
        let (h, w, c) = (x.shape[1], x.shape[2], x.shape[3]), v = x.elements
        guard let weight = all["\(conv).weight"] else { return [] }
        let (kh, kw) = (weight.shape[2], weight.shape[3]), taps = weight.elements
        return v.indices.map { at in
            let k = at % c, column = at / c % w, line = at / c / w % h
            var sum = row("\(conv).bias")?[k] ?? 0
            for i in 0..<kh {
                for j in 0..<kw {
                    let (y, z) = (line + i - kh / 2, column + j - kw / 2)
                    guard (0..<h).contains(y), (0..<w).contains(z) else { continue }
                    let from = at + ((y - line) * w + z - column) * c
                    sum += Double(taps[(k * kh + i) * kw + j]) * Double(v[from])
                }
            }
            let deviation = ((row("\(norm).running_var")?[k] ?? 1) + 1e-5).squareRoot()
            return (sum - (row("\(norm).running_mean")?[k] ?? 0)) / deviation
                * (row("\(norm).weight")?[k] ?? 1) + (row("\(norm).bias")?[k] ?? 0)
        }
    }

    static func reference(_ x: Tensor, _ layer: FReLU) -> [Double] {
        if layer.form == .full {
            let sums = convolved(x, layer, conv: "conv_frelu", norm: "bn_frelu")
            return zip(x.elements, sums).map { max(Double($0), $1) }
        }
        let across = convolved(x, layer, conv: "conv_frelu1", norm: "bn1")
        let down = convolved(x, layer, conv: "conv_frelu2", norm: "bn2")
        return x.elements.indices.map { max(Double(x.elements[$0]), across[$0] + down[$0]) }
    }

    @Test(arguments: [
        [3, 5, 7, 17], [1, 9, 4, 1], [2, 3, 5, 33], [0, 2, 3, 7], [1, 1, 1, 3], [2, 1, 6, 7],
        [1, 7, 2, 8], [2, 13, 11, 3],
    ])
    func agreesWithDoubleLoopsEverywhere(_ shape: [Int]) throws {
        let x = try MapTest.tensor(shape, seed: 5)
        for form in FReLU.Form.allCases {
            for kernelSize in [1, 3, 5] {
                let layer = try Self.layer(shape[3], kernelSize: kernelSize, form: form)
                let expected = Self.reference(x, layer)
                try MapTest.everywhere {
                    try layer(x)
                } check: { isa, y in
                    MapTest.expect(
                        y, shape: shape, expected, tolerance: 1e-5, "\(isa) \(form) \(kernelSize)")
                }
                #expect(try layer.outputShape(for: shape) == shape)
            }
        }
    }

    @Test func largeMapsAreSplitAmongThreads() throws {
        let x = try MapTest.tensor([1, 61, 47, 24], seed: 5)
        let layer = try Self.layer(24)
        let expected = Self.reference(x, layer)
        try MapTest.everywhere {
            try layer(x)
        } check: { isa, y in
            MapTest.expect(y, shape: x.shape, expected, tolerance: 1e-5, "\(isa)")
        }
    }

    /// A funnel far below keeps the map; one that is 0 is ReLU.
    @Test func constantFunnels() throws {
        let layer = try FReLU(channels: 4), x = try Tensor.random([2, 5, 3, 4])
        for named in layer.allParameters() where named.name.hasPrefix("conv") {
            try named.parameter.set(Tensor(zeros: named.parameter.shape))
        }
        #expect(try layer(x).elements == ReLU()(x).elements)
        for named in layer.allParameters() where named.name == "bn_frelu.bias" {
            try named.parameter.set(Tensor(repeating: -100, shape: [4]))
        }
        #expect(try layer(x).isBitEqual(to: x))
    }

    @Test func laterWeightsAreUsed() throws {
        let layer = try Self.layer(3), x = try MapTest.tensor([1, 4, 5, 3], seed: 8)
        _ = try layer(x)
        for named in layer.allParameters() where named.name == "bn_frelu.running_mean" {
            try named.parameter.set(Tensor([1, -2, 0.5], shape: [3]))
        }
        MapTest.expect(
            try layer(x), shape: x.shape, Self.reference(x, layer), tolerance: 1e-5)
    }

    @Test func notANumberReachesItsNeighbours() throws {
        var values = [Float](repeating: 1, count: 25)
        values[12] = .nan
        let x = try Tensor(values, shape: [1, 5, 5, 1])
        for (form, count) in [(FReLU.Form.full, 9), (.light, 5)] {
            let layer = try FReLU(channels: 1, form: form)
            for isa in KernelISA.supported {
                let y = try Runtime.with(isa: isa) { try layer(x) }
                #expect(y.elements.filter(\.isNaN).count == count, "\(isa)")
                #expect(y.elements[12].isNaN)
            }
        }
    }

    @Test func costAndRefusals() throws {
        let layer = try FReLU(channels: 5), light = try FReLU(channels: 5, form: .light)
        for (layer, taps) in [(layer, 9), (light, 5)] {
            let cost = try layer.cost(for: [2, 3, 4, 5])
            #expect(cost.multiplyAdds == taps * 120)
            #expect((cost.parameters, cost.buffers) == (layer.parameterCount, layer.bufferCount))
        }
        #expect(layer.parameterCount == 45 + 5 + 10 && light.parameterCount == 30 + 20)
        expectRefusal(of: "channels") { _ = try FReLU(channels: 0) }
        for size in [0, 2, 13] {
            expectRefusal(of: "kernelSize") { _ = try FReLU(channels: 3, kernelSize: size) }
        }
        expectMismatch(of: "x") { _ = try layer(Tensor(zeros: [1, 3, 4, 4])) }
        let x = try Tensor(zeros: [1, 3, 4, 5]), bias = try Tensor(zeros: [5])
        let tap = Operations.FunnelTap(row: 0, column: 1)
        expectMismatch(of: "weights") {
            _ = try Operations.funnel(x, taps: [tap], weights: Tensor(zeros: [2, 5]), bias: bias)
        }
        expectMismatch(of: "bias") {
            _ = try Operations.funnel(
                x, taps: [tap], weights: Tensor(zeros: [1, 5]), bias: Tensor(zeros: [4]))
        }
        for taps in [
            [Operations.FunnelTap](repeating: tap, count: 122),
            [Operations.FunnelTap(row: Int.min, column: 0)],
        ] {
            expectRefusal(of: "taps") {
                _ = try Operations.funnel(
                    x, taps: taps, weights: Tensor(zeros: [taps.count, 5]), bias: bias)
            }
        }
        // A tap beyond every edge adds nothing.
        let far = try Operations.funnel(
            x, taps: [.init(row: -7, column: 9)], weights: Tensor(repeating: 1, shape: [1, 5]),
            bias: Tensor(repeating: 2, shape: [5]))
        #expect(far.elements.allSatisfy { $0 == 2 })
    }
}
