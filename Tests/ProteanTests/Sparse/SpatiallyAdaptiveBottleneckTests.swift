import Foundation
import Testing

@testable import Protean

@Suite struct SpatiallyAdaptiveBottleneckTests {
    static func block(
        stride: Int = 1, dilation: Int = 1, interval: Int = 5, bias: Float = 0
    ) throws -> SpatiallyAdaptiveBottleneck {
        let block = try SpatiallyAdaptiveBottleneck(
            inputChannels: 12, planes: 5, stride: stride, downsample: true, dilation: dilation,
            gridPriorInterval: interval)
        try block.randomise()
        for name in ["conv1_mask", "conv2_mask"] {
            let conv = try #require(block.module(at: name) as? Conv2d)
            try conv.bias?.set(Tensor([bias], shape: [1]))
        }
        try block.parameter(at: "conv1_sigma")?.set(Tensor([0.8], shape: []))
        try block.parameter(at: "conv2_sigma")?.set(Tensor([-0.5], shape: []))
        return block
    }

    /// Pixels of the mask kept, others the Gaussian mean of those around them.
    static func reconstructed(_ map: Tensor, _ mask: [Bool], sigma: Double) throws -> Tensor {
        let (h, w, c) = (map.shape[1], map.shape[2], map.shape[3])
        let values = map.elements
        var result = values
        for pixel in mask.indices where !mask[pixel] {
            let (sample, y, x) = (pixel / (h * w), pixel / w % h, pixel % w)
            var sums = [Double](repeating: 0, count: c), total = 0.0
            for dy in -3...3 {
                for dx in -3...3 where (0..<h).contains(y + dy) && (0..<w).contains(x + dx) {
                    let other = (sample * h + y + dy) * w + x + dx
                    guard mask[other] else { continue }
                    let k = sigma * sigma
                    let weight = k / (2 * .pi) * exp(-k / 2 * Double(dy * dy + dx * dx))
                    total += weight
                    for i in 0..<c { sums[i] += weight * Double(values[other * c + i]) }
                }
            }
            for i in 0..<c { result[pixel * c + i] = Float(sums[i] / (total + 1e-5)) }
        }
        return try Tensor(result, shape: map.shape)
    }

    @Test(arguments: [(1, 1, 5, 0), (2, 1, 5, 0), (1, 2, 11, -2), (1, 1, 1, -50), (1, 1, 4, 50)])
    func followsTheFormulas(
        _ stride: Int, _ dilation: Int, _ interval: Int, _ bias: Int
    ) throws {
        let block = try Self.block(
            stride: stride, dilation: dilation, interval: interval, bias: Float(bias))
        for shape in [[3, 14, 17, 12], [1, 9, 8, 12], [0, 5, 6, 12]] {
            let x = try Tensor.random(shape)
            let masks = try block.sampledPixels(of: x)
            let (first, second) = (try masks.conv1.flags(), try masks.conv2.flags())
            try expectMask(block, "conv1_mask", x, first, interval)
            try expectMask(block, "conv2_mask", x, second, interval)
            let inner = try block.fusedDirect("conv1", "bn1", .relu)(x)
            let filled = try Self.reconstructed(inner, first, sigma: 0.8)
            let spatial = try block.fusedDirect("conv2", "bn2", .relu)(filled)
            let again = try Self.reconstructed(spatial, second, sigma: -0.5)
            let shortcut = try #require(block.module(at: "downsample") as? Sequential)
            let identity = try shortcut(x)
            let expected = try block.fusedDirect("conv3", "bn3", .relu)(
                again, residual: identity)
            var bits: [KernelISA: Tensor] = [:]
            for (isa, threads) in allRuntimes {
                try Runtime.with(isa: isa, threads: threads) {
                    let found = try block(x)
                    let what = "\(isa) \(threads) \(shape)"
                    #expect(try found.maximumDifference(from: expected) < 1e-5, "\(what)")
                    #expect(try bits[isa, default: found].hasBits(of: found), "\(what)")
                    bits[isa] = found
                }
            }
        }
    }

