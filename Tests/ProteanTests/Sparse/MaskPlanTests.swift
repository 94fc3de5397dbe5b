import CProteanKernels
import Testing

@testable import Protean

@Suite struct MaskPlanTests {
    static let sizes = [
        Size2d(height: 5, width: 9), Size2d(height: 1, width: 1), Size2d(height: 3, width: 64),
        Size2d(height: 2, width: 65), Size2d(height: 3, width: 130), Size2d(height: 7, width: 7),
        Size2d(height: 2, width: 63),
    ]

    @Test(arguments: MaskPattern.allCases)
    func everyFormListsTheSamePixels(_ pattern: MaskPattern) throws {
        for size in Self.sizes {
            let pixels = size.height * size.width
            let bytes = pattern.bytes(batch: 3, size: size)
            let expected = (0..<3).map { n in
                (0..<pixels).filter { bytes[n * pixels + $0] != 0 }.map(Int32.init)
            }
            var bits = [UInt8](repeating: 0, count: (bytes.count + 7) / 8)
            for (p, byte) in bytes.enumerated() where byte != 0 { bits[p / 8] |= 1 << (p % 8) }
            let shape = [3, size.height, size.width]
            let numbers = try Tensor(bytes.map { $0 == 0 ? Float(0) : -2 }, shape: shape)
            let logits = try Tensor(bytes.map { $0 == 0 ? Float(-1) : 0.5 }, shape: shape + [1])
            for isa in KernelISA.supported {
                try Runtime.with(isa: isa) {
                    let plans = [
                        try MaskPlan(bytes: bytes, batch: 3, size: size),
                        try MaskPlan(bits: bits, batch: 3, size: size),
                        try MaskPlan(numbers),
                        try MaskPlan(logits, active: .above(0)),
                        try MaskPlan(logits, active: .atLeast(0.5)),
                    ]
                    for plan in plans {
                        #expect(plan.activePixels == expected, "\(isa) \(size)")
                        #expect(plan.count == expected.reduce(0) { $0 + $1.count })
                    }
                    let map = try plans[0].mask()
                    #expect(map.elements == bytes.map { $0 == 0 ? 0 : 1 })
                    try expectInverse(plans[1], bytes)
                }
            }
        }
    }

    private func expectInverse(_ plan: MaskPlan, _ bytes: [UInt8]) throws {
        var next: Int32 = 0
        for (row, byte) in zip(try plan.inverseMap(), bytes) {
            #expect(row == (byte == 0 ? -1 : next))
            next += byte == 0 ? 0 : 1
        }
    }

    @Test func thresholdsAndNotANumber() throws {
        let mask = try Tensor([0, -0.0, 1, .nan, -3, 0.5], shape: [1, 2, 3])
        #expect(try MaskPlan(mask).activePixels == [[2, 3, 4, 5]])
        #expect(try MaskPlan(mask, active: .above(0)).activePixels == [[2, 5]])
        #expect(try MaskPlan(mask, active: .atLeast(0)).activePixels == [[0, 1, 2, 5]])
        #expect(try MaskPlan(mask, active: .above(0.5)).activePixels == [[2]])
    }

