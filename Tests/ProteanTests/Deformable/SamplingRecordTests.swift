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

    /// A layer whose samples, read from the record and taken by a plain loop, give its own result.
    private func checkAggregation(
        _ entry: SamplingRecord.Entry, of u: Tensor, gives z: Tensor
    ) throws {
        let (h, w, c) = (u.shape[1], u.shape[2], u.shape[3]), values = u.elements
        let width = c / entry.offsetGroups
        let (sample, row, column) = (1, 3, 2)
        func value(_ y: Int, _ x: Int, _ channel: Int) -> Double {
            guard (0..<h).contains(y), (0..<w).contains(x) else { return 0 }
            return Double(values[((sample * h + y) * w + x) * c + channel])
        }
        for group in 0..<entry.offsetGroups {
            let points = try entry.points(row: row, column: column, sample: sample, group: group)
            for channel in group * width..<(group + 1) * width {
                let sum = points.reduce(0.0) { sum, p in
                    let (y, x) = (p.y.rounded(.down), p.x.rounded(.down))
                    let (ly, lx) = (Double(p.y - y), Double(p.x - x))
                    let (iy, ix) = (Int(y), Int(x))
                    let top = (1 - lx) * value(iy, ix, channel) + lx * value(iy, ix + 1, channel)
                    let below =
                        (1 - lx) * value(iy + 1, ix, channel)
                        + lx * value(iy + 1, ix + 1, channel)
                    return sum + Double(p.modulation) * ((1 - ly) * top + ly * below)
                }
                let at = ((sample * h + row) * w + column) * c + channel
                #expect(abs(Double(z.elements[at]) - sum) < 1e-5)
            }
        }
    }

    @Test(arguments: [false, true])
    func aggregationsAreWhereTheySample(removeCenter: Bool) throws {
        let u = try Tensor.random([2, 6, 5, 6], seed: 2)
        let layer = try DCNv4(
            channels: 6, padding: 2, dilation: 2, groups: 2, offsetScale: 0.75,
            removeCenter: removeCenter, withoutPointwise: true)
        let given = try #require(layer.submodules.first { $0.name == "offset_mask" }).module
        for (index, named) in given.parameters.enumerated() {
            try named.parameter.set(
                Tensor.random(named.parameter.shape, seed: UInt64(index + 5)))
        }
        let record = SamplingRecord()
        let z = try record.recording { try layer(u) }
        let entry = try #require(record.entries.first)
        #expect(entry.path == "DCNv4" && entry.offsetGroups == 2 && entry.kernelSize == 3)
        let points = try entry.points(row: 3, column: 2)
        #expect(points.count == (removeCenter ? 8 : 9))
        // Column by column, (x, y) from (2 - 2, 3 - 2) on, two apart.
        #expect(points[1].regularY == 3 && points[1].regularX == 0)
        #expect(points.last?.regularY == 5 && points.last?.regularX == 4)
        try checkAggregation(entry, of: u, gives: z)
    }

    @Test func theThirdVersionIsRecorded() throws {
        let layer = try DCNv3(channels: 4, groups: 2)
        let record = SamplingRecord()
        _ = try record.recording { try layer(Tensor.random([1, 4, 5, 4])) }
        let points = try #require(record.entries.first).points(row: 1, column: 2, group: 1)
        #expect(record.entries[0].path == "DCNv3" && points.count == 9)
        for (index, point) in points.enumerated() {
            #expect(point.y == Float(index % 3) && point.x == Float(1 + index / 3))
            #expect(point.y == point.regularY && point.x == point.regularX)
            #expect(abs(point.modulation - 1 / 9) < 1e-6)
        }
    }

    @Test func activeConvolutionsArePlacedByBlocksOfOutputs() throws {
        let layer = try ActiveConv2d(
            inputChannels: 3, outputChannels: 4, stride: 2, padding: 1, positionGroups: 2)
        try layer.xPositions.set(Tensor((0..<18).map { Float($0) }, shape: [2, 1, 3, 3]))
        try layer.yPositions.set(Tensor((0..<18).map { -Float($0) }, shape: [2, 1, 3, 3]))
        let record = SamplingRecord()
        _ = try record.recording { try layer(Tensor.random([1, 6, 8, 3])) }
        let entry = try #require(record.entries.first)
        #expect(entry.offsetGroups == 2 && entry.path == "ActiveConv2d")
        let points = try entry.points(row: 1, column: 3, group: 1)
        // From the window's centre, (2, 6).
        #expect(points[4].regularY == 2 && points[4].regularX == 6)
        for (tap, point) in points.enumerated() {
            #expect(point.y == 2 - Float(9 + tap) && point.x == 6 + Float(9 + tap))
            #expect(point.modulation == 1)
        }
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
