import Testing

@testable import Protean

@Suite struct SamplingRecordTests {
    @Test func pointsAreWhereTheLayerSamples() throws {
        let layer = try ModulatedDeformableConv2d(
            inputChannels: 4, outputChannels: 3, kernelSize: Size2d(height: 2, width: 3),
            stride: Size2d(height: 2, width: 1), padding: .symmetric(height: 1, width: 2),
            dilation: Size2d(height: 1, width: 2), offsetGroups: 2)
        for (index, named) in layer.offsetConvolution.parameters.enumerated() {
            try named.parameter.set(
                Tensor.random(named.parameter.shape, seed: UInt64(index + 3)))
        }
        let x = try Tensor.random([2, 7, 9, 4])
        let record = SamplingRecord()
        let y = try record.recording { try layer(x) }
        let entry = try #require(record.entries.first)
        #expect(record.entries.count == 1)
        #expect(entry.path == "ModulatedDeformableConv2d")
        #expect(entry.inputShape == x.shape && entry.outputShape == y.shape)
        #expect(entry.offsetGroups == 2)

        let given = try layer.offsetConvolution(x).elements
        let points = try entry.points(row: 3, column: 5, sample: 1, group: 1)
        #expect(points.count == 6)
        let pixel = (y.shape[1] + 3) * y.shape[2] + 5
        for (tap, point) in points.enumerated() {
            let at = pixel * 36 + 2 * (6 + tap)
            #expect(point.regularY == Float(5 + tap / 3))
            #expect(point.regularX == Float(3 + tap % 3 * 2))
            #expect(abs(point.y - point.regularY - given[at]) < 1e-5)
            #expect(abs(point.x - point.regularX - given[at + 1]) < 1e-5)
            #expect(point.modulation > 0 && point.modulation < 1)
        }
    }

    @Test func plainOffsetsCountAsOne() throws {
        let layer = try DeformableConv2d(inputChannels: 2, outputChannels: 2, kernelSize: 3)
        let record = SamplingRecord()
        let offset = try Tensor(repeating: 0.5, shape: [1, 2, 3, 18])
        let x = try Tensor.random([1, 4, 5, 2])
        _ = try record.recording { try layer(x, offset: offset) }
        _ = try layer(x, offset: offset)
        let points = try #require(record.entries.first).points(row: 1, column: 2)
        #expect(record.entries.count == 1)
        #expect(points[4].regularY == 2 && points[4].y == 2.5 && points[4].modulation == 1)

        let mask = try Tensor(repeating: 0.25, shape: [1, 2, 3, 9])
        _ = try record.recording { try layer(x, offset: offset, mask: mask) }
        #expect(try record.entries[1].points(row: 0, column: 0)[8].modulation == 0.25)
    }

    @Test func whatIsNotThereIsRefused() throws {
        let layer = try DeformableConv2dPack(inputChannels: 1, outputChannels: 1, kernelSize: 1)
        let record = SamplingRecord()
        _ = try record.recording { try layer(Tensor(zeros: [1, 2, 3, 1])) }
        _ = try record.recording { try layer.outputShape(for: [1, 2, 3, 1]) }
        let entry = record.entries[0]
        #expect(throws: ProteanError.self) { try entry.points(row: 2, column: 0) }
        #expect(throws: ProteanError.self) { try entry.points(row: 0, column: -1) }
        #expect(throws: ProteanError.self) { try entry.points(row: 0, column: 0, sample: 1) }
        #expect(throws: ProteanError.self) { try entry.points(row: 0, column: 0, group: 1) }
        #expect(throws: ProteanError.noValues(layer: "DeformableConv2dPack")) {
            try record.entries[1].points(row: 0, column: 0)
        }
    }
}
