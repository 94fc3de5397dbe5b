import Foundation
import Protean
import Testing

@testable import KernelbenchSupport

@Suite("Measurement")
struct MeasurementTests {
    @Test func alternatesAndCountsCalls() throws {
        let configurations = [1, 2].map { Configuration(isa: .scalar, threads: $0) }
        var order: [Int] = []
        let timings = try Measurement(minimumTime: 0.01).run(configurations) {
            order.append(try Runtime.threads())
            usleep(2000)
            return 0
        }
        // A call takes longer than a turn, however busy the machine: ten turns of one sample.
        for timing in timings {
            #expect(timing.samples.count == 10)
            #expect(timing.median >= 2000e-6)
            #expect(timing.calls == timing.samples.count)
            #expect(timing.total >= 0.02)
        }
        let changes = zip(order, order.dropFirst()).filter { $0 != $1 }.count
        #expect(changes >= 19, "configurations take turns")
        #expect(order.count > timings.reduce(0) { $0 + $1.calls }, "warm-up is not counted")
    }

    @Test func shortCallsAreTimedSeveralAtATime() throws {
        // A machine that is busy may make a single call look long, though not every time.
        let batches = try (0..<10).map { _ in
            let timing = try Measurement(minimumTime: 0.001).run(
                [Configuration(isa: .scalar, threads: 1)], { 1 })[0]
            return timing.calls / timing.samples.count
        }
        #expect(batches.contains { $0 >= 10 })
    }

    @Test func boundAndShareFollowTheLimits() {
        let configuration = Configuration(isa: .scalar, threads: 1)
        let roofline = Roofline(configuration: configuration, peakGflops: 100, copyGBs: 10)
        #expect(roofline.leastSeconds(flops: 2e9, bytes: 1e6) == 0.02)
        #expect(roofline.bound(flops: 2e9, bytes: 1e6) == .fma)
        #expect(roofline.leastSeconds(flops: 1e6, bytes: 1e9) == 0.1)
        #expect(roofline.bound(flops: 1e6, bytes: 1e9) == .memory)
        let loading = Roofline(
            configuration: configuration, peakGflops: 100, copyGBs: 10, loadGBs: 50)
        #expect(loading.leastSeconds(flops: 2e9, bytes: 1e6, loaded: 2e9) == 0.04)
        #expect(loading.bound(flops: 2e9, bytes: 1e6, loaded: 2e9) == .loads)
        #expect(loading.bound(flops: 2e9, bytes: 1e6, loaded: 9e8) == .fma)
        #expect(loading.withPeak(50).loadGBs == 25)
        let timing = Timing(samples: [0.04], processor: [0.04], calls: 1, total: 0.04)
        let result = BenchmarkResult(
            benchmark: BenchmarkCase(name: "a", kernel: "copy", values: [:], place: "test"),
            configuration: configuration, timing: timing, flops: 4e9, bytes: 1e6,
            loaded: 0, executedShare: 0.5, roofline: roofline, singleThread: 0.08)
        #expect(abs(result.gflops - 50) < 1e-9)
        #expect(abs(result.rooflineShare - 0.5) < 1e-12)
        #expect(result.speedup == 2)
    }

    @Test(arguments: KernelISA.supported)
    func limitsAreMeasured(isa: KernelISA) throws {
        let one = try Roofline.measure(Configuration(isa: isa, threads: 1), seconds: 0.02)
        #expect(one.peakGflops > 0.01 && one.peakGflops.isFinite)
        #expect(one.copyGBs > 0.01 && one.copyGBs.isFinite)
        #expect(one.loadGBs > 0.01 && one.loadGBs.isFinite)
    }

    @Test func inputsDependOnTheSeedOnly() throws {
        let shape = [3, 211, 210, 1]
        let a = try SeededValues.tensor(shape, seed: 5).elements
        #expect(a == (try SeededValues.tensor(shape, seed: 5).elements))
        #expect(a != (try SeededValues.tensor(shape, seed: 6).elements))
        #expect(a.allSatisfy { $0 >= -1 && $0 < 1 })
        let mean = a.reduce(0, +) / Float(a.count)
        #expect(abs(mean) < 0.02)
    }
}
