import Testing

@testable import Protean

/// Filters per pixel against loops in double precision.
@Suite struct PixelFilterKernelTests {
    struct Case: Sendable, CustomTestStringConvertible {
        var map: [Int]
        var kernel: Size2d
        var stride: Size2d = 1
        var dilation: Size2d = 1
        var padding: Size2d?
        var groups = 1
        var factor = 1
        var normalization = PixelFilter.Normalization.none
        var order = PixelFilter.Order.groupMajor
        var combination: PixelFilter.Combination?
        /// 0 none, 1 as the output, 2 by position.
        var residual = 0

        var testDescription: String {
            "\(map) k\(kernel) s\(stride) d\(dilation) g\(groups) x\(factor) \(normalization) "
                + "\(order) \(combination?.rawValue ?? "-") \(residual)"
        }

        func reference() throws -> PixelFilterReference {
            let padding =
                padding
                ?? Size2d(
                    height: kernel.height / 2 * dilation.height,
                    width: kernel.width / 2 * dilation.width)
            let filter = try PixelFilter(
                window: SlidingWindow(
                    kernelSize: kernel, dilation: dilation, padding: padding, stride: stride),
                groups: groups, factor: factor, normalization: normalization, order: order,
                combination: combination ?? .multiply)
            let x = try MapTest.tensor(map, seed: 5)
            var reference = PixelFilterReference(
                filter: filter, x: x, filters: try Tensor(zeros: [0]))
            let positions = reference.positions, values = groups * filter.window.taps
            let shape =
                order == .beforeShuffle
                ? [map[0], positions.height, positions.width, values * factor * factor]
                : [map[0], positions.height * factor, positions.width * factor, values]
            reference = PixelFilterReference(
                filter: filter, x: x, filters: try MapTest.tensor(shape, seed: 6))
            if combination != nil {
                reference.channelFilters = try MapTest.tensor(
                    [map[0], filter.window.taps, map[3]], seed: 7)
            }
            if residual > 0 {
                let byPosition = [
                    map[0], positions.height, positions.width, factor * factor * map[3],
                ]
                reference.residual = try MapTest.tensor(
                    residual == 1 ? reference.outputShape : byPosition, seed: 8)
            }
            return reference
        }
    }

