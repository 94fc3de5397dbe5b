import Testing

@testable import Protean

@Suite struct LayoutKernelTests {
    static func permuted(_ shape: [Int], _ axes: [Int], _ x: [Float]) -> [Double] {
        var steps = [Int](repeating: 1, count: shape.count)
        for a in shape.indices.dropLast().reversed() { steps[a] = steps[a + 1] * shape[a + 1] }
        var offsets = [0]
        for axis in axes {
            offsets = offsets.flatMap { base in (0..<shape[axis]).map { base + $0 * steps[axis] } }
        }
        return offsets.map { Double(x[$0]) }
    }

    @Test(arguments: [
        ([2, 3, 5, 7], [0, 2, 3, 1]), ([2, 5, 7, 3], [0, 3, 1, 2]),
        ([1, 33, 17, 70], [0, 3, 1, 2]),
        ([3, 5], [1, 0]), ([4, 1, 6], [2, 1, 0]), ([2, 3, 4, 5, 6], [4, 3, 2, 1, 0]),
        ([2, 3, 2, 4, 3, 5], [0, 1, 4, 2, 5, 3]), ([2, 3, 2, 4, 3, 5], [5, 0, 3, 1, 4, 2]),
        ([7], [0]), ([], []), ([2, 3, 4], [1, 0, 2]), ([2, 3, 4], [0, 1, 2]),
        ([0, 3, 4], [2, 0, 1]),
        ([100, 90], [1, 0]), ([1, 1, 1], [2, 0, 1]), ([5, 40, 64], [1, 0, 2]),
        ([2, 9000, 2], [0, 2, 1]),
    ])
    func permutesAxes(_ shape: [Int], _ axes: [Int]) throws {
        let x = try MapTest.tensor(shape, seed: 61)
        let expected = shape.contains(0) ? [] : Self.permuted(shape, axes, x.elements)
        try MapTest.everywhere {
            try Operations.permute(x, axes)
        } check: { isa, y in
            MapTest.expect(y, shape: axes.map { shape[$0] }, expected, tolerance: 0, "\(isa)")
        }
    }

    @Test func everyPermutationOfFourAxes() throws {
        let shape = [3, 5, 4, 6]
        let x = try MapTest.tensor(shape, seed: 62)
        var count = 0
        for a in 0..<4 {
            for b in 0..<4 where b != a {
                for c in 0..<4 where c != a && c != b {
                    let axes = [a, b, c, 6 - a - b - c]
                    let y = try Operations.permute(x, axes)
                    MapTest.expect(
                        y, shape: axes.map { shape[$0] }, Self.permuted(shape, axes, x.elements),
                        tolerance: 0, "\(axes)")
                    count += 1
                }
            }
        }
        #expect(count == 24)
    }

