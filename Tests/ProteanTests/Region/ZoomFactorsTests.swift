import Testing

@testable import Protean

@Suite struct ZoomFactorsTests {
    @Test func peaksBecomeZooms() throws {
        let factors = try ZoomFactors(
            smallest: 8, binsPerOctave: 2, target: 64, window: 1, radius: 2, threshold: 0.5)
        // Sizes 8, 11.3, 16, 22.6, 32, 45.3, 64, 90.5, 128.
        #expect(factors.zooms([0, 0, 0.7, 0.6, 0.9, 0, 0, 0, 0.8]) == [2, 0.5])
        #expect(factors.zooms([0, 0, 0.7, 0.6, 0, 0, 0, 0, 0]) == [4])
        #expect(factors.zooms([0.7, 0, 0, 0.7, 0, 0, 0.7, 0, 0]).count == 3)
        #expect(factors.zooms([0.4, 0.4]) == [])
        #expect(factors.zooms([]) == [])
        // Equal neighbours give one zoom, that of the smaller size.
        #expect(factors.zooms([0.6, 0.6, 0.6]) == [8])
        #expect(factors.zooms([.nan, 0.6, .nan]).count == 1)
    }

    @Test func theHistogramIsSmoothed() throws {
        let factors = try ZoomFactors(
            smallest: 16, binsPerOctave: 1, target: 32, window: 3, radius: 1, threshold: 0.25)
        // Means 0.45, 0.3, 0.3, 0, 0.33 and 0.5: neighbours of higher ones are no peaks.
        let zooms = factors.zooms([0, 0.9, 0, 0, 0, 1])
        #expect(zooms == [0.0625, 2, 0.5])
    }

    @Test func whatDoesNotFitIsRefused() {
        for (smallest, bins, target, window, radius, threshold) in [
            (0.0, 1, 1.0, 1, 1, Float(0.5)), (.nan, 1, 1, 1, 1, 0.5), (1, 0, 1, 1, 1, 0.5),
            (1, 1, .infinity, 1, 1, 0.5), (1, 1, 1, 2, 1, 0.5), (1, 1, 1, 1, -1, 0.5),
            (1, 1, 1, 1, 1, .nan),
        ] {
            #expect(throws: ProteanError.self) {
                try ZoomFactors(
                    smallest: smallest, binsPerOctave: bins, target: target, window: window,
                    radius: radius, threshold: threshold)
            }
        }
    }
}
