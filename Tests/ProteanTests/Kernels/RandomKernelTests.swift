import CProteanKernels
import Testing

@Suite struct RandomKernelTests {
    /// The first numbers of SplitMix64 from state 0, as published with the generator.
    @Test func numbersAreSplitMix64s() {
        let published: [UInt64] = [0xE220_A839_7B1D_CDAF, 0x6E78_9E6A_A1B9_65F4]
        var values = [Float](repeating: 0, count: 2)
        ptn_fill_uniform(0, -3, 5, 2, &values)
        #expect(values == published.map { -3 + 8 * (Float($0 >> 40) * 0x1p-24) })
    }

    @Test func seedsContinueOneSequence() {
        var whole = [Float](repeating: 0, count: 5), rest = [Float](repeating: 0, count: 4)
        ptn_fill_uniform(7, 0, 1, 5, &whole)
        ptn_fill_uniform(7 &+ 0x9E37_79B9_7F4A_7C15, 0, 1, 4, &rest)
        #expect(rest == Array(whole[1...]))
        #expect(whole.allSatisfy { (0..<1).contains($0) } && Set(whole).count == 5)
        ptn_fill_uniform(7, 0, 1, 0, nil)
    }
}
