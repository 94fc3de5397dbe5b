import CProteanKernels
import Testing

@testable import Protean

/// Plans made over into those of other masks, against plans that are built anew.
@Suite struct MaskPlanUpdateTests {
    /// The wide one is longer than the piece of a row that is compared at a time.
    static let sizes = [
        Size2d(height: 5, width: 9), Size2d(height: 1, width: 1), Size2d(height: 7, width: 64),
        Size2d(height: 11, width: 65), Size2d(height: 17, width: 130),
        Size2d(height: 2, width: 4167),
    ]

    static func expectEqual(_ plan: MaskPlan, _ fresh: MaskPlan, _ comment: Comment) throws {
        #expect(plan.count == fresh.count, comment)
        #expect(plan.activePixels == fresh.activePixels, comment)
        #expect(plan.statistics == fresh.statistics, comment)
        #expect(try plan.inverseMap() == fresh.inverseMap(), comment)
        #expect(try plan.inverted().activePixels == fresh.inverted().activePixels, comment)
        #expect(runs(plan) == runs(fresh), comment)
    }

    private static func runs(_ plan: MaskPlan) -> [[Int32]]? {
        var count = 0
        return withExtendedLifetime(plan) {
            guard let runs = ptn_mask_plan_runs(plan.kernelPlan, &count) else { return nil }
            return (0..<count).map {
                [runs[$0].row, runs[$0].start, runs[$0].length, runs[$0].first]
            }
        }
    }

    private static func tensor(_ bytes: [UInt8], _ batch: Int, _ size: Size2d) throws -> Tensor {
        try Tensor(
            bytes.map { $0 == 0 ? Float(-1) : 0.5 }, shape: [batch, size.height, size.width, 1])
    }

    @Test(arguments: [1, 3])
    func everySequenceOfMasksGivesTheFreshPlan(_ batch: Int) throws {
        // Growing, shrinking, moving, equal ones, from nothing to all and back.
        let order: [MaskPattern] = [
            .disc, .one, .cells4, .cells4, .all, .none, .none, .rows, .pixels, .all, .one, .disc,
        ]
        for isa in KernelISA.supported {
            for size in Self.sizes {
                try Runtime.with(isa: isa) {
                    var last = MaskPattern.pixels.bytes(batch: batch, size: size)
                    var plan = try MaskPlan(
                        Self.tensor(last, batch, size), active: .atLeast(0))
                    for (step, pattern) in order.enumerated() {
                        let bytes = pattern.bytes(batch: batch, size: size, seed: UInt64(step / 2))
                        let mask = try Self.tensor(bytes, batch, size)
                        let kept = plan.kernelPlan
                        let changed = try MaskPlan.update(&plan, to: mask, active: .atLeast(0))
                        #expect(plan.kernelPlan == kept)
                        #expect(changed == zip(bytes, last).count { ($0 != 0) != ($1 != 0) })
                        try Self.expectEqual(
                            plan, try MaskPlan(mask, active: .atLeast(0)),
                            "\(isa) \(size) \(batch) \(step)")
                        last = bytes
                    }
                }
            }
        }
    }

    /// Single pixels, in the first, an inner and the last row, of some samples only.
    @Test func singlePixelsMoveTheRestOfTheList() throws {
        let size = Size2d(height: 6, width: 70)
        let pixels = size.height * size.width
        for isa in KernelISA.supported {
            try Runtime.with(isa: isa) {
                var bytes = MaskPattern.pixels.bytes(batch: 3, size: size)
                var plan = try MaskPlan(bytes: bytes, batch: 3, size: size)
                for flips in [
                    [0], [pixels - 1], [pixels + 3 * 70 + 64], [3 * pixels - 1], [2 * pixels],
                    [5, 2 * pixels + 100, 2 * pixels + 101], [69, 70, pixels + 2, pixels + 400],
                ] {
                    for pixel in flips { bytes[pixel] = bytes[pixel] == 0 ? 1 : 0 }
                    let mask = try Tensor(bytes.map(Float.init), shape: [3, 6, 70])
                    #expect(try MaskPlan.update(&plan, to: mask) == flips.count)
                    try Self.expectEqual(
                        plan, try MaskPlan(bytes: bytes, batch: 3, size: size), "\(isa) \(flips)")
                }
            }
        }
    }

    @Test func bytesAndBitsUpdateToo() throws {
        let size = Size2d(height: 5, width: 77)
        let before = MaskPattern.disc.bytes(batch: 2, size: size)
        let after = MaskPattern.cells2.bytes(batch: 2, size: size)
        var bits = [UInt8](repeating: 0, count: (after.count + 7) / 8)
        for (p, byte) in after.enumerated() where byte != 0 { bits[p / 8] |= 1 << (p % 8) }
        let fresh = try MaskPlan(bytes: after, batch: 2, size: size)
        for (kind, data) in [(PTN_MASK_BYTES, after), (PTN_MASK_BITS, bits)] {
            let plan = try MaskPlan(bytes: before, batch: 2, size: size)
            var runtime = try Runtime.current()
            var changed = 0
            let status = data.withUnsafeBytes { raw in
                var source = ptn_mask_source(
                    n: 2, h: 5, w: 77, kind: kind, data: raw.baseAddress, threshold: 0,
                    thresholds: nil)
                return ptn_mask_plan_update(&runtime, plan.kernelPlan, &source, &changed)
            }
            #expect(status == PTN_OK)
            #expect(changed == zip(before, after).count { ($0 != 0) != ($1 != 0) })
            #expect(plan.activePixels == fresh.activePixels)
            #expect(try plan.inverseMap() == fresh.inverseMap())
        }
    }

    @Test func whoeverSharesThePlanKeepsTheOldOne() throws {
        let first = try Tensor([1, 0, 1, 0, 1, 0], shape: [1, 2, 3])
        let second = try Tensor([1, 1, 1, 0, 0, 0], shape: [1, 2, 3])
        var plan = try MaskPlan(first)
        let other = plan
        #expect(try MaskPlan.update(&plan, to: first) == 0)
        #expect(plan === other)
        #expect(try MaskPlan.update(&plan, to: second) == 2)
        #expect(plan !== other)
        #expect(other.activePixels == [[0, 2, 4]])
        #expect(plan.activePixels == [[0, 1, 2]])
    }

    @Test func masksThatDoNotFitAreRefused() throws {
        var plan = try MaskPlan(Tensor([1, 0, 1, 0, 1, 0], shape: [1, 2, 3]))
        #expect(
            throws: ProteanError.shapeMismatch(
                layer: "MaskPlan", tensor: "mask", expected: "[1, 2, 3]", found: [1, 3, 2])
        ) { try MaskPlan.update(&plan, to: Tensor(zeros: [1, 3, 2])) }
        #expect(throws: ProteanError.noValues(layer: "MaskPlan")) {
            try MaskPlan.update(&plan, to: Tensor(shapeOnly: [1, 2, 3]))
        }
        #expect(plan.activePixels == [[0, 2, 4]])
        var empty = try MaskPlan(Tensor(zeros: [0, 2, 3]))
        #expect(try MaskPlan.update(&empty, to: Tensor(zeros: [0, 2, 3])) == 0)
    }
}
