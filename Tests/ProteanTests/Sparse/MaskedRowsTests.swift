import Testing

@testable import Protean

/// Active pixels as compact rows, out of maps and into them.
@Suite struct MaskedRowsTests {
    @Test func rowsGoOutAndIn() throws {
        let map = try Tensor.random([2, 7, 9, 5]), other = try Tensor.random([2, 7, 9, 5], seed: 2)
        for pattern in MaskPattern.allCases {
            let mask = try pattern.plan(batch: 2, size: Size2d(height: 7, width: 9))
            let flags = try mask.flags()
            let rows = try Operations.gather(map, at: mask)
            #expect(try rows.hasBits(of: try SparseTest.rows(map, flags)))
            let merged = try Operations.scatter(rows, at: mask, into: other)
            #expect(try merged.hasBits(of: try SparseTest.select(map, flags, else: other)))
            let cleared = try Operations.replacingInactive(map, of: mask)
            #expect(try cleared.hasBits(of: try SparseTest.select(map, flags)))
        }
        #expect(throws: ProteanError.self) {
            try Operations.gather(map, at: try MaskPattern.all.plan(batch: 1, size: 7))
        }
    }

    @Test func mapsAreGatheredSideBySide() throws {
        let maps = try [5, 3, 8].map { try Tensor.random([2, 7, 9, $0], seed: UInt64($0)) }
        for pattern in MaskPattern.allCases {
            let mask = try pattern.plan(batch: 2, size: Size2d(height: 7, width: 9))
            let flags = try mask.flags()
            for threads in 1...3 {
                try Runtime.with(threads: threads) {
                    let rows = try Operations.gather(maps, at: mask)
                    let each = try maps.map { try SparseTest.rows($0, flags) }
                    #expect(try rows.hasBits(of: try Operations.concatenate(each, axis: -1)))
                }
            }
        }
        let mask = try MaskPattern.all.plan(batch: 2, size: Size2d(height: 7, width: 9))
        #expect(throws: ProteanError.self) {
            try Operations.gather([maps[0], try Tensor(zeros: [2, 7, 8, 5])], at: mask)
        }
    }

    @Test(arguments: [(2, 5), (5, 2), (3, 3)])
    func firstChannelsAreCopiedWhereAMaskIsOn(_ from: Int, _ to: Int) throws {
        let source = try Tensor.random([2, 9, 13, from], seed: 4)
        let original = try Tensor.random([2, 9, 13, to], seed: 5)
        let size = Size2d(height: 9, width: 13), both = min(from, to)
        for pattern in MaskPattern.allCases {
            let mask = try pattern.plan(batch: 2, size: size)
            var expected = original.elements
            for (pixel, isActive) in try mask.flags().enumerated() where isActive {
                for c in 0..<both {
                    expected[pixel * to + c] = source.elements[pixel * from + c]
                }
            }
            for threads in 1...3 {
                var found = original
                try Runtime.with(threads: threads) {
                    try Operations.copyFirstChannels(of: source, into: &found, at: mask)
                }
                #expect(found.elements == expected, "\(pattern) \(threads)")
            }
        }
        let other = try MaskPattern.all.plan(batch: 2, size: Size2d(height: 13, width: 9))
        #expect(throws: ProteanError.self) {
            var target = original
            try Operations.copyFirstChannels(of: source, into: &target, at: other)
        }
    }
}