    @Test func layoutsThereAndBack() throws {
        let x = try MapTest.tensor([2, 9, 21, 34], seed: 63)
        let nchw = try x.nhwcToNCHW()
        #expect(nchw.shape == [2, 34, 9, 21])
        let here = ((9 + 3) * 21 + 7) * 34 + 5, there = (34 + 5) * 9 * 21 + 3 * 21 + 7
        #expect(nchw.elements[there] == x.elements[here])
        #expect(try nchw.nchwToNHWC().elements == x.elements)
        #expect(throws: ProteanError.self) { try Tensor(zeros: [2, 3]).nchwToNHWC() }
        #expect(throws: ProteanError.self) { try Operations.permute(x, [0, 1, 2]) }
        #expect(throws: ProteanError.self) { try Operations.permute(x, [0, 1, 2, 2]) }
        #expect(throws: ProteanError.self) {
            try Operations.permute(Tensor(zeros: [Int](repeating: 1, count: 9)), Array(0..<9))
        }
    }

    @Test(arguments: [1, 2, 3]) func pixelShuffleFollowsPyTorch(_ r: Int) throws {
        let (n, h, w, c) = (2, 3, 5, 7)
        let x = try MapTest.tensor([n, h, w, c * r * r], seed: 64)
        let a = x.elements
        var expected: [Double] = []
        for b in 0..<n {
            for i in 0..<h * r {
                for j in 0..<w * r {
                    for k in 0..<c {
                        let channel = k * r * r + i % r * r + j % r
                        expected.append(
                            Double(a[((b * h + i / r) * w + j / r) * c * r * r + channel]))
                    }
                }
            }
        }
        try MapTest.everywhere {
            try Operations.pixelShuffle(x, r)
        } check: { isa, y in
            MapTest.expect(y, shape: [n, h * r, w * r, c], expected, tolerance: 0, "\(isa)")
            try #expect(Operations.pixelUnshuffle(y, r).elements == a)
        }
    }

    @Test func pixelShuffleRefuses() throws {
        let x = try Tensor(zeros: [1, 3, 4, 6])
        #expect(throws: ProteanError.self) { try Operations.pixelShuffle(x, 2) }
        #expect(throws: ProteanError.self) { try Operations.pixelShuffle(x, 0) }
        #expect(throws: ProteanError.self) { try Operations.pixelShuffle(x, .max) }
        #expect(throws: ProteanError.self) { try Operations.pixelUnshuffle(x, 2) }
    }

    @Test(arguments: [0, 1, 2, 3, -1]) func concatenates(axis: Int) throws {
        let along = axis < 0 ? 3 : axis
        let sizes = [2, 0, 5, 1]
        let parts = try sizes.enumerated().map { i, size in
            var shape = [2, 3, 4, 17]
            shape[along] = size
            return try MapTest.tensor(shape, seed: UInt64(70 + i))
        }
        var shape = [2, 3, 4, 17]
        shape[along] = 8
        let inner = shape[(along + 1)...].reduce(1, *), outer = shape[..<along].reduce(1, *)
        var expected: [Double] = []
        for o in 0..<outer {
            for (part, size) in zip(parts, sizes) {
                let row = size * inner
                expected += part.elements[o * row..<(o + 1) * row].map(Double.init)
            }
        }
        try MapTest.everywhere {
            try Operations.concatenate(parts, axis: axis)
        } check: { isa, y in
            MapTest.expect(y, shape: shape, expected, tolerance: 0, "\(isa)")
        }
    }

    @Test func concatenatesManyRowsOnThreads() throws {
        let a = try MapTest.tensor([1, 50, 40, 12], seed: 75)
        let b = try MapTest.tensor([1, 50, 40, 20], seed: 76)
        try MapTest.everywhere {
            try Operations.concatenate([a, b], axis: 3)
        } check: { isa, y in
            #expect(Array(y.elements[1999 * 32..<1999 * 32 + 12]) == Array(a.elements.suffix(12)))
            #expect(Array(y.elements.suffix(20)) == Array(b.elements.suffix(20)))
        }
    }

    @Test func concatenateRefuses() throws {
        let a = try Tensor(zeros: [2, 3]), b = try Tensor(zeros: [2, 4])
        #expect(throws: ProteanError.self) { try Operations.concatenate([], axis: 0) }
        #expect(throws: ProteanError.self) { try Operations.concatenate([a, b], axis: 0) }
        #expect(throws: ProteanError.self) { try Operations.concatenate([a], axis: 2) }
        #expect(throws: ProteanError.self) { try Operations.concatenate([a], axis: -3) }
        #expect(throws: ProteanError.self) {
            try Operations.concatenate([a, Tensor(zeros: [2])], axis: 1)
        }
    }

    @Test(arguments: [
        [2, 3, 5, 7], [1, 4, 2, 20], [0, 4, 2, 3], [1, 0, 3, 2], [1, 40, 33, 16],
    ])
    func padsWithZeros(_ shape: [Int]) throws {
        let x = try MapTest.tensor(shape, seed: 81)
        let a = x.elements
        let (n, h, w, c) = (shape[0], shape[1], shape[2], shape[3])
        for (before, after) in [(0, 0), (2, 3)] {
            let (top, bottom, left, right) = (1, 2, 3, 0)
            let result = [n, h + 3, w + 3, c + before + after]
            var expected = [Double](repeating: 0, count: result.reduce(1, *))
            for b in 0..<n {
                for i in 0..<h {
                    for j in 0..<w {
                        for k in 0..<c {
                            let row = (b * result[1] + i + top) * result[2] + j + left
                            expected[row * result[3] + before + k] = Double(
                                a[((b * h + i) * w + j) * c + k])
                        }
                    }
                }
            }
            try MapTest.everywhere {
                try Operations.pad(
                    x, top: top, bottom: bottom, left: left, right: right, channelsBefore: before,
                    channelsAfter: after)
            } check: { isa, y in
                MapTest.expect(y, shape: result, expected, tolerance: 0, "\(isa)")
            }
        }
        #expect(throws: ProteanError.self) { try Operations.pad(x, top: -1) }
        #expect(throws: ProteanError.self) { try Operations.pad(x, top: .max) }
    }

    @Test(arguments: [[2, 3, 4, 5], [1, 1, 1, 3], [1, 6, 2, 1]])
    func continuesEdgesAndCutsThemOff(shape: [Int]) throws {
        let x = try MapTest.tensor(shape, seed: 83)
        let a = x.elements
        let (n, h, w, c) = (shape[0], shape[1], shape[2], shape[3])
        for (top, bottom, left, right) in [(0, 1, 0, 1), (3, 0, 2, 1), (0, 2, 0, 0), (0, 0, 0, 0)] {
            let result = [n, top + h + bottom, left + w + right, c]
            var expected: [Double] = []
            for b in 0..<n {
                for i in 0..<result[1] {
                    for j in 0..<result[2] {
                        let row = min(max(i - top, 0), h - 1), column = min(max(j - left, 0), w - 1)
                        let at = ((b * h + row) * w + column) * c
                        expected += a[at..<at + c].map(Double.init)
                    }
                }
            }
            try MapTest.everywhere {
                try Operations.replicatePad(
                    x, top: top, bottom: bottom, left: left, right: right)
            } check: { isa, y in
                MapTest.expect(y, shape: result, expected, tolerance: 0, "\(isa)")
                let back = try Operations.crop(y, top: top, left: left, height: h, width: w)
                #expect(back.shape == shape && back.elements == a, "\(isa)")
            }
        }
        #expect(throws: ProteanError.self) { try Operations.replicatePad(x, left: -1) }
        #expect(throws: ProteanError.self) { try Operations.replicatePad(x, bottom: .max) }
        for (top, height) in [(-1, 1), (0, h + 1), (h, 1), (0, 0), (1, Int.max)] {
            #expect(throws: ProteanError.self) {
                try Operations.crop(x, top: top, height: height, width: 1)
            }
        }
    }

    @Test(arguments: [1, 2, 3]) func subsamplesAndPadsChannels(stride: Int) throws {
        let (n, h, w, c) = (2, 7, 6, 5)
        let x = try MapTest.tensor([n, h, w, c], seed: 82)
        let a = x.elements
        let oh = (h + stride - 1) / stride, ow = (w + stride - 1) / stride
        var expected: [Double] = []
        for b in 0..<n {
            for i in 0..<oh {
                for j in 0..<ow {
                    let at = ((b * h + i * stride) * w + j * stride) * c
                    expected += [0, 0] + a[at..<at + c].map(Double.init) + [0, 0, 0]
                }
            }
        }
        try MapTest.everywhere {
            try Operations.subsampleAndPadChannels(x, stride: stride, before: 2, after: 3)
        } check: { isa, y in
            MapTest.expect(y, shape: [n, oh, ow, c + 5], expected, tolerance: 0, "\(isa)")
        }
        #expect(throws: ProteanError.self) {
            try Operations.subsampleAndPadChannels(x, stride: 0, before: 0, after: 0)
        }
        #expect(throws: ProteanError.self) {
            try Operations.subsampleAndPadChannels(x, stride: 1, before: -1, after: 0)
        }
    }

    @Test func flattenIsChannelMajor() throws {
        let x = try MapTest.tensor([2, 3, 5, 4], seed: 83)
        let y = try Operations.flatten(x)
        #expect(y.shape == [2, 60])
        let nchw = try x.nhwcToNCHW().elements
        #expect(y.elements == nchw)
        let here = ((3 + 1) * 5 + 3) * 4 + 2, there = 60 + 2 * 15 + 5 + 3
        #expect(y.elements[there] == x.elements[here])
        #expect(try Operations.flatten(Tensor(zeros: [2, 1, 1, 7])).shape == [2, 7])
        #expect(try Operations.flatten(Tensor(zeros: [0, 2, 3, 7])).shape == [0, 42])
        #expect(try Operations.flatten(Tensor(zeros: [2, 3, 5])).shape == [2, 15])
        #expect(throws: ProteanError.self) { try Operations.flatten(Tensor(zeros: [])) }
    }
}
