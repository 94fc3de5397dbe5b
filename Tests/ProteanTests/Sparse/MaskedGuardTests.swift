import Testing

@testable import Protean

/// Guarded tiles of masked convolutions, in every layout of inputs and outputs.
@Suite struct MaskedGuardTests {
    static let maps: [UnevenMap] = [
        .normal, .cauchy, .pixel(1e2), .pixel(1e5), .channel(1e4), .channel(1e8), .channel(.nan),
        .channel(.infinity), .sparse(0.5), .sparse(0.1), .sparse(0.02),
    ]

    @Test(arguments: maps) func activeOutputsAreAsExactAsTheirWindows(map: UnevenMap) throws {
        let input = [2, 19, 26, 40]
        let x = try map.tensor(input)
        for pattern in [MaskPattern.all, .cells4, .disc, .pixels] {
            let size = Size2d(height: 19, width: 26)
            let bytes = pattern.bytes(batch: 2, size: size)
            let mask = try MaskPlan(bytes: bytes, batch: 2, size: size)
            for form in [Conv2dAlgorithm.winograd4x4, .winograd6x6] {
                try check(
                    x, mask, bytes, form, "\(map), \(pattern)", Conv2dGuardTests.allowed(map))
            }
        }
    }

    private func check(
        _ x: Tensor, _ mask: MaskPlan, _ bytes: [UInt8], _ form: Conv2dAlgorithm, _ what: String,
        _ allowed: Double
    ) throws {
        let conv = try Conv2dGuardTests.layer(40, 33, form)
        let weights = conv.weight.value.elements.map(Double.init)
        let algorithm: Conv2dPlan.Algorithm = form == .winograd4x4 ? .winograd4x4 : .winograd6x6
        let inputs = try mask.dilated(for: conv.geometry, input: mask.size)
        let seen = try Operations.replacingInactive(x, of: inputs)
        let reference = try Conv2dReference(conv.geometry, x: seen, weights: weights)
        let rows = try Operations.gather(x, at: inputs)
        for isa in KernelISA.supported {
            try Runtime.with(isa: isa, threads: 2) {
                let packed = try PackedConv2d(
                    weights: conv.weight.value, bias: nil, scale: nil, shift: nil,
                    geometry: conv.geometry, algorithm: algorithm, isa: isa, layer: "test")
                let map = try Operations.maskedConv2d(
                    x, packed, outputs: mask, layer: "test")
                let dense = try Operations.replacingInactive(conv(x), of: mask)
                #expect(map.isBitEqual(to: dense), "\(what), \(isa)")
                let active = try Operations.maskedConv2d(
                    x, from: .activeMap(inputs), packed, outputs: mask, layer: "test")
                let compact = try Operations.maskedConv2dRows(
                    rows, from: .rows(inputs), packed, outputs: mask, layer: "test")
                let scattered = try Operations.scatter(
                    compact, at: mask, into: Tensor(zeros: map.shape))
                #expect(scattered.isBitEqual(to: active), "\(what), \(isa)")
                for y in [map, active] {
                    let worst = Conv2dGuardTests.worst(y.elements, reference, active: bytes)
                    #expect(worst <= allowed, "\(what), \(form), \(isa)")
                }
            }
        }
    }

    /// Inactive pixels whose first channels are another map's.
    @Test func restOfTheChannelsCounts() throws {
        let x = try UnevenMap.pixel(1e5).tensor([1, 14, 13, 24])
        let rest = try Tensor.random([1, 14, 13, 10], seed: 5)
        let size = Size2d(height: 14, width: 13)
        let bytes = MaskPattern.cells4.bytes(batch: 1, size: size)
        let mask = try MaskPlan(bytes: bytes, batch: 1, size: size)
        var seen = try Operations.replacingInactive(x, of: mask)
        try Operations.copyFirstChannels(of: rest, into: &seen, at: mask.inverted())
        for form in [Conv2dAlgorithm.winograd4x4, .winograd6x6] {
            let conv = try Conv2dGuardTests.layer(24, 20, form)
            let packed = try PackedConv2d(
                weights: conv.weight.value, bias: nil, scale: nil, shift: nil,
                geometry: conv.geometry,
                algorithm: form == .winograd4x4 ? .winograd4x4 : .winograd6x6,
                isa: try Runtime.isa(), layer: "test")
            let reference = try Conv2dReference(
                conv.geometry, x: seen, weights: conv.weight.value.elements.map(Double.init))
            let record = WinogradGuardRecord()
            let y = try record.recording {
                try Operations.maskedConv2d(
                    x, from: .activeMap(mask), rest: rest, packed, outputs: mask, layer: "test")
            }
            #expect(record.leftOut > 0)
            let worst = Conv2dGuardTests.worst(y.elements, reference, active: bytes)
            #expect(worst <= Conv2dGuardTests.allowed(.pixel(1e5)))
        }
    }
}
