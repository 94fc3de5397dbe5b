import Testing

@testable import Protean

@Suite struct DynamicMaskHeadTests {
    struct Case: CustomTestStringConvertible {
        var map: [Int]
        var channels = 8
        var layers = 3
        var coordinates = true
        var instances = 4

        var testDescription: String { "\(map) \(channels)x\(layers) \(coordinates)" }
    }

    static let cases = [
        Case(map: [2, 7, 9, 8]),
        Case(map: [1, 5, 3, 1], channels: 1, layers: 2),
        Case(map: [3, 4, 11, 17], channels: 33, layers: 4),
        Case(map: [1, 40, 37, 7], channels: 3, coordinates: false, instances: 2),
        Case(map: [1, 33, 31, 64], channels: 64, layers: 8, instances: 1),
    ]

    private static func instances(_ head: DynamicMaskHead, _ test: Case) throws
        -> DynamicMaskHead.Instances
    {
        DynamicMaskHead.Instances(
            parameters: try MapTest.tensor([test.instances, head.parameterCount], range: 0.4),
            samples: (0..<test.instances).map { $0 * 2 % test.map[0] },
            locations: test.coordinates
                ? try MapTest.tensor([test.instances, 2], seed: 3, range: 80) : nil,
            levels: test.coordinates ? (0..<test.instances).map { $0 % 5 } : [])
    }

    private static func logits(
        _ test: Case, _ x: Tensor, _ i: DynamicMaskHead.Instances, stride: Int
    ) -> [Double] {
        let sizes = [64.0, 128, 256, 512, 1024], v = x.elements, p = i.parameters.elements
        let (h, w, c) = (test.map[1], test.map[2], test.map[3])
        let count = p.count / test.instances
        let widths =
            [c + (test.coordinates ? 2 : 0)]
            + [Int](repeating: test.channels, count: test.layers - 1) + [1]
        let weights = (0..<test.layers).map { widths[$0] * widths[$0 + 1] }
        var result: [Double] = []
        for k in 0..<test.instances {
            for pixel in 0..<h * w {
                var value: [Double] = []
                if test.coordinates, let places = i.locations?.elements {
                    for (axis, index) in [pixel % w, pixel / w].enumerated() {
                        let at = Double(index * stride + stride / 2)
                        value.append((Double(places[2 * k + axis]) - at) / sizes[i.levels[k]])
                    }
                }
                let from = (i.samples[k] * h * w + pixel) * c
                value += (0..<c).map { Double(v[from + $0]) }
                var (at, biases) = (k * count, k * count + weights.reduce(0, +))
                for layer in 0..<test.layers {
                    value = (0..<widths[layer + 1]).map { o in
                        let sum = value.indices.reduce(Double(p[biases + o])) {
                            $0 + Double(p[at + o * value.count + $1]) * value[$1]
                        }
                        return layer + 1 < test.layers ? max(0, sum) : sum
                    }
                    at += weights[layer]
                    biases += widths[layer + 1]
                }
                result += value
            }
        }
        return result
    }

    @Test(arguments: cases)
    func agreesWithLoopsInDouble(_ test: Case) throws {
        let head = try DynamicMaskHead(
            inputChannels: test.map[3], channels: test.channels, layers: test.layers,
            usesCoordinates: test.coordinates, outputStride: 8)
        let x = try Tensor.random(test.map), instances = try Self.instances(head, test)
        let expected = Self.logits(test, x, instances, stride: 8)
        try MapTest.everywhere {
            try head(x, instances)
        } check: { isa, y in
            MapTest.expect(
                y, shape: [test.instances, test.map[1], test.map[2], 1], expected,
                tolerance: 2e-5, "\(isa)")
        }
    }

