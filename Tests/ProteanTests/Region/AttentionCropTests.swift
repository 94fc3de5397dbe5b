import Foundation
import Testing

@testable import Protean

@Suite struct AttentionCropTests {
    /// Masked pixels, interpolated between aligned corners, in double precision.
    private static func reference(
        _ x: Tensor, _ places: [[Double]], _ size: Size2d
    ) -> [Double] {
        let side = x.shape[1], channels = x.shape[3], values = x.elements, n = Double(side)
        func step(_ distance: Int) -> Double { 1 / (1 + exp(-10 * Double(distance))) }
        var y: [Double] = []
        for (sample, place) in places.enumerated() {
            let half = max(place[2], n / 3)
            let ranges = place[..<2].map { centre in
                let middle = min(max(centre, half), n - half)
                return max(0, Int(middle - half))..<min(side, Int(middle + half))
            }
            func pixel(_ row: Int, _ column: Int, _ channel: Int) -> Double {
                let (r, q) = (ranges[0].lowerBound + row, ranges[1].lowerBound + column)
                let vertical = step(row) - step(r - ranges[0].upperBound)
                let horizontal = step(column) - step(q - ranges[1].upperBound)
                let at = ((sample * side + r) * side + q) * channels + channel
                return Double(values[at]) * vertical * horizontal
            }
            func position(_ index: Int, _ count: Int, _ length: Int) -> (Int, Int, Double) {
                let at = count > 1 ? Double(index * (length - 1)) / Double(count - 1) : 0
                let low = min(Int(at), length - 1)
                return (low, min(low + 1, length - 1), at - Double(low))
            }
            for index in 0..<size.height * size.width * channels {
                let channel = index % channels, column = index / channels % size.width
                let (top, bottom, v) = position(
                    index / channels / size.width, size.height, ranges[0].count)
                let (left, right, h) = position(column, size.width, ranges[1].count)
                let above = pixel(top, left, channel) * (1 - h) + pixel(top, right, channel) * h
                let below =
                    pixel(bottom, left, channel) * (1 - h) + pixel(bottom, right, channel) * h
                y.append(above * (1 - v) + below * v)
            }
        }
        return y
    }

    @Test(arguments: [1, 3, 17], [Size2d(height: 9, width: 4), 1, 31])
    func agreesWithDoubleLoopsEverywhere(channels: Int, size: Size2d) throws {
        let places: [[Double]] = [
            [9.25, 11.5, 7.75], [2, 21, 3], [15.5, 6.25, 8], [12, 12, 30], [-5, 50, 9.5],
        ]
        let x = try MapTest.tensor([5, 24, 24, channels])
        let rows = try Tensor(places.flatMap { $0.map { Float($0) } }, shape: [5, 3])
        let crop = try AttentionCrop(size: size)
        let expected = Self.reference(x, places, size)
        try MapTest.everywhere {
            try crop(x, places: rows)
        } check: { isa, y in
            MapTest.expect(
                y, shape: [5, size.height, size.width, channels], expected, tolerance: 1e-5,
                "\(isa)")
        }
    }

    @Test(arguments: [0, 1, 7]) func rowsGetTheirBitsAlone(batch: Int) throws {
        let x = try MapTest.tensor([batch, 30, 30, 2])
        let places = try MapTest.tensor([batch, 3], seed: 4, range: 30)
        let crop = try AttentionCrop(size: 6), record = GlimpseRecord()
        let all = try record.recording { () throws(ProteanError) in try crop(x, places: places) }
        #expect(all.shape == [batch, 6, 6, 2])
        for row in 0..<batch {
            let one = try crop(try x.sample(row), places: try places.sample(row))
            #expect(one.isBitEqual(to: try all.sample(row)))
            let glimpse = try #require(record.glimpses(ofRow: row).first)
            #expect(glimpse.size.height >= 20 && glimpse.row >= 0)
        }
    }

    @Test func oddPlacesAreClamped() throws {
        let x = try MapTest.tensor([4, 30, 30, 2]), crop = try AttentionCrop(size: 6)
        let places: [Float] = [
            .nan, .nan, .nan, .infinity, -.infinity, .infinity, -1e30, 1e30, 0, 15, 15, -.infinity,
        ]
        let y = try crop(x, places: try Tensor(places, shape: [4, 3]))
        #expect(y.elements.allSatisfy { $0.isFinite })
    }

    @Test func shapesAndCostsNeedNoValues() throws {
        let crop = try AttentionCrop(size: 6), trace = Trace()
        let x = try Tensor(shapeOnly: [3, 30, 30, 2]), places = try Tensor(shapeOnly: [3, 3])
        let y = try trace.recording { () throws(ProteanError) in try crop(x, places: places) }
        #expect(y.isShapeOnly && y.shape == [3, 6, 6, 2])
        #expect(trace.totalCost.multiplyAdds == 4 * 3 * 36 * 2)
    }

    @Test func whatDoesNotFitIsRefused() throws {
        let crop = try AttentionCrop(size: 6)
        for (map, places) in [
            ([1, 30, 31, 2], [1, 3]), ([2, 30, 30, 2], [1, 3]), ([2, 30, 30, 2], [2, 2]),
            ([30, 30, 2], [30, 3]), ([1, 0, 0, 2], [1, 3]),
        ] {
            let x = try Tensor(zeros: map), y = try Tensor(zeros: places)
            #expect(throws: ProteanError.self, "\(map), \(places)") { try crop(x, places: y) }
        }
        #expect(throws: ProteanError.self) { try AttentionCrop(size: 0) }
    }
}
