import Foundation
import Testing

@testable import Protean

/// Maps with values that differ much in size: what Winograd's forms would spread over whole tiles.
enum UnevenMap: CaseIterable, CustomStringConvertible {
    case normal, rectified
    case pixel(Float), channel(Float), everywhere(Float)
    case sparse(Double), cauchy, empty

    static var allCases: [UnevenMap] {
        var all: [UnevenMap] = [.normal, .rectified, .cauchy, .empty]
        for power in 1...8 { all.append(.pixel(Float(pow(10, Double(power))))) }
        for power in 1...8 { all.append(.channel(Float(pow(10, Double(power))))) }
        all += [.pixel(.nan), .channel(.nan), .channel(.infinity), .channel(-.infinity)]
        all += [.everywhere(1e-12), .everywhere(1e12)]
        return all + [0.5, 0.2, 0.1, 0.02, 0.001].map { .sparse($0) }
    }

    var description: String {
        switch self {
        case .normal: "normal"
        case .rectified: "rectified normal"
        case .pixel(let factor): "a pixel times \(factor)"
        case .channel(let value): "a value of \(value)"
        case .everywhere(let factor): "all times \(factor)"
        case .sparse(let share): "non-negative, \(share) of them not 0"
        case .cauchy: "Cauchy"
        case .empty: "zeros"
        }
    }

    /// `[batch, height, width, channels]`.
    func tensor(_ shape: [Int], seed: UInt64 = 11) throws -> Tensor {
        var generator = SeededGenerator(seed: seed)
        func uniform() -> Double { (Double(generator.next() >> 11) + 0.5) * 0x1p-53 }
        func normal() -> Double { (-2 * log(uniform())).squareRoot() * cos(2 * .pi * uniform()) }
        var values = (0..<shape.reduce(1, *)).map { _ -> Float in
            switch self {
            case .rectified: Float(max(normal(), 0))
            case .sparse(let share): uniform() < share ? Float(abs(normal())) : 0
            case .cauchy: Float(tan(.pi * (uniform() - 0.5)))
            case .empty: 0
            case .everywhere(let factor): Float(normal()) * factor
            default: Float(normal())
            }
        }
        // One outlier to a sample, away from the corner.
        let channels = shape[3], width = shape[2], pixels = shape[1] * width
        for sample in 0..<shape[0] where pixels > 0 {
            let at = (sample * pixels + shape[1] / 2 * width + width / 3) * channels
            if case .channel(let value) = self { values[at + channels / 2] = value }
            if case .pixel(let factor) = self {
                for c in 0..<channels { values[at + c] *= factor }
            }
        }
        return try Tensor(values, shape: shape)
    }
}

/// Guarded convolutions against loops in double precision: each output within a few roundings of its own
/// window, whatever lies beside it.
@Suite struct Conv2dGuardTests {
    /// Unit roundoffs of an output's own Σ |x · w|. Even tiles stay below 100. A tile's errors grow as its
    /// evenness falls, down to a tenth; below that, or below a half where single values dominate, the
    /// defining sums are taken.
    static func allowed(_ map: UnevenMap) -> Double {
        switch map {
        case .sparse(let share): share < 0.5 ? 1000 : 128
        case .pixel(10): 200
        default: 128
        }
    }

    static func layer(_ inputs: Int, _ outputs: Int, _ form: Conv2dAlgorithm) throws -> Conv2d {
        try Conv2d(
            inputChannels: inputs, outputChannels: outputs, kernelSize: 3, padding: 1, bias: false,
            algorithm: form, seed: 7)
    }

    /// The largest error in units of each output's own Σ |x · w|. What is not finite must be so where the
    /// sums are, and nowhere else; an output whose window is empty must be 0.
    static func worst(_ y: [Float], _ reference: Conv2dReference, active: [UInt8]? = nil) -> Double
    {
        var worst = 0.0
        let channels = reference.outputShape[3]
        for (i, value) in y.enumerated() where active.map({ $0[i / channels] != 0 }) ?? true {
            let exact = reference.sums[i]
            if exact.isNaN || exact.isInfinite {
                let same = exact.isNaN ? value.isNaN : Double(value) == exact
                if !same { return .infinity }
                continue
            }
            let error = abs(Double(value) - exact)
            if error == 0 { continue }
            let units = error / (reference.magnitudes[i] * 0x1p-24)
            if !(units <= worst) { worst = units.isNaN ? .infinity : units }
        }
        return worst
    }

    @Test(arguments: UnevenMap.allCases) func outputsAreAsExactAsTheirWindows(
        map: UnevenMap
    ) throws {
        let input = [2, 19, 26, 40]
        let x = try map.tensor(input)
        for form in [Conv2dAlgorithm.winograd4x4, .winograd6x6] {
            let layer = try Self.layer(40, 33, form)
            let reference = try Conv2dReference(
                layer.geometry, x: x, weights: layer.weight.value.elements.map(Double.init))
            for isa in KernelISA.supported {
                let y = try Runtime.with(isa: isa, threads: 1) { try layer(x) }
                let worst = Self.worst(y.elements, reference)
                print("\(map), \(form.rawValue), \(isa): \(worst) units")
                #expect(worst <= Self.allowed(map), "\(map), \(form.rawValue), \(isa)")
                let several = try Runtime.with(isa: isa, threads: 3) { try layer(x) }
                #expect(several.isBitEqual(to: y))
            }
        }
    }

