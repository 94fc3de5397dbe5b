import Foundation
import Protean

/// Results in google-benchmark's schema, with additional fields where the schema has none.
package struct JSONReport: Encodable {
    struct Context: Encodable {
        var date: String
        var executable: String
        var numCPUs: Int
        var mhzPerCPU: Double?
        var caches: [MachineInfo.Cache]
        var libraryBuildType: String
        var cpu: String
        var isa: String
        var fmaPeakGflops: Double
        var copyBandwidthGBs: Double
        var copyBytes: Int
        var rooflines: [Limits]

        enum CodingKeys: String, CodingKey {
            case date, executable, caches, cpu, isa, rooflines
            case numCPUs = "num_cpus"
            case mhzPerCPU = "mhz_per_cpu"
            case libraryBuildType = "library_build_type"
            case fmaPeakGflops = "fma_peak_gflops"
            case copyBandwidthGBs = "copy_bandwidth_gbs"
            case copyBytes = "copy_bytes"
        }
    }

    struct Limits: Encodable {
        var isa: String
        var threads: Int
        var fmaPeakGflops: Double
        var copyBandwidthGBs: Double
        var loadGBs: Double

        init(_ roofline: Roofline) {
            isa = roofline.configuration.isa.rawValue
            threads = roofline.configuration.threads
            fmaPeakGflops = roofline.peakGflops
            copyBandwidthGBs = roofline.copyGBs
            loadGBs = roofline.loadGBs
        }

        enum CodingKeys: String, CodingKey {
            case isa, threads
            case loadGBs = "load_rate_gbs"
            case fmaPeakGflops = "fma_peak_gflops"
            case copyBandwidthGBs = "copy_bandwidth_gbs"
        }
    }

    struct Entry: Encodable {
        var name: String
        var runName: String
        var runType = "iteration"
        var kernel: String
        var isa: String
        var threads: Int
        var iterations: Int
        var realTime: Double
        var cpuTime: Double
        var timeUnit = "ns"
        var spread: Double
        var flops: Double
        var bytes: Double
        var gflops: Double
        var gbs: Double
        var executedShare: Double
        var rooflineShare: Double
        var undisturbedShare: Double
        var fmaPeakGflops: Double
        var bound: String
        var speedup: Double?
        var directRatio: Double?
        var realised: Double?

        init(_ result: BenchmarkResult) {
            let configuration = result.configuration
            name = result.name
            runName = "\(name)/isa:\(configuration.isa.rawValue)/threads:\(configuration.threads)"
            kernel = result.kernel
            isa = configuration.isa.rawValue
            threads = configuration.threads
            iterations = result.timing.calls
            realTime = result.seconds * 1e9
            cpuTime = result.timing.processorMedian * 1e9
            spread = result.timing.spread
            flops = result.flops
            bytes = result.bytes
            gflops = result.gflops
            gbs = result.gbs
            executedShare = result.executedShare
            rooflineShare = result.rooflineShare
            undisturbedShare = result.undisturbedShare
            fmaPeakGflops = result.roofline.peakGflops
            bound = result.bound.rawValue
            speedup = result.speedup
            directRatio = result.directRatio
            realised = result.realised
        }

        enum CodingKeys: String, CodingKey {
            case name, kernel, isa, threads, iterations, spread, flops, bytes, gflops, gbs, bound
            case runName = "run_name"
            case runType = "run_type"
            case realTime = "real_time"
            case cpuTime = "cpu_time"
            case timeUnit = "time_unit"
            case executedShare = "executed_share"
            case rooflineShare = "roofline_share"
            case undisturbedShare = "roofline_share_p10"
            case fmaPeakGflops = "fma_peak_gflops"
            case speedup, realised
            case directRatio = "direct_ratio"
        }
    }

    /// Speed-ups of masked convolutions of one shape and pattern.
    struct Curve: Encodable {
        struct Point: Encodable {
            var density: Double
            var speedup: Double
        }

        var title: String
        var pattern: String
        /// The algorithm of the whole map.
        var against: String
        /// Absent if a mask is never faster.
        var breakEvenDensity: Double?
        var points: [Point]

        init(_ curve: SparseCurve, against: String) {
            title = curve.title
            pattern = curve.pattern
            self.against = against
            breakEvenDensity = BreakEven.density(of: curve)
            points = curve.points.map { Point(density: $0.density, speedup: $0.speedup) }
        }

        enum CodingKeys: String, CodingKey {
            case title, pattern, against, points
            case breakEvenDensity = "break_even_density"
        }
    }

    /// The choice of one convolution's algorithm.
    struct Choice: Encodable {
        var name: String
        var isa: String
        var threads: Int
        var chosen: String
        var fastest: String
        var regret: Double

        init(_ choice: Regret.Choice) {
            name = choice.name
            isa = choice.configuration.isa.rawValue
            threads = choice.configuration.threads
            chosen = choice.chosen
            fastest = choice.fastest
            regret = choice.regret
        }
    }

    var context: Context
    var benchmarks: [Entry]
    /// With `--break-even` only.
    var breakEven: [Curve]?
    /// With `--regret` only.
    var regret: [Choice]?

    enum CodingKeys: String, CodingKey {
        case context, benchmarks, regret
        case breakEven = "break_even"
    }

    /// A report; `single` are the limits of one thread under the first instruction set.
    package init(
        executable: String, single: Roofline, rooflines: [Roofline], results: [BenchmarkResult],
        breakEven: BreakEven? = nil, regret: Regret? = nil
    ) {
        context = Context(
            date: ISO8601DateFormatter().string(from: Date()), executable: executable,
            numCPUs: MachineInfo.processors, mhzPerCPU: MachineInfo.megahertz,
            caches: MachineInfo.caches, libraryBuildType: Self.buildType, cpu: MachineInfo.cpu,
            isa: single.configuration.isa.rawValue, fmaPeakGflops: single.peakGflops,
            copyBandwidthGBs: single.copyGBs, copyBytes: Roofline.copyBytes,
            rooflines: rooflines.map(Limits.init))
        benchmarks = results.map(Entry.init)
        self.breakEven = breakEven.map { found in
            found.againstFastest.map { Curve($0, against: "fastest") }
                + found.againstDirect.map { Curve($0, against: "direct") }
        }
        self.regret = regret?.choices.map(Choice.init)
    }

    /// The build configuration of the Swift part; the kernels are always optimised.
    package static var buildType: String {
        #if DEBUG
            "debug"
        #else
            "release"
        #endif
    }

    /// The report as JSON text.
    package func encoded() throws -> Data {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        return try encoder.encode(self) + Data("\n".utf8)
    }
}
