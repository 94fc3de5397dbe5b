import Testing

@testable import Protean

@Suite struct PoolKernelTests {
    struct Case: CustomTestStringConvertible, Sendable {
        var shape: [Int]
        var window: PoolWindow
        var countIncludePad = true
        var divisor: Int?
        var testDescription: String { "\(shape) \(window) \(countIncludePad) \(divisor ?? 0)" }
    }

    static let cases: [Case] = [
        Case(shape: [2, 7, 5, 17], window: PoolWindow(kernelSize: 2)),
        Case(shape: [1, 9, 14, 3], window: PoolWindow(kernelSize: 3, stride: 2, padding: 1)),
        Case(
            shape: [3, 8, 11, 7],
            window: PoolWindow(
                kernelSize: Size2d(height: 3, width: 2), stride: Size2d(height: 1, width: 3),
                padding: Size2d(height: 1, width: 0))),
        Case(
            shape: [1, 10, 7, 33],
            window: PoolWindow(kernelSize: 3, stride: 2, padding: 1, ceilMode: true)),
        Case(
            shape: [1, 10, 7, 33],
            window: PoolWindow(kernelSize: 3, stride: 2, padding: 1, ceilMode: true),
            countIncludePad: false),
        Case(
            shape: [1, 6, 9, 70],
            window: PoolWindow(kernelSize: 2, stride: 2, padding: 1, ceilMode: true), divisor: 3),
        Case(shape: [0, 6, 9, 4], window: PoolWindow(kernelSize: 2)),
        Case(shape: [2, 6, 9, 0], window: PoolWindow(kernelSize: 2)),
        // One window that is cut off: only rounding up allows it.
        Case(
            shape: [1, 2, 5, 1], window: PoolWindow(kernelSize: 3, stride: 2, ceilMode: true)),
        Case(shape: [1, 60, 44, 24], window: PoolWindow(kernelSize: 3, stride: 2, padding: 1)),
    ]

    /// One axis by PyTorch's rules: taps inside the map and what an average counts.
    static func windows(
        _ size: Int, _ k: Int, _ s: Int, _ p: Int, _ d: Int, ceil: Bool
    ) -> [(taps: [Int], padded: Int)] {
        let room = size + 2 * p - d * (k - 1) - 1
        var count = (room + (ceil ? s - 1 : 0)) / s + 1
        if ceil && (count - 1) * s >= size + p { count -= 1 }
        return (0..<count).map { i in
            let start = i * s - p
            let taps = (0..<k).map { start + $0 * d }.filter { (0..<size).contains($0) }
            return (taps, min(start + k, size + p) - start)
        }
    }

    static func reference(_ c: Case, _ x: [Float], maximum: Bool) -> (shape: [Int], [Double]) {
        let (n, h, w, ch) = (c.shape[0], c.shape[1], c.shape[2], c.shape[3])
        let o = c.window
        let rows = windows(
            h, o.kernelSize.height, o.stride.height, o.padding.height, o.dilation.height,
            ceil: o.ceilMode)
        let columns = windows(
            w, o.kernelSize.width, o.stride.width, o.padding.width, o.dilation.width,
            ceil: o.ceilMode)
        var result: [Double] = []
        for b in 0..<n {
            for row in rows {
                for column in columns {
                    for k in 0..<ch {
                        var best = -Double.infinity, sum = 0.0
                        for i in row.taps {
                            for j in column.taps {
                                let v = Double(x[((b * h + i) * w + j) * ch + k])
                                best = max(best, v)
                                sum += v
                            }
                        }
                        let counted =
                            c.countIncludePad
                            ? row.padded * column.padded : row.taps.count * column.taps.count
                        result.append(maximum ? best : sum / Double(c.divisor ?? counted))
                    }
                }
            }
        }
        return ([n, rows.count, columns.count, ch], result)
    }

    @Test(arguments: cases) func averages(_ c: Case) throws {
        let x = try MapTest.tensor(c.shape, seed: 21)
        let (shape, expected) = Self.reference(c, x.elements, maximum: false)
        try MapTest.everywhere {
            try Operations.avgPool2d(
                x, c.window, countIncludePad: c.countIncludePad, divisorOverride: c.divisor)
        } check: { isa, y in
            MapTest.expect(y, shape: shape, expected, "\(isa)")
        }
    }

    @Test(arguments: cases) func maxima(_ c: Case) throws {
        var c = c
        for dilation in [Size2d(1), Size2d(height: 2, width: 3)] {
            c.window.dilation = dilation
            let reach = (c.window.kernelSize.height - 1) * 2, across = c.window.kernelSize.width - 1
            if dilation != 1, reach >= c.shape[1] || 3 * across >= c.shape[2] { continue }
            let x = try MapTest.tensor(c.shape, seed: 22)
            let (shape, expected) = Self.reference(c, x.elements, maximum: true)
            try MapTest.everywhere {
                try Operations.maxPool2d(x, c.window)
            } check: { isa, y in
                MapTest.expect(y, shape: shape, expected, tolerance: 0, "\(isa)")
            }
        }
    }

    @Test func notANumberWins() throws {
        var values = MapTest.values(6 * 6 * 5, seed: 3)
        values[(2 * 6 + 3) * 5 + 4] = .nan
        let x = try Tensor(values, shape: [1, 6, 6, 5])
        try MapTest.everywhere {
            try Operations.maxPool2d(x, PoolWindow(kernelSize: 2))
        } check: { isa, y in
            let bad = y.elements.indices.filter { y.elements[$0].isNaN }
            #expect(bad == [(1 * 3 + 1) * 5 + 4], "\(isa)")
        }
        try MapTest.everywhere {
            try Operations.globalMaxPool(x)
        } check: { isa, y in
            #expect(y.elements.map(\.isNaN) == [false, false, false, false, true], "\(isa)")
        }
        #expect(try Operations.globalAveragePool(x).elements.map(\.isNaN).filter { $0 }.count == 1)
    }