    /// Whatever the map, mixtures are as exact as shared weights.
    @Test(
        arguments: UnevenMap.allCases,
        [Conv2dAlgorithm.direct, .winograd4x4, .winograd6x6, .automatic])
    func mixturesAreAsExact(map: UnevenMap, form: Conv2dAlgorithm) throws {
        let x = try map.tensor([2, 11, 14, 24])
        let layer = try CondConv2d(
            inputChannels: 24, outputChannels: 20, padding: 1, bias: false, experts: 1,
            algorithm: form, seed: 7)
        let routing = try Tensor(repeating: 1, shape: [2, 1])
        let reference = try Conv2dReference(
            layer.geometry, x: x, weights: layer.weight.value.elements.map(Double.init))
        for isa in KernelISA.supported {
            let y = try Runtime.with(isa: isa) { try layer(x, routing: routing) }
            let allowed = form == .direct ? 64 : Self.allowed(map)
            #expect(Self.worst(y.elements, reference) <= allowed, "\(map), \(form), \(isa)")
        }
    }

    /// NaN comes out of the nine outputs that read it, not of whole tiles.
    @Test func notANumberStaysInItsWindow() throws {
        let x = try UnevenMap.channel(.nan).tensor([1, 13, 14, 32])
        for form in [Conv2dAlgorithm.winograd4x4, .winograd6x6] {
            let y = try Self.layer(32, 32, form)(x)
            #expect(y.elements.count(where: \.isNaN) == 9 * 32)
        }
    }

    /// What is decided about a tile does not depend on the rest of the batch.
    @Test func samplesDoNotDependOnTheirCompany() throws {
        let calm = try UnevenMap.normal.tensor([1, 20, 23, 24])
        let wild = try UnevenMap.cauchy.tensor([1, 20, 23, 24])
        let both = try Tensor(calm.elements + wild.elements, shape: [2, 20, 23, 24])
        for form in [Conv2dAlgorithm.winograd4x4, .winograd6x6] {
            let layer = try Self.layer(24, 40, form)
            let together = try layer(both)
            #expect(try together.sample(0).isBitEqual(to: layer(calm)))
            #expect(try together.sample(1).isBitEqual(to: layer(wild)))
        }
    }

    /// Epilogues of outputs that are computed afterwards.
    @Test func epiloguesAgreeWithTheDirectOnes() throws {
        let x = try UnevenMap.pixel(1e4).tensor([2, 13, 11, 24])
        let shape = [2, 13, 11, 40]
        let residual = try Tensor.random(shape, seed: 3)
        let gate = try Tensor.random([2, 40], seed: 4)
        let direct = try Self.layer(24, 40, .direct)
        let epilogues = [
            Conv2dEpilogue(activation: .relu, residual: residual),
            Conv2dEpilogue(activation: .relu, residual: residual, residualAfterActivation: true),
            Conv2dEpilogue(activation: .silu, gate: gate),
            Conv2dEpilogue(activation: .tanh, residual: residual, residualAfterActivation: true),
            Conv2dEpilogue(activation: .sigmoid, factor: residual),
        ]
        for form in [Conv2dAlgorithm.winograd4x4, .winograd6x6] {
            for epilogue in epilogues {
                let expected = try direct(x, epilogue: epilogue)
                let found = try Self.layer(24, 40, form)(x, epilogue: epilogue)
                for (a, b) in zip(found.elements, expected.elements) {
                    #expect(abs(a - b) <= 2e-5 * max(1, abs(b)))
                }
            }
        }
    }

    @Test func exactnessChoosesTheGuard() throws {
        let x = try UnevenMap.channel(.nan).tensor([1, 12, 12, 16])
        let layer = try Self.layer(16, 16, .automatic)
        let forced = try Self.layer(16, 16, .winograd4x4)
        let record = WinogradGuardRecord()
        let guarded = try record.recording { try forced(x) }
        #expect(record.tiles == 9 && record.leftOut > 0 && record.leftOut < 9)
        #expect(guarded.elements.count(where: \.isNaN) == 9 * 16)
        let fast = try Runtime.with(exactness: .fast) { try record.recording { try forced(x) } }
        #expect(fast.elements.count(where: \.isNaN) > 9 * 16)
        #expect(record.tiles == 9)
        let direct = try Runtime.with(exactness: .direct) { try record.recording { try layer(x) } }
        #expect(direct.elements.count(where: \.isNaN) == 9 * 16)
        #expect(record.tiles == 9)
    }
}