    private func expectMask(
        _ block: SpatiallyAdaptiveBottleneck, _ name: String, _ x: Tensor, _ flags: [Bool],
        _ interval: Int
    ) throws {
        let conv = try #require(block.module(at: name) as? Conv2d)
        let logits = try conv(x)
        let (h, w) = (logits.shape[1], logits.shape[2])
        let expected = logits.elements.enumerated().map { index, logit in
            logit >= 0 || (index / w % h % interval == 0 && index % w % interval == 0)
        }
        #expect(flags == expected)
    }

    @Test func costsSayWhatWasExecuted() throws {
        let block = try Self.block(interval: 20, bias: -50)
        block.assignLabels(prefix: "block")
        let trace = Trace()
        _ = try trace.recording { try block(try .random([1, 14, 17, 12])) }
        func executed(_ path: String) -> [Int] {
            trace.events.filter { $0.path == path }.map(\.cost.executedMultiplyAdds)
        }
        // One pixel is sampled, in the corner: conv2 reads 4 of conv1's outputs, 3 are interpolated.
        #expect(executed("block.conv1") == [12 * 5])
        #expect(executed("block.conv2") == [9 * 25])
        #expect(executed("block.conv3") == [14 * 17 * 5 * 20])
        #expect(executed("block") == [3 * 49 * 5, (14 * 17 - 1) * 49 * 5])
        let full = trace.events.filter { $0.path == "block.conv1" }.map(\.cost.multiplyAdds)
        #expect(full == [14 * 17 * 60])
    }

    @Test func namesAndRefusals() throws {
        typealias Block = SpatiallyAdaptiveBottleneck
        let block = try Block(inputChannels: 16, planes: 4)
        let names = Set(block.allParameters().map { "\($0.name) \($0.parameter.shape)" })
        #expect(
            names.isSuperset(of: [
                "conv1_mask.weight [1, 16, 3, 3]", "conv2_mask.bias [1]", "conv1_sigma []",
                "conv2_gumbel.cur_T []",
            ]))
        // As initialised all pixels are sampled, so this is a plain bottleneck.
        let masks = try block.sampledPixels(of: .random([1, 5, 6, 16]))
        #expect(masks.conv1.density == 1 && masks.conv2.density == 1)
        #expect(throws: ProteanError.self) {
            try Block(inputChannels: 16, planes: 4, gaussianKernel: 4)
        }
        #expect(throws: ProteanError.self) {
            try Block(inputChannels: 16, planes: 4, gridPriorInterval: 0)
        }
        #expect(throws: ProteanError.self) { try Block(inputChannels: 16, planes: 5) }
        #expect(throws: ProteanError.self) { try block(Tensor(shapeOnly: [1, 5, 5, 16])) }
        #expect(throws: ProteanError.self) { try block(Tensor(zeros: [1, 5, 5, 15])) }
    }
}

@Suite struct MaskSetTests {
    @Test func plansCombineLikeSets() throws {
        let size = Size2d(height: 7, width: 130)
        for (left, right) in [(MaskPattern.pixels, MaskPattern.rows), (.none, .all), (.disc, .one)]
        {
            let a = try left.plan(batch: 3, size: size), b = try right.plan(batch: 3, size: size)
            let (x, y) = (try a.flags(), try b.flags())
            #expect(try a.union(b).flags() == zip(x, y).map { $0 || $1 })
            #expect(try a.intersection(b).flags() == zip(x, y).map { $0 && $1 })
            #expect(try a.subtracting(b).flags() == zip(x, y).map { $0 && !$1 })
            #expect(try a.inverted().flags() == x.map { !$0 })
            #expect(try a.inverted().count == 3 * 7 * 130 - a.count)
        }
        let empty = try MaskPlan(bytes: [], batch: 0, size: size)
        #expect(try empty.inverted().count == 0)
        #expect(throws: ProteanError.self) {
            try empty.union(MaskPattern.all.plan(batch: 1, size: 3))
        }
    }
}
