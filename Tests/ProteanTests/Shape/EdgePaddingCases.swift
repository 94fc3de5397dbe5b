import Testing

@testable import Protean

/// What the tests of the three padding layers share.
enum EdgePaddingCases {
    static let maps: [[Int]] = [
        [2, 4, 5, 3], [1, 3, 7, 1], [3, 5, 4, 17], [0, 4, 4, 2], [1, 40, 41, 33],
    ]
    static let paddings = [
        EdgePadding(left: 1, right: 2, top: 0, bottom: 1), EdgePadding(2),
        EdgePadding(left: 0, right: 0, top: 2, bottom: 0), EdgePadding(0),
    ]

    /// The padded map; `source` gives where a position of an axis comes from, nil for zeros.
    static func reference(
        _ x: Tensor, _ p: EdgePadding, source: (Int, Int) -> Int?
    ) -> (shape: [Int], values: [Double]) {
        let a = x.elements
        let (n, h, w, c) = (x.shape[0], x.shape[1], x.shape[2], x.shape[3])
        let shape = [n, p.top + h + p.bottom, p.left + w + p.right, c]
        var values: [Double] = []
        for sample in 0..<n {
            for i in 0..<shape[1] {
                for j in 0..<shape[2] {
                    if let row = source(i - p.top, h), let column = source(j - p.left, w) {
                        let at = ((sample * h + row) * w + column) * c
                        values += a[at..<at + c].map(Double.init)
                    } else {
                        values += [Double](repeating: 0, count: c)
                    }
                }
            }
        }
        return (shape, values)
    }

    /// Runs a layer on all maps with all paddings against `source`.
    static func check(
        _ make: (EdgePadding) throws -> any Layer, source: (Int, Int) -> Int?
    ) throws {
        for shape in maps {
            let x = try MapTest.tensor(shape, seed: 51)
            for padding in paddings {
                let layer = try make(padding)
                let expected = reference(x, padding, source: source)
                try MapTest.everywhere {
                    try layer(x)
                } check: { isa, y in
                    MapTest.expect(
                        y, shape: expected.shape, expected.values, tolerance: 0,
                        "\(isa) \(shape) \(padding)")
                }
                #expect(try layer.outputShape(for: shape) == expected.shape)
            }
        }
    }

    /// The option or tensor that an error names.
    static func refused(_ body: () throws -> Void) -> String {
        do {
            try body()
            return "accepted"
        } catch ProteanError.invalidOption(_, let option, _, _) {
            return option
        } catch ProteanError.shapeMismatch(_, let tensor, _, _) {
            return tensor
        } catch {
            return "\(error)"
        }
    }

    /// Refusals that all three have in common.
    static func checkRefusals(_ make: (EdgePadding) throws -> any Layer) {
        for padding in [
            EdgePadding(-1), EdgePadding(bottom: -1), EdgePadding(right: (1 << 20) + 1),
            EdgePadding(top: .max), EdgePadding(left: .min),
        ] {
            #expect(refused { _ = try make(padding) } == "padding", "\(padding)")
        }
        let found = refused {
            let layer = try make(1)
            _ = try layer(Tensor(zeros: [3, 4, 5]))
        }
        #expect(found == "x")
    }
}
