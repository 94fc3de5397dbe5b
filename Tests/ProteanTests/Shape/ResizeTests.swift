import Testing

@testable import Protean

@Suite struct ResizeTests {
    @Test(arguments: ResizeKernelTests.cases, ResizeKernelTests.modes)
    func agreesWithDoubleLoopsEverywhere(
        _ test: ResizeKernelTests.Case, _ mode: ResizeMode
    ) throws {
        let x = try MapTest.tensor(test.shape, seed: 53)
        let expected = ResizeKernelTests.reference(test, x.elements, mode)
        let shape = [test.shape[0], test.size.height, test.size.width, test.shape[3]]
        let layer = try Resize(size: test.size, mode: mode)
        try MapTest.everywhere {
            try layer(x)
        } check: { isa, y in
            // Positions are single precision: a pixel 30 is known to 4e-6.
            MapTest.expect(y, shape: shape, expected, tolerance: 3e-5, "\(isa) \(mode)")
        }
        #expect(try layer.outputShape(for: test.shape) == shape)
    }

    @Test(arguments: ResizeKernelTests.modes)
    func itsOwnSizeKeepsTheMap(_ mode: ResizeMode) throws {
        let x = try Tensor.random([2, 5, 3, 7])
        for layer in [
            try Resize(size: Size2d(height: 5, width: 3), mode: mode),
            try Resize(scale: 1, mode: mode),
        ] {
            #expect(try layer(x).elements == x.elements)
        }
    }

    @Test func factorsRoundSizesDown() throws {
        let layer = try Resize(scale: Scale2d(height: 1.5, width: 0.7), mode: .nearest)
        let x = try Tensor.random([1, 5, 10, 3])
        let y = try layer(x)
        #expect(y.shape == [1, 7, 7, 3])
        // One row per 1 / 1.5 and one column per 1 / 0.7 of the input.
        for i in 0..<7 {
            for j in 0..<7 {
                let from = (Int(Double(i) / 1.5) * 10 + Int(Double(j) / 0.7)) * 3
                let to = (i * 7 + j) * 3
                #expect(y.elements[to..<to + 3].elementsEqual(x.elements[from..<from + 3]))
            }
        }
    }

    @Test func valuesThatAreNotNumbersStayInTheirNeighbourhood() throws {
        var values = [Float](repeating: 1, count: 25)
        values[12] = .nan
        let y = try Resize(size: 5, mode: .nearest)(Tensor(values, shape: [1, 5, 5, 1]))
        #expect(y.elements.map(\.isNaN) == (0..<25).map { $0 == 12 })
    }

    @Test func costCountsBytesOnly() throws {
        let cost = try Resize(scale: 2, mode: .bilinear(alignCorners: false))
            .cost(for: [1, 3, 4, 5])
        #expect(cost == Cost(bytes: (60 + 240) * 4))
    }

    @Test func whatDoesNotFitIsRefused() throws {
        expectRefusal(of: "size") { _ = try Resize(size: 0) }
        for scale in [0, -1, .nan, .infinity] as [Double] {
            expectRefusal(of: "scale") { _ = try Resize(scale: Scale2d(scale)) }
        }
        let layer = try Resize(scale: 0.1)
        for shape in [[1, 4, 4, 2], [4, 4, 2], [1, 0, 40, 2]] {
            #expect(throws: ProteanError.self) { try layer(Tensor(zeros: shape)) }
        }
    }
}