    @Test func negativeMapsKeepTheirMaximum() throws {
        let x = try Tensor(repeating: -5, shape: [1, 4, 4, 3])
        let y = try Operations.maxPool2d(x, PoolWindow(kernelSize: 3, stride: 1, padding: 1))
        #expect(y.elements.allSatisfy { $0 == -5 })
    }

    @Test(arguments: [
        ([2, 7, 5, 17], Size2d(height: 3, width: 2)), ([1, 10, 13, 3], Size2d(7)),
        ([1, 3, 4, 33], Size2d(height: 5, width: 6)), ([3, 6, 6, 1], Size2d(1)),
        ([0, 6, 6, 4], Size2d(2)), ([1, 6, 5, 8], Size2d(height: 0, width: 2)),
    ])
    func adaptiveAverages(_ shape: [Int], _ size: Size2d) throws {
        let x = try MapTest.tensor(shape, seed: 31)
        let a = x.elements
        let (n, h, w, c) = (shape[0], shape[1], shape[2], shape[3])
        func part(_ i: Int, _ size: Int, _ count: Int) -> Range<Int> {
            (i * size / count)..<(((i + 1) * size + count - 1) / count)
        }
        var expected: [Double] = []
        for b in 0..<n {
            for i in 0..<size.height {
                for j in 0..<size.width {
                    let rows = part(i, h, size.height), columns = part(j, w, size.width)
                    for k in 0..<c {
                        var sum = 0.0
                        for y in rows {
                            for z in columns { sum += Double(a[((b * h + y) * w + z) * c + k]) }
                        }
                        expected.append(sum / Double(rows.count * columns.count))
                    }
                }
            }
        }
        try MapTest.everywhere {
            try Operations.adaptiveAvgPool2d(x, outputSize: size)
        } check: { isa, y in
            MapTest.expect(y, shape: [n, size.height, size.width, c], expected, "\(isa)")
        }
    }

    @Test(arguments: [
        [2, 7, 5, 17], [1, 1, 1, 3], [3, 40, 31, 1], [1, 7, 7, 200], [0, 3, 3, 8], [2, 3, 3, 0],
        [1, 17, 16, 65], [1, 23, 11, 130],
    ])
    func wholeMaps(_ shape: [Int]) throws {
        let x = try MapTest.tensor(shape, seed: 41)
        let a = x.elements
        let (n, pixels, c) = (shape[0], shape[1] * shape[2], shape[3])
        var means: [Double] = [], maxima: [Double] = []
        for b in 0..<n {
            for k in 0..<c {
                let values = (0..<pixels).map { Double(a[(b * pixels + $0) * c + k]) }
                means.append(values.reduce(0, +) / Double(pixels))
                maxima.append(values.max() ?? 0)
            }
        }
        try MapTest.everywhere {
            try Operations.globalAveragePool(x)
        } check: { isa, y in
            MapTest.expect(y, shape: [n, c], means, "\(isa)")
        }
        try MapTest.everywhere {
            try Operations.globalMaxPool(x)
        } check: { isa, y in
            MapTest.expect(y, shape: [n, c], maxima, tolerance: 0, "\(isa)")
        }
    }

    @Test func largeMapsAreSummedAccurately() throws {
        // One float sum over these half million values would be off by about 1e-3.
        let value: Float = 0.1
        let x = try Tensor(repeating: value, shape: [1, 720, 720, 1])
        try MapTest.everywhere {
            try Operations.globalAveragePool(x)
        } check: { isa, y in
            #expect(abs(y.elements[0] - value) <= value.ulp * 4, "\(isa): \(y.elements[0])")
        }
    }

    @Test func refusalsNameTheOption() throws {
        let x = try Tensor(zeros: [1, 5, 6, 2])
        func refuses(_ window: PoolWindow, _ option: String) {
            #expect {
                try Operations.maxPool2d(x, window)
            } throws: { error in
                guard case .invalidOption(_, let found, _, _)? = error as? ProteanError else {
                    return false
                }
                return found == option
            }
        }
        refuses(PoolWindow(kernelSize: 0), "kernelSize")
        refuses(PoolWindow(kernelSize: 2, stride: 0), "stride")
        refuses(PoolWindow(kernelSize: 3, padding: 2), "padding")
        refuses(PoolWindow(kernelSize: 3, padding: -1), "padding")
        refuses(PoolWindow(kernelSize: 3, dilation: 0), "dilation")
        #expect(throws: ProteanError.self) {
            try Operations.maxPool2d(x, PoolWindow(kernelSize: 6))
        }
        #expect(throws: ProteanError.self) {
            try Operations.maxPool2d(x, PoolWindow(kernelSize: Size2d(.max), stride: 1))
        }
        #expect(throws: ProteanError.self) {
            try Operations.avgPool2d(x, PoolWindow(kernelSize: 2, dilation: 2))
        }
        #expect(throws: ProteanError.self) {
            try Operations.avgPool2d(x, PoolWindow(kernelSize: 2), divisorOverride: 0)
        }
        #expect(throws: ProteanError.self) {
            try Operations.globalAveragePool(Tensor(zeros: [1, 0, 3, 2]))
        }
        #expect(throws: ProteanError.self) {
            try Operations.adaptiveAvgPool2d(x, outputSize: Size2d(-1))
        }
    }
}
