import Testing

@testable import Protean

@Suite struct DynamicReLUTests {
    static func layers(channels: Int) throws -> [DynamicReLU] {
        try [
            DynamicReLU(channels: channels, kind: .a, seed: 2),
            DynamicReLU(channels: channels, kind: .b, seed: 2),
            DynamicReLU(channels: channels, kind: .b, variant: .dyhead, seed: 2),
            DynamicReLU(channels: channels, kind: .c, variant: .dyhead, seed: 2),
        ]
    }

    @Test func zeroedNetworkIsReLU() throws {
        let x = try Tensor.random([2, 5, 7, 12])
        let rectified = try Operations.activate(x, .relu)
        for layer in try Self.layers(channels: 12) where layer.kind != .c {
            for named in layer.allParameters() where named.name.hasPrefix("fc") {
                try named.parameter.set(Tensor(zeros: named.parameter.shape))
            }
            // sigmoid(0) and hardSigmoid(0) are exactly one half: slopes 1 and 0, offsets 0.
            #expect(try layer(x).elements == rectified.elements)
        }
    }

    @Test func zeroedNetworkOfTypeCIsReLUOfAFlatMap() throws {
        let layer = try DynamicReLU(channels: 8, kind: .c, variant: .dyhead)
        for named in layer.allParameters() where named.name.hasSuffix("weight") {
            try named.parameter.set(Tensor(zeros: named.parameter.shape))
        }
        for named in layer.allParameters() where named.name.hasPrefix("fc") {
            try named.parameter.set(Tensor(zeros: named.parameter.shape))
        }
        // Equal logits share out evenly: height · width · softmax is 1, a third of the limit.
        let x = try Tensor.random([1, 4, 6, 8])
        let rectified = try Operations.activate(x, .relu).elements
        for (a, b) in zip(try layer(x).elements, rectified) { #expect(abs(a - b / 3) < 1e-6) }
    }

    @Test func coefficientsStayInTheirRanges() throws {
        for layer in try Self.layers(channels: 12) {
            let x = try Tensor.random([3, 6, 5, 12], seed: 31)
            let coefficients = try layer.coefficients(of: x)
            let width = layer.kind == .a ? 1 : 12
            #expect(coefficients.shape == [3, 4, width])
            for (i, value) in coefficients.elements.enumerated() {
                let plane = i / width % 4
                let start: Float = plane == 0 ? 1 : 0, reach: Float = plane < 2 ? 1 : 0.5
                #expect(abs(value - start) <= reach)
            }
        }
    }

    @Test func resultsAreTheFormulaOnItsCoefficients() throws {
        for shape in [[1, 5, 9, 8], [3, 4, 3, 33], [2, 1, 1, 17]] {
            for layer in try Self.layers(channels: shape[3]) where layer.kind != .c {
                let x = try Tensor.random(shape, seed: 6)
                let k = try layer.coefficients(of: x).elements
                let width = layer.kind == .a ? 1 : shape[3], perSample = x.count / shape[0]
                for runtime in allRuntimes {
                    let y = try Runtime.with(isa: runtime.isa, threads: runtime.threads) {
                        try layer(x).elements
                    }
                    for (i, value) in x.elements.enumerated() {
                        let at = i / perSample * 4 * width + (width == 1 ? 0 : i % width)
                        let first = Double(k[at]) * Double(value) + Double(k[at + 2 * width])
                        let second =
                            Double(k[at + width]) * Double(value) + Double(k[at + 3 * width])
                        #expect(abs(Double(y[i]) - max(first, second)) < 1e-5)
                    }
                }
            }
        }
    }

    @Test func resultsDoNotDependOnThreads() throws {
        for layer in try Self.layers(channels: 20) {
            let x = try Tensor.random([2, 19, 23, 20])
            for isa in KernelISA.supported {
                let single = try Runtime.with(isa: isa, threads: 1) { try layer(x) }
                for threads in [2, 3] {
                    let several = try Runtime.with(isa: isa, threads: threads) { try layer(x) }
                    #expect(several.isBitEqual(to: single))
                }
            }
        }
    }

    @Test func unsupportedCombinationsAreRefusedByName() {
        for (kind, variant) in [
            (DynamicReLU.Kind.c, DynamicReLU.Variant.islanna), (.a, .dyhead),
        ] {
            let error = #expect(throws: ProteanError.self) {
                try DynamicReLU(channels: 8, kind: kind, variant: variant)
            }
            guard case .invalidOption("DynamicReLU", "type", _, kind.rawValue) = error else {
                Issue.record("unexpected \(String(describing: error))")
                continue
            }
        }
        #expect(throws: ProteanError.self) { try DynamicReLU(channels: 2, reduction: 4) }
    }

