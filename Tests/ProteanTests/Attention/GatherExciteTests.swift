import Foundation
import Testing

@testable import Protean

@Suite struct GatherExciteTests {
    private typealias Check = ChannelGateTest

    /// One sample as `[row][column][channel]`.
    private typealias Map = [[[Double]]]

    private static func sample(_ x: Tensor, _ n: Int) -> Map {
        let values = x.elements.map(Double.init)
        let (h, w, c) = (x.shape[1], x.shape[2], x.shape[3])
        return (0..<h).map { i in
            (0..<w).map { j in
                (0..<c).map { values[((n * h + i) * w + j) * c + $0] }
            }
        }
    }

    /// The taps of a window of a map that exist.
    private static func window(_ size: Int, _ start: Int, _ taps: Int) -> [(tap: Int, at: Int)] {
        (0..<taps).map { ($0, start + $0) }.filter { (0..<size).contains($0.1) }
    }

    /// Means, or halves of means and maxima, of windows of 2e − 1 at distances of e.
    private static func windows(_ map: Map, _ e: Int, addMaximum: Bool) -> Map {
        let (h, w, c) = (map.count, map[0].count, map[0][0].count)
        let (rows, columns) = ((h - 1) / e + 1, (w - 1) / e + 1)
        return (0..<rows).map { i in
            (0..<columns).map { j in
                (0..<c).map { channel in
                    var values: [Double] = []
                    for (_, y) in window(h, i * e - e + 1, 2 * e - 1) {
                        for (_, x) in window(w, j * e - e + 1, 2 * e - 1) {
                            values.append(map[y][x][channel])
                        }
                    }
                    let mean = Check.mean(values)
                    return addMaximum ? (mean + values.max()!) / 2 : mean
                }
            }
        }
    }

    /// A depthwise convolution with zeros around the map, and its norm.
    private static func convolved(
        _ map: Map, _ layer: GatherExcite, _ i: Int, _ kernel: (Int, Int), stride: Int, padding: Int
    ) throws -> Map {
        let weight = try Check.doubles(layer, "gather.conv\(i).weight")
        let norm = try ["weight", "bias", "running_mean", "running_var"].map {
            try Check.doubles(layer, "gather.norm\(i).\($0)")
        }
        let (h, w, c) = (map.count, map[0].count, map[0][0].count)
        let rows = (h + 2 * padding - kernel.0) / stride + 1
        let columns = (w + 2 * padding - kernel.1) / stride + 1
        return (0..<rows).map { y in
            (0..<columns).map { x in
                (0..<c).map { channel in
                    var sum = 0.0
                    for (p, row) in window(h, y * stride - padding, kernel.0) {
                        for (q, column) in window(w, x * stride - padding, kernel.1) {
                            sum +=
                                weight[(channel * kernel.0 + p) * kernel.1 + q]
                                * map[row][column][channel]
                        }
                    }
                    let root = (norm[3][channel] + 1e-5).squareRoot()
                    return (sum - norm[2][channel]) / root * norm[0][channel] + norm[1][channel]
                }
            }
        }
    }

    private static func network(_ v: [Double], _ layer: GatherExcite) throws -> [Double] {
        guard layer.parameter(at: "mlp.fc1.weight") != nil else { return v }
        let (w1, b1) = try (
            Check.doubles(layer, "mlp.fc1.weight"), Check.doubles(layer, "mlp.fc1.bias")
        )
        let (w2, b2) = try (
            Check.doubles(layer, "mlp.fc2.weight"), Check.doubles(layer, "mlp.fc2.bias")
        )
        let hidden = b1.indices.map { j in
            max(0, v.indices.reduce(b1[j]) { $0 + w1[j * v.count + $1] * v[$1] })
        }
        return b2.indices.map { k in
            hidden.indices.reduce(b2[k]) { $0 + w2[k * hidden.count + $1] * hidden[$1] }
        }
    }

    /// The layer's formula with what `gather` returns for a sample.
    private static func expected(
        _ x: Tensor, _ layer: GatherExcite, _ gather: (Map) throws -> Map
    ) throws -> [Double] {
        let (h, w) = (x.shape[1], x.shape[2])
        return try (0..<x.shape[0]).flatMap { n in
            let map = sample(x, n)
            let gathered = try gather(map)
            let gates = try gathered.map { row in
                try row.map { try network($0, layer).map(Check.sigmoid) }
            }
            return (0..<h).flatMap { i in
                (0..<w).flatMap { j in
                    let gate = gates[i * gates.count / h][j * gates[0].count / w]
                    return zip(map[i][j], gate).map(*)
                }
            }
        }
    }

    private static func compare(
        _ shape: [Int], _ layer: GatherExcite, _ gather: (Map) throws -> Map
    ) throws {
        try Check.randomise(layer)
        let x = try MapTest.tensor(shape, seed: 31)
        let expected = try expected(x, layer, gather)
        try MapTest.everywhere {
            try layer(x)
        } check: { isa, y in
            MapTest.expect(y, shape: shape, expected, tolerance: 5e-6, "\(isa)")
        }
    }

