import Testing

@testable import KernelbenchSupport

@Suite("Break-even") struct BreakEvenTests {
    static func curve(_ points: [(Double, Double)]) -> SparseCurve {
        SparseCurve(
            title: "t", pattern: "pixels",
            points: points.map { SparseCurve.Point(density: $0, speedup: $1) })
    }

    @Test func isWhereTheSpeedUpFallsBelowOne() throws {
        let falling = try #require(BreakEven.density(of: Self.curve([(0.5, 1.47), (0.75, 0.47)])))
        #expect(abs(falling - 0.625) < 1e-9)
        #expect(BreakEven.density(of: Self.curve([(0.1, 4), (0.5, 0.98), (1, 1)])) == 1)
        #expect(BreakEven.density(of: Self.curve([(0.1, 0.9), (1, 2)])) == nil)
    }

    @Test func everyConvolutionGetsItsFamilyOnce() throws {
        let parser = CaseParser()
        let lines = [
            "a conv2d h=7 w=9 c=4 k=8 r=3", "b conv2d h=7 w=9 c=4 k=8 r=3 algorithm=direct",
            "c masked_conv2d h=5 w=5 c=4 k=4 r=1 density=0.5", "d copy n=4 h=2 w=2 c=2",
        ]
        let cases = try lines.compactMap { try parser.parse(line: $0, place: "test") }
        let all = try BreakEven.cases(for: cases)
        #expect(all.count == 2 * (2 + 5 * 11))
        try CaseParser.checkUnique(all)
        for one in all { _ = try KernelRegistry.standard.prepare(one) }
        #expect(throws: CaseError.self) { try BreakEven.cases(for: [cases[3]]) }
    }
}