    @Test(arguments: [2, 3, 4], [(1, 1), (3, 5), (8, 7)])
    func enlargementIsLinearBetweenAlignedPixels(factor: Int, size: (Int, Int)) throws {
        let (h, w) = size
        let x = try MapTest.tensor([2, h, w, 1]), v = x.elements.map(Double.init)
        func at(_ map: Int, _ y: Double, _ xx: Double) -> Double {
            let (i, j) = (Int(y), Int(xx)), (a, b) = (y - Double(i), xx - Double(j))
            func pixel(_ y: Int, _ x: Int) -> Double {
                v[(map * h + min(y, h - 1)) * w + min(x, w - 1)]
            }
            return (1 - a) * ((1 - b) * pixel(i, j) + b * pixel(i, j + 1))
                + a * ((1 - b) * pixel(i + 1, j) + b * pixel(i + 1, j + 1))
        }
        var expected: [Double] = []
        for map in 0..<2 {
            for y in 0..<factor * h {
                for xx in 0..<factor * w {
                    expected.append(
                        at(
                            map, Double(max(0, y - factor / 2)) / Double(factor),
                            Double(max(0, xx - factor / 2)) / Double(factor)))
                }
            }
        }
        try MapTest.everywhere {
            try Operations.alignedBilinear(x, factor: factor)
        } check: { isa, y in
            MapTest.expect(y, shape: [2, factor * h, factor * w, 1], expected, "\(isa)")
        }
    }

    @Test func theParameterCountIsThePapers() throws {
        #expect(try DynamicMaskHead().parameterCount == 169)
        #expect(try DynamicMaskHead(usesCoordinates: false).parameterCount == 153)
    }

    @Test func wrongOptionsAndInputsAreRefused() throws {
        #expect(throws: ProteanError.self) { try DynamicMaskHead(channels: 65) }
        #expect(throws: ProteanError.self) { try DynamicMaskHead(layers: 1) }
        #expect(throws: ProteanError.self) { try DynamicMaskHead(inputChannels: 0) }
        #expect(throws: ProteanError.self) { try DynamicMaskHead(outputStride: 3) }
        #expect(throws: ProteanError.self) { try DynamicMaskHead(sizesOfInterest: []) }
        let head = try DynamicMaskHead(), test = Case(map: [2, 4, 5, 8])
        let x = try Tensor.random(test.map), good = try Self.instances(head, test)
        for change: (inout DynamicMaskHead.Instances) throws -> Void in [
            { $0.samples[1] = 2 }, { $0.samples[1] = -1 }, { $0.levels[2] = 5 },
            { $0.locations = nil }, { $0.levels = [] }, { $0.samples.removeLast() },
            { $0.parameters = try Tensor(zeros: [4, 168]) },
        ] {
            var instances = good
            try change(&instances)
            #expect(throws: ProteanError.self) { try head(x, instances) }
        }
        #expect(throws: ProteanError.self) { try head(Tensor(zeros: [2, 4, 5, 7]), good) }
    }

    @Test func noInstancesShapesAndCost() throws {
        let head = try DynamicMaskHead(), x = try Tensor.random([1, 4, 5, 8])
        let none = DynamicMaskHead.Instances(
            parameters: try Tensor(zeros: [0, 169]), samples: [],
            locations: try Tensor(zeros: [0, 2]))
        #expect(try head(x, none).shape == [0, 8, 10, 1])
        let test = Case(map: [1, 4, 5, 8]), instances = try Self.instances(head, test)
        let trace = Trace()
        let outcome = trace.recording {
            Result { () throws(ProteanError) in
                try head(Tensor(shapeOnly: test.map), instances)
            }
        }
        #expect(try outcome.get().shape == [4, 8, 10, 1])
        #expect(trace.totalCost.multiplyAdds == 4 * 20 * 152)
    }

    @Test func nanStaysInItsPixel() throws {
        let head = try DynamicMaskHead(outputStride: 8), test = Case(map: [1, 4, 5, 8])
        var values = MapTest.values(160)
        values[3 * 8] = .nan
        let y = try head(
            Tensor(values, shape: test.map), try Self.instances(head, test)
        ).elements
        for (index, value) in y.enumerated() { #expect(value.isNaN == (index % 20 == 3)) }
    }
}
