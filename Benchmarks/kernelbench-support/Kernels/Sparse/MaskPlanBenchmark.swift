import Protean

/// Plans of two masks of numbers in turn, which differ in a square of `changed` of the map (0.02):
/// built anew (`algorithm=build`), or updated from one to the other (`algorithm=update`). One call
/// changes to the second mask and back.
enum MaskPlanBenchmark: BenchmarkKernel {
    static let name = "mask_plan"
    static let requiredKeys: Set<CaseKey> = [.h, .w, .density]
    static let optionalKeys: Set<CaseKey> = [.n, .pattern, .changed, .algorithm, .seed]

    static func prepare(_ benchmark: BenchmarkCase) throws(CaseError) -> PreparedCase {
        let (batch, height, width) = (
            try benchmark.batch(), try benchmark.integer(.h), try benchmark.integer(.w)
        )
        let updates =
            try benchmark.word(.algorithm, of: ["build", "update"]) == "update"
        let masks = try DensityMasks(
            benchmark, batch: batch, height: height, width: width, count: 2
        ).bytes
        let share = (benchmark.number(.changed) ?? 0.02).squareRoot()
        let rows = Self.middle(height, share), columns = Self.middle(width, share)
        let shape = [batch, height, width]
        return PreparedCase(flops: 0, bytes: Size.bytes(2 * Size.elements(shape))) {
            let first = masks[0].map { $0 == 0 ? Float(0) : 1 }
            var second = first
            for at in second.indices
            where rows.contains(at / width % height) && columns.contains(at % width) {
                second[at] = masks[1][at] == 0 ? 0 : 1
            }
            let (there, back) = (
                try Tensor(second, shape: shape), try Tensor(first, shape: shape)
            )
            guard updates else {
                return { Float(try MaskPlan(there).count + MaskPlan(back).count) }
            }
            var plan = try MaskPlan(back)
            return {
                try MaskPlan.update(&plan, to: there)
                let count = plan.count
                try MaskPlan.update(&plan, to: back)
                return Float(count + plan.count)
            }
        }
    }

    private static func middle(_ length: Int, _ share: Double) -> Range<Int> {
        let part = Int((Double(length) * share).rounded(.up))
        let start = (length - part) / 2
        return start..<start + part
    }
}