    static func pieces() throws -> [DynamicReLU] {
        try (1...4).flatMap { count in
            try [DynamicReLU.Kind.a, .b].map {
                try DynamicReLU(
                    channels: 9, reduction: 2, kind: $0, pieces: .init(count: count), seed: 4)
            }
        }
            + [(1, true), (1, false), (2, false)].flatMap { count, hasOffsets in
                try [DynamicReLU.Kind.b, .c].map {
                    try DynamicReLU(
                        channels: 9, reduction: 2, kind: $0, variant: .dyhead,
                        pieces: .init(
                            count: count, hasOffsets: hasOffsets, reach: 1.5, slopes: [0.5, -0.25],
                            offsets: [0.25, -1]), seed: 4)
                }
            }
    }

    @Test func anyNumberOfPiecesIsTheFormula() throws {
        let x = try Tensor.random([2, 5, 3, 9], seed: 6)
        for layer in try Self.pieces() where layer.kind != .c {
            let coefficients = try layer.coefficients(of: x)
            let width = layer.kind == .a ? 1 : 9
            #expect(coefficients.shape == [2, 2 * layer.pieces.count, width])
            let expected = DynamicReLUKernelTests.reference(x, coefficients, nil)
            try MapTest.everywhere {
                try layer(x)
            } check: { isa, y in
                MapTest.expect(y, shape: x.shape, expected, tolerance: 2e-5, "\(isa)")
            }
            let k = coefficients.elements, count = layer.pieces.count
            for plane in count..<2 * count where !layer.pieces.hasOffsets {
                #expect(k[plane * width..<(plane + 1) * width].allSatisfy { $0 == 0 })
            }
        }
    }

    /// The coefficients are those of the other map.
    @Test func aGuideGivesTheCoefficients() throws {
        let guide = try Tensor.random([2, 4, 6, 12], seed: 3)
        for (kind, size) in [(DynamicReLU.Kind.b, [5, 3]), (.c, [4, 6])] {
            let layer = try DynamicReLU(
                channels: 12, outputChannels: 7, kind: kind, variant: .dyhead, seed: 8)
            let x = try Tensor.random([2] + size + [7], seed: 5)
            let k = try layer.coefficients(of: guide)
            #expect(k.shape == [2, 4, 7])
            let y = try layer(x, coefficientsFrom: guide)
            let plain = DynamicReLUKernelTests.reference(x, k, nil)
            if kind == .b {
                MapTest.expect(y, shape: x.shape, plain, tolerance: 1e-5)
            } else {
                // One factor in 0...1 per pixel.
                for (i, value) in y.elements.enumerated() {
                    let factor = Double(value) / plain[i], first = i / 7 * 7
                    let other = Double(y.elements[first]) / plain[first]
                    #expect(abs(factor - other) < 1e-3 && factor >= 0 && factor < 1.001)
                }
            }
            #expect(throws: ProteanError.self) { try layer(guide) }
            expectMismatch(of: "guide") { _ = try layer(x, coefficientsFrom: x) }
            expectMismatch(of: "x") { _ = try layer(guide, coefficientsFrom: guide) }
        }
        let same = try DynamicReLU(channels: 12, variant: .dyhead, seed: 8)
        #expect(try same(guide).isBitEqual(to: same(guide, coefficientsFrom: guide)))
        let spatial = try DynamicReLU(channels: 12, kind: .c, variant: .dyhead)
        expectMismatch(of: "guide") {
            _ = try spatial(Tensor.random([2, 3, 6, 12]), coefficientsFrom: guide)
        }
    }

    @Test func piecesThatAReferenceDoesNotHaveAreRefused() {
        func refuse(
            _ option: String, _ variant: DynamicReLU.Variant, _ pieces: DynamicReLU.Pieces
        ) {
            expectRefusal(of: option) {
                _ = try DynamicReLU(channels: 8, variant: variant, pieces: pieces)
            }
        }
        refuse("pieces", .islanna, .init(count: 0))
        refuse("pieces", .islanna, .init(count: 5))
        refuse("pieces", .dyhead, .init(count: 3))
        refuse("hasOffsets", .islanna, .init(hasOffsets: false))
        refuse("reach", .islanna, .init(reach: 2))
        refuse("reach", .dyhead, .init(reach: 0))
        refuse("slopes", .dyhead, .init(slopes: [1]))
        refuse("offsets", .dyhead, .init(offsets: [.nan, 0]))
        expectRefusal(of: "outputChannels") {
            _ = try DynamicReLU(channels: 8, outputChannels: 4)
        }
    }

    @Test func emptyBatchAndWrongChannels() throws {
        for layer in try Self.layers(channels: 8) {
            #expect(try layer(Tensor(zeros: [0, 3, 2, 8])).shape == [0, 3, 2, 8])
            #expect(throws: ProteanError.self) { try layer(Tensor(zeros: [1, 3, 2, 7])) }
        }
    }
}