    /// Neighbouring outputs: every specialised width and others, borders of all kinds, channels
    /// around the lengths of vectors.
    static let neighbours: [Case] = [
        Case(map: [2, 5, 9, 3], kernel: 3), Case(map: [1, 6, 11, 17], kernel: 5),
        Case(map: [3, 4, 7, 33], kernel: 7, groups: 3), Case(map: [1, 11, 13, 8], kernel: 9),
        Case(map: [1, 3, 6, 64], kernel: 3), Case(map: [1, 3, 6, 112], kernel: 5),
        Case(map: [2, 4, 3, 16], kernel: 5), Case(map: [1, 5, 2, 7], kernel: 9),
        Case(map: [1, 2, 1, 20], kernel: 7, groups: 2), Case(map: [1, 1, 4, 1], kernel: 9),
        Case(map: [1, 7, 8, 6], kernel: Size2d(height: 1, width: 9)),
        Case(map: [1, 7, 8, 6], kernel: Size2d(height: 9, width: 1)),
        Case(map: [2, 6, 5, 12], kernel: 11, groups: 4), Case(map: [1, 6, 7, 5], kernel: 1),
        Case(map: [1, 6, 9, 24], kernel: Size2d(height: 2, width: 3), padding: 1),
        Case(map: [1, 6, 9, 24], kernel: 3, padding: 0),
        Case(map: [1, 4, 6, 9], kernel: 3, padding: 4),
        Case(map: [0, 5, 6, 4], kernel: 3), Case(map: [1, 5, 6, 8], kernel: 3, residual: 1),
    ]
    static let steps: [Case] = [
        Case(map: [2, 8, 11, 32], kernel: 7, stride: 2, groups: 2),
        Case(map: [1, 9, 12, 5], kernel: 3, stride: Size2d(height: 2, width: 3)),
        Case(map: [1, 9, 10, 19], kernel: 5, dilation: 2),
        Case(map: [1, 7, 13, 40], kernel: 3, dilation: Size2d(height: 1, width: 5)),
        Case(map: [1, 7, 9, 16], kernel: 3, stride: Size2d(height: 2, width: 1)),
        Case(map: [1, 5, 7, 7], kernel: Size2d(height: 2, width: 4), stride: 3, padding: 2),
    ]
    static let normalised: [Case] = [
        Case(map: [2, 5, 9, 6], kernel: 5, groups: 2, normalization: .softmax),
        Case(map: [1, 5, 9, 16], kernel: 3, normalization: .sigmoid),
        Case(map: [1, 4, 7, 33], kernel: 3, normalization: .standardized(scale: 0.4)),
        Case(map: [1, 4, 7, 6], kernel: 3, groups: 3, order: .tapMajor),
        Case(map: [2, 4, 5, 8], kernel: 5, groups: 4, normalization: .softmax, order: .tapMajor),
        // Split among threads, the second also within its rows.
        Case(map: [2, 9, 40, 10], kernel: 5, groups: 2, normalization: .softmax),
        Case(map: [1, 3, 301, 2], kernel: 9, normalization: .softmax),
    ]
    static let enlarged: [Case] = [
        Case(map: [2, 3, 3, 64], kernel: 5, groups: 4, factor: 2),
        Case(map: [1, 5, 4, 7], kernel: 3, factor: 3), Case(map: [1, 4, 5, 33], kernel: 7, factor: 2),
        Case(map: [1, 3, 4, 20], kernel: 5, groups: 2, factor: 2, normalization: .softmax),
        Case(
            map: [1, 4, 3, 24], kernel: 5, groups: 2, factor: 2, normalization: .softmax,
            order: .beforeShuffle),
        Case(map: [3, 3, 4, 8], kernel: 3, factor: 3, order: .beforeShuffle),
        Case(map: [1, 3, 5, 4], kernel: 3, groups: 2, factor: 2, order: .tapMajor, residual: 1),
        Case(map: [1, 4, 6, 5], kernel: 5, factor: 4, normalization: .sigmoid, residual: 2),
        Case(map: [1, 6, 7, 6], kernel: 3, stride: 2, dilation: 2, factor: 2),
    ]
    /// Vectorised over the outputs of a position.
    static let images: [Case] = [
        Case(
            map: [2, 5, 6, 3], kernel: 5, factor: 4, normalization: .softmax, order: .beforeShuffle,
            residual: 2),
        Case(
            map: [1, 4, 7, 3], kernel: 5, factor: 3, normalization: .softmax, order: .beforeShuffle),
        Case(map: [1, 7, 4, 1], kernel: 5, factor: 2, order: .beforeShuffle, residual: 1),
        Case(
            map: [1, 4, 3, 1], kernel: 3, factor: 5, normalization: .sigmoid, order: .beforeShuffle),
        Case(
            map: [1, 5, 6, 3], kernel: 3, factor: 2, normalization: .standardized(scale: 2),
            order: .beforeShuffle),
        Case(
            map: [3, 17, 20, 3], kernel: 3, factor: 2, normalization: .softmax,
            order: .beforeShuffle),
    ]
    static let combined: [Case] = [
        Case(map: [2, 5, 7, 17], kernel: 3, combination: .multiply),
        Case(map: [2, 5, 7, 17], kernel: 3, combination: .add),
        Case(map: [1, 6, 9, 64], kernel: 5, groups: 2, combination: .multiply),
        Case(map: [1, 6, 9, 48], kernel: 3, stride: 2, combination: .add),
        Case(map: [3, 4, 3, 8], kernel: 3, dilation: 2, combination: .multiply, residual: 1),
        Case(
            map: [1, 20, 31, 40], kernel: 3, groups: 5,
            normalization: .standardized(scale: 0.5), combination: .multiply),
    ]

    @Test(arguments: neighbours + steps + normalised + enlarged + images + combined)
    func agreesWithItsDefinition(_ test: Case) throws {
        let reference = try test.reference()
        let expected = reference.values(), shape = reference.outputShape
        try MapTest.everywhere {
            try Operations.pixelFilter(
                reference.x, filters: reference.filters, reference.filter,
                channelFilters: reference.channelFilters, residual: reference.residual)
        } check: { isa, y in
            MapTest.expect(y, shape: shape, expected, tolerance: 2e-5, "\(isa)")
        }
    }

    /// A sample's bits do not depend on the batch, nor a column's on where the row is cut.
    @Test func bitsDoNotDependOnTheBatch() throws {
        for test in [
            Case(map: [3, 6, 9, 20], kernel: 5, groups: 2, normalization: .softmax),
            Case(map: [3, 4, 5, 33], kernel: 3, combination: .multiply),
            Case(map: [3, 4, 5, 3], kernel: 5, factor: 4, order: .beforeShuffle),
        ] {
            let r = try test.reference()
            let all = try Operations.pixelFilter(
                r.x, filters: r.filters, r.filter, channelFilters: r.channelFilters)
            for n in 0..<3 {
                let one = try Operations.pixelFilter(
                    r.x.sample(n), filters: r.filters.sample(n), r.filter,
                    channelFilters: r.channelFilters?.sample(n))
                #expect(try one.isBitEqual(to: all.sample(n)), "\(test.testDescription)")
            }
        }
    }

