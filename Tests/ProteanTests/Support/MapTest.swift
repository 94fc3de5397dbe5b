import Testing

@testable import Protean

/// What the tests of kernels and layers share.
enum MapTest {
    /// Reproducible values in -range...range.
    static func values(_ count: Int, seed: UInt64 = 1, range: Float = 3) -> [Float] {
        var state = seed &* 0x9E37_79B9_7F4A_7C15 | 1
        var result: [Float] = []
        result.reserveCapacity(count)
        for _ in 0..<count {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            let unit = Float(state >> 40) / Float(1 << 24)
            result.append((2 * unit - 1) * range)
        }
        return result
    }

    static func tensor(_ shape: [Int], seed: UInt64 = 1, range: Float = 3) throws -> Tensor {
        try Tensor(values(shape.reduce(1, *), seed: seed, range: range), shape: shape)
    }

    /// Runs `body` for every instruction set with 1, 2 and 3 threads, demands the same bits
    /// whatever the number of threads, and hands one result per instruction set to `check`.
    static func everywhere(
        _ body: () throws -> Tensor, check: (KernelISA, Tensor) throws -> Void
    ) throws {
        try run(body, areSame: sameBits, check: check)
    }

    /// The same for masks: the same active pixels whatever the number of threads.
    static func masksEverywhere(
        _ body: () throws -> MaskPlan, check: (KernelISA, MaskPlan) throws -> Void
    ) throws {
        let areSame = { (a: MaskPlan, b: MaskPlan) in
            try a.size == b.size && a.flags() == b.flags()
        }
        try run(body, areSame: areSame, check: check)
    }

    private static func run<Result>(
        _ body: () throws -> Result, areSame: (Result, Result) throws -> Bool,
        check: (KernelISA, Result) throws -> Void
    ) throws {
        for isa in KernelISA.supported {
            let single = try Runtime.with(isa: isa, threads: 1) { try body() }
            for threads in 2...3 {
                let other = try Runtime.with(isa: isa, threads: threads) { try body() }
                let same = try areSame(single, other)
                #expect(same, "\(isa), \(threads) threads")
            }
            try check(isa, single)
        }
    }

    static func sameBits(_ a: Tensor, _ b: Tensor) -> Bool {
        guard a.shape == b.shape else { return false }
        let x = a.elements, y = b.elements
        return x.withUnsafeBytes { x in y.withUnsafeBytes { y in x.elementsEqual(y) } }
    }

    /// Demands `shape` and elements within `tolerance` times max(1, |expected|); NaN fits NaN and
    /// infinities fit themselves.
    static func expect(
        _ found: Tensor, shape: [Int], _ expected: [Double], tolerance: Double = 1e-6,
        _ what: String = "", sourceLocation: SourceLocation = #_sourceLocation
    ) {
        #expect(found.shape == shape, "\(what)", sourceLocation: sourceLocation)
        let elements = found.elements
        guard elements.count == expected.count else {
            Issue.record("\(what): \(elements.count) elements", sourceLocation: sourceLocation)
            return
        }
        var wrong = 0, first = ""
        for i in 0..<elements.count {
            let e = expected[i], f = Double(elements[i])
            let fits =
                e == f || (e.isNaN && f.isNaN) || abs(e - f) <= tolerance * max(1, abs(e))
            if !fits {
                if wrong == 0 { first = "element \(i) is \(f), expected \(e)" }
                wrong += 1
            }
        }
        #expect(wrong == 0, "\(what): \(wrong) wrong, \(first)", sourceLocation: sourceLocation)
    }
}
