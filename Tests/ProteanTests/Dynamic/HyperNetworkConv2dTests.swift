import Testing

@testable import Protean

@Suite struct HyperNetworkConv2dTests {
    private static func layer(
        rows: Int = 2, columns: Int = 3, outputs: Int = 4, inputs: Int = 3
    ) throws -> HyperNetworkConv2d {
        try HyperNetworkConv2d(
            network: HyperNetwork(zSize: 5, outputs: outputs, inputs: inputs, seed: 2), rows: rows,
            columns: columns, seed: 3)
    }

    /// The kernel in double precision, block by block as the definition writes it.
    private static func kernel(_ layer: HyperNetworkConv2d, rows: Int, columns: Int) throws
        -> [Double]
    {
        func p(_ name: String) throws -> [Double] {
            try #require(layer.parameter(at: name)).value.elements.map(Double.init)
        }
        let (w1, b1) = try (p("hope.w1"), p("hope.b1"))
        let (w2, b2) = try (p("hope.w2"), p("hope.b2"))
        let (z, out, inputs) = (layer.network.zSize, layer.network.outputs, layer.network.inputs)
        var kernel = [Double](repeating: 0, count: rows * out * columns * inputs * 9)
        for i in 0..<rows {
            for j in 0..<columns {
                let e = try p("z_list.\(i * columns + j)")
                let a = (0..<inputs * z).map { k in
                    (0..<z).reduce(b2[k]) { $0 + e[$1] * w2[$1 * inputs * z + k] }
                }
                for c in 0..<inputs {
                    for t in 0..<out * 9 {
                        let value = (0..<z).reduce(b1[t]) {
                            $0 + a[c * z + $1] * w1[$1 * out * 9 + t]
                        }
                        // The place in [inputs, out · 9], read as [out, inputs, 9].
                        let at = c * out * 9 + t
                        let (o, d, tap) = (at / 9 / inputs, at / 9 % inputs, at % 9)
                        let row = (i * out + o) * columns * inputs + j * inputs + d
                        kernel[row * 9 + tap] = value
                    }
                }
            }
        }
        return kernel
    }

    @Test(arguments: [(1, 1, 4, 4), (2, 3, 4, 3), (3, 1, 1, 7)])
    func theKernelIsTheBlocksViewed(rows: Int, columns: Int, outputs: Int, inputs: Int) throws {
        let layer = try Self.layer(rows: rows, columns: columns, outputs: outputs, inputs: inputs)
        let expected = try Self.kernel(layer, rows: rows, columns: columns)
        try MapTest.everywhere {
            try layer.kernel()
        } check: { isa, kernel in
            MapTest.expect(
                kernel, shape: [rows * outputs, columns * inputs, 3, 3], expected,
                tolerance: 1e-5, "\(isa)")
        }
    }

    @Test func itIsTheConvolutionWithThatKernel() throws {
        let layer = try Self.layer(), x = try Tensor.random([2, 5, 7, 9])
        try MapTest.everywhere {
            try layer(x)
        } check: { isa, y in
            let expected = try Runtime.with(isa: isa) {
                try Conv2d(weight: layer.kernel(), padding: 1)(x)
            }
            #expect(y.isBitEqual(to: expected))
        }
    }

    @Test func aChangedParameterChangesTheKernel() throws {
        let layer = try Self.layer(), x = try Tensor.random([1, 4, 4, 9])
        let before = try layer(x)
        let again = try layer(x)
        #expect(again.isBitEqual(to: before))
        for name in ["z_list.4", "hope.b2"] {
            let parameter = try #require(layer.parameter(at: name))
            try parameter.set(Tensor(repeating: 0.5, shape: parameter.shape))
            let plain = try Conv2d(weight: layer.kernel(), padding: 1)
            let (changed, expected) = (try layer(x), try plain(x))
            #expect(changed.isBitEqual(to: expected) && !changed.isBitEqual(to: before))
        }
    }

    @Test func layersShareANetwork() throws {
        let network = try HyperNetwork(zSize: 4, outputs: 2, inputs: 2)
        let layer = try HyperNetworkConv2d(network: network, columns: 2, includesNetwork: false)
        #expect(layer.allParameters().map(\.name) == ["z_list.0", "z_list.1"])
    }

    @Test func optionsShapesAndCost() throws {
        let network = try HyperNetwork(zSize: 4, outputs: 2, inputs: 2)
        for (rows, columns) in [(0, 1), (1, 0), (5000, 1)] {
            #expect(throws: ProteanError.self) {
                try HyperNetworkConv2d(network: network, rows: rows, columns: columns)
            }
        }
        #expect(throws: ProteanError.self) { try HyperNetwork(zSize: 0) }
        #expect(throws: ProteanError.self) { try network.kernels(of: Tensor(zeros: [2, 3])) }
        let layer = try Self.layer()
        #expect(throws: ProteanError.self) { try layer(Tensor(zeros: [1, 4, 4, 8])) }
        #expect(try layer(Tensor(zeros: [0, 4, 5, 9])).shape == [0, 4, 5, 8])
        let trace = Trace()
        let outcome = trace.recording {
            Result { () throws(ProteanError) in try layer(Tensor(shapeOnly: [2, 4, 5, 9])) }
        }
        #expect(try outcome.get().shape == [2, 4, 5, 8])
        #expect(trace.totalCost.multiplyAdds == 2 * 20 * 8 * 81)
    }
}