    private static let shapes = [[3, 5, 7, 17], [1, 4, 3, 1], [2, 13, 10, 3], [1, 1, 1, 33]]

    @Test(arguments: shapes) func windowsAgreeWithLoops(_ shape: [Int]) throws {
        for extent in [0, 2, 4, 6] {
            for addMaximum in [false, true] {
                let layer = try GatherExcite(
                    channels: shape[3], extent: extent,
                    hiddenChannels: addMaximum ? 4 : nil, addMaximum: addMaximum)
                // One window around a corner that spans the map.
                try Self.compare(shape, layer) {
                    Self.windows($0, extent == 0 ? 16 : extent, addMaximum: addMaximum)
                }
            }
        }
    }

    @Test(arguments: shapes) func convolutionsAgreeWithLoops(_ shape: [Int]) throws {
        for (extent, count) in [(2, 1), (4, 2), (8, 3)] {
            let layer = try GatherExcite(
                channels: shape[3], extent: extent, hasParameters: true,
                hiddenChannels: extent == 4 ? 3 : nil)
            try Self.compare(shape, layer) { map in
                var y = map
                for i in 1...count {
                    y = try Self.convolved(y, layer, i, (3, 3), stride: 2, padding: 1)
                    if i < count { y = y.map { $0.map { $0.map { max(0, $0) } } } }
                }
                return y
            }
        }
    }

    @Test(arguments: shapes) func wholeMapsAgreeWithLoops(_ shape: [Int]) throws {
        let size = (shape[1], shape[2])
        let layer = try GatherExcite(
            channels: shape[3], hasParameters: true,
            mapSize: Size2d(height: size.0, width: size.1), hiddenChannels: 2)
        try Self.compare(shape, layer) {
            try Self.convolved($0, layer, 1, size, stride: 1, padding: 0)
        }
    }

    @Test func isAGate() throws {
        try Check.checkGate(GatherExcite(channels: 7, hiddenChannels: 3), channels: 7)
        try Check.checkGate(
            GatherExcite(channels: 3, hiddenChannels: nil, addMaximum: true), channels: 3)
    }

    @Test func gatesPerElementAreRecordedAndFused() throws {
        let layer = try GatherExcite(channels: 3, extent: 2, hiddenChannels: nil)
        let x = try MapTest.tensor([2, 5, 4, 3])
        let record = AttentionRecord()
        let y = try record.recording { try layer(x) }
        #expect(record.entries.map(\.gates.shape) == [[2, 5, 4, 3]])
        #expect(try Operations.multiply(x, record.entries[0].gates).isBitEqual(to: y))
        let active = try layer(x, epilogue: Conv2dEpilogue(activation: .relu))
        #expect(try active.isBitEqual(to: Operations.activate(y, .relu)))
        #expect(try layer.outputShape(for: [2, 5, 4, 3]) == [2, 5, 4, 3])
        #expect(try layer.cost(for: [2, 5, 4, 3]).multiplyAdds >= 120)
    }

    @Test func keysAreTimms() throws {
        let layer = try GatherExcite(
            channels: 4, extent: 4, hasParameters: true, hiddenChannels: 2)
        let names = layer.allParameters().map(\.name).filter { $0.hasSuffix(".weight") }
        #expect(
            names == [
                "gather.conv1.weight", "gather.norm1.weight", "gather.conv2.weight",
                "gather.norm2.weight", "mlp.fc1.weight", "mlp.fc2.weight",
            ])
        #expect(layer.parameter(at: "gather.conv2.weight")?.shape == [4, 1, 3, 3])
    }

    @Test func refusals() throws {
        let name = "GatherExcite"
        for extent in [-2, 1, 3, 2 * OptionLimits.length] {
            Check.refuses(name, "extent") {
                try GatherExcite(channels: 4, extent: extent, hiddenChannels: nil)
            }
        }
        Check.refuses(name, "extent") {
            try GatherExcite(channels: 4, extent: 6, hasParameters: true, hiddenChannels: nil)
        }
        Check.refuses(name, "mapSize") {
            try GatherExcite(channels: 4, hasParameters: true, hiddenChannels: nil)
        }
        Check.refuses(name, "mapSize") {
            try GatherExcite(channels: 4, mapSize: 3, hiddenChannels: nil)
        }
        Check.refuses(name, "addMaximum") {
            try GatherExcite(
                channels: 4, extent: 2, hasParameters: true, hiddenChannels: nil, addMaximum: true)
        }
        Check.refuses(name, "hiddenChannels") { try GatherExcite(channels: 4, hiddenChannels: 0) }
        Check.refuses(name, "channels") { try GatherExcite(channels: 0, hiddenChannels: 1) }
        let fixed = try GatherExcite(
            channels: 4, hasParameters: true, mapSize: 3, hiddenChannels: nil)
        #expect(throws: ProteanError.self) { try fixed(Tensor(zeros: [1, 3, 4, 4])) }
        #expect(fixed.channelFlow == .fixed(input: 4, output: 4))
    }
}