    @Test(arguments: MaskPattern.allCases)
    func statisticsCountRunsAndCells(_ pattern: MaskPattern) throws {
        for size in [Size2d(height: 5, width: 9), Size2d(height: 3, width: 66), 7] {
            let bytes = pattern.bytes(batch: 2, size: size)
            let (h, w) = (size.height, size.width)
            func on(_ n: Int, _ y: Int, _ x: Int) -> Bool {
                y < h && x < w && bytes[(n * h + y) * w + x] != 0
            }
            func cells(_ side: Int) -> Int {
                var count = 0
                for n in 0..<2 {
                    for y in stride(from: 0, to: h, by: side) {
                        for x in stride(from: 0, to: w, by: side) {
                            let any = (0..<side * side).contains {
                                on(n, y + $0 / side, x + $0 % side)
                            }
                            count += any ? 1 : 0
                        }
                    }
                }
                return count
            }
            var runs = 0
            for n in 0..<2 {
                for y in 0..<h {
                    for x in 0..<w where on(n, y, x) && (x == 0 || !on(n, y, x - 1)) { runs += 1 }
                }
            }
            for isa in KernelISA.supported {
                let found = try Runtime.with(isa: isa) {
                    try MaskPlan(bytes: bytes, batch: 2, size: size).statistics
                }
                #expect(
                    found
                        == .init(
                            count: bytes.filter { $0 != 0 }.count, runs: runs, cells2: cells(2),
                            cells4: cells(4)), "\(isa) \(size)")
            }
            try expectTiles(try MaskPlan(bytes: bytes, batch: 2, size: size), cells)
        }
    }

    private func expectTiles(_ plan: MaskPlan, _ cells: (Int) -> Int) throws {
        for side in [1, 4, 6] {
            let down = (plan.size.height + side - 1) / side
            let across = (plan.size.width + side - 1) / side
            var tiles = [Int32](repeating: 0, count: plan.batch * down * across + 1)
            var offsets = [Int](repeating: 0, count: plan.batch + 1)
            let status = ptn_mask_plan_tiles(plan.kernelPlan, side, side, &tiles, &offsets)
            #expect(status == PTN_OK)
            #expect(offsets[plan.batch] == cells(side))
            let inverse = try plan.flags()
            for n in 0..<plan.batch {
                for i in offsets[n]..<offsets[n + 1] {
                    let (ty, tx) = (Int(tiles[i]) / across, Int(tiles[i]) % across)
                    let any = (0..<side * side).contains {
                        let (y, x) = (ty * side + $0 / side, tx * side + $0 % side)
                        return y < plan.size.height && x < plan.size.width
                            && inverse[(n * plan.size.height + y) * plan.size.width + x]
                    }
                    #expect(any)
                }
            }
        }
    }

    struct Dilation: CustomTestStringConvertible {
        var input: Size2d
        var kernel: Size2d = 3
        var stride: Size2d = 1
        var padding: Padding2d = 1
        var dilation: Size2d = 1
        var testDescription: String { "\(input) k\(kernel) s\(stride) d\(dilation)" }
    }

    static let dilations = [
        Dilation(input: Size2d(height: 7, width: 9)),
        Dilation(input: Size2d(height: 3, width: 130)),
        Dilation(input: Size2d(height: 11, width: 70), stride: 2),
        Dilation(input: Size2d(height: 12, width: 8), kernel: 1, stride: 2, padding: 0),
        Dilation(
            input: Size2d(height: 7, width: 140), kernel: Size2d(height: 2, width: 5),
            stride: Size2d(height: 1, width: 3),
            padding: .explicit(top: 2, bottom: 0, left: 70, right: 1),
            dilation: Size2d(height: 3, width: 33)),
        Dilation(input: 8, kernel: 2, padding: 5),
        Dilation(input: Size2d(height: 9, width: 10), kernel: 4, stride: 3, padding: .same),
    ]

    @Test(arguments: dilations)
    func dilatedMasksHoldExactlyWhatIsRead(_ test: Dilation) throws {
        let geometry = try Conv2dGeometry(
            inputChannels: 1, outputChannels: 1, kernelSize: test.kernel, stride: test.stride,
            padding: test.padding, dilation: test.dilation)
        let input = [2, test.input.height, test.input.width, 1]
        let shape = try geometry.kernelShape(for: input, layer: "test")
        let output = try geometry.plan(for: input).outputShape
        for pattern in MaskPattern.allCases {
            let size = Size2d(height: output[1], width: output[2])
            let bytes = pattern.bytes(batch: 2, size: size)
            var expected = [Bool](repeating: false, count: input.reduce(1, *))
            for (p, byte) in bytes.enumerated() where byte != 0 {
                let (row, ox) = (p / size.width, p % size.width)
                for i in 0..<test.kernel.height {
                    for j in 0..<test.kernel.width {
                        let y =
                            row % size.height * test.stride.height + i * test.dilation.height
                            - Int(shape.pad_top)
                        let x =
                            ox * test.stride.width + j * test.dilation.width - Int(shape.pad_left)
                        guard (0..<input[1]).contains(y), (0..<input[2]).contains(x) else {
                            continue
                        }
                        expected[(row / size.height * input[1] + y) * input[2] + x] = true
                    }
                }
            }
            let plan = try MaskPlan(bytes: bytes, batch: 2, size: size)
            #expect(try plan.dilated(for: geometry, input: test.input).flags() == expected)
        }
    }

    @Test(arguments: MaskPattern.allCases)
    func cellsAreWhole(_ pattern: MaskPattern) throws {
        for (h, w) in [(8, 12), (7, 13), (1, 1), (5, 70)] {
            let mask = try pattern.plan(batch: 2, size: Size2d(height: h, width: w))
            let flags = try mask.flags()
            for side in [1, 4, 6] {
                var expected = flags
                for p in flags.indices where !flags[p] {
                    let (n, y, x) = (p / (h * w), p / w % h, p % w)
                    expected[p] = flags.indices.contains { q in
                        flags[q] && q / (h * w) == n && q / w % h / side == y / side
                            && q % w / side == x / side
                    }
                }
                #expect(try mask.cells(of: side).flags() == expected)
            }
        }
    }

    @Test func differencesAreWhatSwitchedOff() throws {
        let size = Size2d(height: 5, width: 70)
        let a = try MaskPattern.pixels.plan(batch: 2, size: size, seed: 3)
        let b = try MaskPattern.cells2.plan(batch: 2, size: size, seed: 4)
        let expected = zip(try a.flags(), try b.flags()).map { $0 && !$1 }
        #expect(try a.subtracting(b).flags() == expected)
        #expect(try a.subtracting(a).count == 0)
        #expect(throws: ProteanError.self) {
            try a.subtracting(try MaskPattern.all.plan(batch: 1, size: size))
        }
    }

    @Test func emptyMapsAreLegalAndHugeOnesRefused() throws {
        let none = try MaskPlan(bytes: [], batch: 0, size: 5)
        #expect(none.count == 0 && none.density == 0 && none.activePixels.isEmpty)
        #expect(try MaskPlan(bits: [], batch: 1, size: Size2d(height: 4, width: 0)).count == 0)
        let off = try MaskPattern.none.plan(batch: 2, size: 3)
        #expect(off.count == 0 && off.activePixels == [[], []])
        #expect(throws: ProteanError.self) { try MaskPlan(bytes: [1, 0], batch: 1, size: 2) }
        #expect(throws: ProteanError.self) { try MaskPlan(Tensor(zeros: [2, 2])) }
        var source = ptn_mask_source(
            n: 1 << 20, h: 1 << 20, w: 1 << 20, kind: PTN_MASK_BYTES, data: nil, threshold: 0,
            thresholds: nil)
        var runtime = try Runtime.current()
        var plan: OpaquePointer?
        #expect(ptn_mask_plan_create(&runtime, &source, &plan) == PTN_SIZE_OVERFLOW)
        source.n = 2
        source.h = 1 << 15
        source.w = 1 << 15
        #expect(ptn_mask_plan_create(&runtime, &source, &plan) == PTN_SIZE_OVERFLOW)
        #expect(plan == nil)
    }

    @Test func manyTasksMayAskForTheInverseMapAtOnce() async throws {
        let plan = try MaskPattern.pixels.plan(batch: 2, size: Size2d(height: 33, width: 40))
        let maps = try await withThrowingTaskGroup(of: [Int32].self) { group in
            for _ in 0..<8 { group.addTask { try plan.inverseMap() } }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        #expect(Set(maps).count == 1)
    }
}
