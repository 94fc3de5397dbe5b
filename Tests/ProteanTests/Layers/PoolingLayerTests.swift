import Testing

@testable import Protean

@Suite struct PoolingLayerTests {
    @Test func optionsAreCheckedWhenALayerIsBuilt() throws {
        #expect(throws: ProteanError.self) { try MaxPool2d(kernelSize: 3, padding: 2) }
        #expect(throws: ProteanError.self) { try MaxPool2d(kernelSize: 0) }
        #expect(throws: ProteanError.self) { try AvgPool2d(kernelSize: 2, divisorOverride: 0) }
        #expect(throws: ProteanError.self) { try AdaptiveAvgPool2d(outputSize: Size2d(-1)) }
        #expect(throws: ProteanError.self) { try Resize(size: 0) }
        #expect(throws: ProteanError.self) { try Resize(scale: Scale2d(0)) }
        #expect(throws: ProteanError.self) { try PixelShuffle(factor: 0) }
        #expect(throws: ProteanError.self) { try PixelUnshuffle(factor: -1) }
        #expect(throws: ProteanError.self) { try Flatten(startDimension: 2) }
        #expect(throws: ProteanError.self) { try Dropout(probability: 1.5) }
    }

    @Test func globalPoolingGivesVectors() throws {
        let x = try Tensor([1, 10, 3, 30], shape: [1, 1, 2, 2])
        #expect(try GlobalAveragePool2d()(x).shape == [1, 2])
        #expect(try GlobalAveragePool2d()(x).elements == [2, 20])
        #expect(try Dropout()(x).elements == x.elements)
        #expect(try Identity()(x).elements == x.elements)
    }

    @Test func layersAreTracedUnderTheirNames() throws {
        let trace = Trace()
        let x = try Tensor(zeros: [1, 4, 4, 2])
        try trace.recording {
            _ = try MaxPool2d(kernelSize: 2)(x)
            _ = try Resize(scale: 2)(x)
            _ = try SiLU()(x)
            _ = try BatchNorm2d(channels: 2)(x)
        }
        #expect(trace.events.map(\.layer) == ["MaxPool2d", "Resize", "SiLU", "BatchNorm2d"])
        #expect(trace.events[0].outputShape == [1, 2, 2, 2])
        #expect(trace.events[0].cost == Cost(bytes: (32 + 8) * 4))
    }
}