    /// What lies outside of the map is not used: no value of a filter can spoil a border.
    @Test func tapsOutsideAreSkipped() throws {
        let filter = try PixelFilter(window: SlidingWindow(kernelSize: 3, padding: 1))
        let x = try MapTest.tensor([1, 3, 5, 6], seed: 3)
        var filters = [Float](repeating: 1, count: 3 * 5 * 9)
        for column in 0..<5 { for tap in 0..<3 { filters[column * 9 + tap] = .infinity } }
        for row in 0..<3 {
            for tap in [0, 3, 6] { filters[row * 45 + tap] = .nan }
            for tap in [2, 5, 8] { filters[row * 45 + 36 + tap] = .nan }
        }
        for isa in KernelISA.supported {
            let y = try Runtime.with(isa: isa, threads: 1) {
                try Operations.pixelFilter(
                    x, filters: Tensor(filters, shape: [1, 3, 5, 9]), filter)
            }
            #expect(y.elements.allSatisfy { $0.isFinite }, "\(isa)")
        }
    }

    @Test func nanReachesWhatUsesIt() throws {
        for factor in [1, 2] {
            let filter = try PixelFilter(
                window: SlidingWindow(kernelSize: 3, padding: 1), factor: factor,
                normalization: .softmax, order: .beforeShuffle)
            var map = MapTest.values(6 * 7 * 3)
            map[(2 * 7 + 3) * 3 + 1] = .nan
            let x = try Tensor(map, shape: [1, 6, 7, 3])
            let filters = try MapTest.tensor([1, 6, 7, 9 * factor * factor], seed: 2)
            for isa in KernelISA.supported {
                let y = try Runtime.with(isa: isa, threads: 1) {
                    try Operations.pixelFilter(x, filters: filters, filter)
                }
                let found = y.elements.enumerated().filter { $0.element.isNaN }.map(\.offset)
                #expect(found.count == 9 * factor * factor, "\(isa)")
                #expect(found.allSatisfy { $0 % 3 == 1 }, "\(isa)")
            }
        }
    }

    @Test func whatDoesNotFitIsRefused() throws {
        let window = SlidingWindow(kernelSize: 3, padding: 1)
        let filter = try PixelFilter(window: window, groups: 2)
        let x = try Tensor(zeros: [1, 4, 5, 6])
        expectMismatch(of: "filters") {
            _ = try Operations.pixelFilter(x, filters: Tensor(zeros: [1, 4, 5, 9]), filter)
        }
        expectMismatch(of: "x") {
            _ = try Operations.pixelFilter(
                Tensor(zeros: [1, 4, 5, 7]), filters: Tensor(zeros: [1, 4, 5, 18]), filter)
        }
        expectMismatch(of: "x") {
            _ = try Operations.pixelFilter(
                Tensor(zeros: [1, 0, 5, 6]), filters: Tensor(zeros: [1, 0, 5, 18]), filter)
        }
        let filters = try Tensor(zeros: [1, 4, 5, 18])
        expectMismatch(of: "channelFilters") {
            _ = try Operations.pixelFilter(
                x, filters: filters, filter, channelFilters: Tensor(zeros: [1, 6, 9]))
        }
        expectMismatch(of: "residual") {
            _ = try Operations.pixelFilter(
                x, filters: filters, filter, residual: Tensor(zeros: [1, 4, 5, 5]))
        }
        let enlarging = try PixelFilter(window: window, factor: 2)
        expectRefusal(of: "factor") {
            _ = try Operations.pixelFilter(
                x, filters: Tensor(zeros: [1, 8, 10, 9]), enlarging,
                channelFilters: Tensor(zeros: [1, 9, 6]))
        }
        expectRefusal(of: "factor") { _ = try PixelFilter(window: window, factor: 0) }
        expectRefusal(of: "groups") { _ = try PixelFilter(window: window, groups: 0) }
        expectRefusal(of: "stride") {
            _ = try PixelFilter(window: SlidingWindow(kernelSize: 3, stride: 0))
        }
        expectRefusal(of: "normalization") {
            _ = try PixelFilter(
                window: SlidingWindow(kernelSize: 1), normalization: .standardized(scale: 1))
        }
        #expect(throws: ProteanError.self) {
            try PixelFilter(
                window: SlidingWindow(kernelSize: Size2d(1 << 20)), groups: 1 << 24, factor: 1 << 20)
        }
    }

    @Test func shapesNeedNoValues() throws {
        let filter = try PixelFilter(
            window: SlidingWindow(kernelSize: 3, padding: 1), factor: 3, order: .beforeShuffle)
        let y = try Operations.pixelFilter(
            Tensor(shapeOnly: [2, 4, 5, 6]), filters: Tensor(shapeOnly: [2, 4, 5, 81]), filter)
        #expect(y.shape == [2, 12, 15, 6] && y.isShapeOnly)
    }
}
