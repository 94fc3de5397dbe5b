import Protean
import ProteanCatalogue
import Testing

@testable import KernelbenchSupport

@Suite("Benchmarked kernels")
struct KernelTests {
    static func prepare(_ line: String) throws -> PreparedCase {
        let one = try #require(try CaseParser().parse(line: line, place: "f:1"))
        return try KernelRegistry.standard.prepare(one)
    }

    /// A small lopsided case of every kernel.
    static let small = [
        "a conv2d n=3 h=5 w=9 c=6 k=4 rh=3 rw=1 stride=2 dilation=2 groups=2 activation=relu",
        "a conv2d h=5 w=9 c=17 k=17 r=5 groups=17 algorithm=auto",
        "a linear n=3 c=17 k=5",
        "a condconv2d n=3 h=5 w=9 c=3 k=7 r=3 experts=3 activation=silu",
        "a dynamic_conv2d n=3 h=5 w=9 c=6 k=4 rh=3 rw=2 stride=2 groups=2 experts=3",
        "a odconv2d n=3 h=5 w=9 c=6 k=4 r=3 stride=2 groups=2 experts=2",
        "a expert_mix n=3 c=5 k=7 r=3 experts=3",
        "a masked_conv2d n=2 h=9 w=13 c=3 k=7 r=3 density=0.3 algorithm=direct",
        "a masked_conv2d h=9 w=13 c=6 k=6 r=3 groups=6 density=0.5 pattern=cells4",
        "a masked_conv2d h=9 w=13 c=6 k=4 r=3 density=0.5 pattern=disc algorithm=dense",
        "a dynconv_bottleneck n=3 h=9 w=13 c=4 density=0.5 pattern=cells2",
        "a dynconv_bottleneck h=5 w=9 c=4 algorithm=dense",
        "a mask_plan n=3 h=5 w=9 density=0.5 changed=0.2",
        "a mask_plan h=9 w=5 density=0.3 pattern=disc algorithm=update",
        "a deform_conv2d n=3 h=5 w=9 c=6 k=4 r=3 stride=2 offset_groups=2 groups=2 sigma=4",
        "a deform_conv2d h=5 w=9 c=17 k=17 r=3 groups=17 mask=0 activation=relu",
        "a deform_aggregate n=3 h=5 w=9 c=34 groups=2 r=3 sigma=4",
        "a active_conv2d n=3 h=5 w=9 c=3 k=6 r=3 offset_groups=2",
        "a adaptively_connected_conv2d n=3 h=5 w=9 c=3 k=6 stride=2",
        "a adaptively_connected_conv2d h=5 w=9 c=3 k=6 algorithm=pixel",
        "a deformable_kernel n=3 h=5 w=9 c=6 r=3 groups=2",
        "a displaced_deformable_kernel n=3 h=5 w=9 c=6 r=3 scope=5",
        "a global_deformable_kernel n=3 h=5 w=9 c=4 k=6 r=3 scope=4 groups=2",
        "a deform_roi_pool n=3 h=5 w=9 c=17 r=2 boxes=4",
        "a grid_sample n=3 h=5 w=9 c=17",
        "a grid_sample h=5 w=9 c=3 algorithm=bicubic",
        "a grid_sample_volume n=3 d=4 h=5 w=9 c=17",
        "a grid_sample_volume d=4 h=5 w=9 c=3 algorithm=nearest",
        "a dynamic_relu n=3 h=5 w=9 c=17",
        "a dynamic_relu h=5 w=9 c=1",
        "a dynamic_relu_apply n=3 h=5 w=9 c=17",
        "a squeeze_excitation n=3 h=5 w=9 c=17 k=3",
        "a max_pool2d n=3 h=5 w=9 c=17 r=3 stride=2",
        "a avg_pool2d h=5 w=9 c=17 rh=2 rw=3 pad=0",
        "a global_avg_pool2d n=3 h=5 w=9 c=17",
        "a resize h=5 w=9 c=17 up=3",
        "a resize h=5 w=9 c=17 up=2 algorithm=nearest",
        "a pixel_shuffle h=5 w=9 c=12 up=2",
        "a softmax n=3 c=17",
        "a activation h=5 w=9 c=17 activation=hard_swish",
        "a add n=3 h=5 w=9 c=17",
        "a batch_norm2d h=5 w=9 c=17",
        "a copy n=3 h=5 w=9 c=17",
        "a broadcast n=3 h=5 w=9 c=17",
        "a broadcast h=5 w=9 c=3 algorithm=pixels",
        "a reduce n=3 h=5 w=9 c=17",
        "a reduce h=5 w=9 c=3 algorithm=variance_channels",
        "a matmul n=3 h=5 c=17 k=9",
        "a matmul h=9 c=3 k=5 algorithm=transposed",
        "a transpose n=3 h=5 w=9 c=17",
    ]

    @Test(arguments: small)
    func runs(line: String) throws {
        let prepared = try Self.prepare(line)
        #expect(prepared.bytes > 0 && prepared.flops >= 0)
        let call = try prepared.load()
        let first = try call()
        #expect(first.isFinite)
        #expect(try call() == first, "inputs and weights stay the same")
    }

    @Test func everyKernelIsRun() {
        let run = Set(Self.small.map { String($0.split(separator: " ")[1]) })
        #expect(run == Set(KernelRegistry.bespoke.map { $0.name }))
    }

    /// Every layer of the catalogue has a kernel, and its standard case runs.
    @Test(arguments: LayerCatalogue.entries.map(\.name))
    func layersAreMeasured(layer: String) throws {
        let benchmark = try LayerCatalogue.entry(named: layer).benchmark
        let line = "a \(benchmark.kernel) \(benchmark.standard)"
        let prepared = try Self.prepare(line)
        #expect(prepared.bytes > 0 && prepared.flops >= 0)
        #expect(0...1 ~= prepared.executedShare)
        let call = try prepared.load()
        let first = try call()
        #expect(first.isFinite)
        #expect(try call() == first, "inputs and weights stay the same")
    }

    /// A kernel made from an entry has a name of its own and keys of the case grammar.
    @Test func genericKernelsAreWellNamed() {
        var names = Set(KernelRegistry.bespoke.map { $0.name })
        for entry in LayerCatalogue.entries {
            guard let generic = entry.benchmark.generic else {
                #expect(names.contains(entry.benchmark.kernel), "\(entry.name)")
                continue
            }
            #expect(names.insert(entry.benchmark.kernel).inserted, "\(entry.name)")
            for key in generic.requiredKeys.union(generic.optionalKeys) {
                #expect(CaseKey(rawValue: key) != nil, "\(entry.name): \(key)")
            }
        }
    }

    /// What a layer counts is what its benchmark says: multiply-adds count as two operations.
    @Test func layersCountTheirOwnWork() throws {
        let prepared = try Self.prepare("a deformable_conv2d_pack n=2 h=5 w=9 c=4 k=6 r=3 stride=2")
        let layer = try DeformableConv2dPack(
            inputChannels: 4, outputChannels: 6, kernelSize: 3, stride: 2, padding: 1)
        let trace = try layer.trace(for: [2, 5, 9, 4]).totalCost
        #expect(prepared.flops == 2 * Double(trace.multiplyAdds))
        #expect(prepared.bytes == Double(trace.bytes))
    }

    @Test(arguments: [
        "a deformable_conv2d_pack h=5 w=9 c=4 k=6 r=3 groups=5",
        "a adaptive_avg_pool2d h=16777216 w=16777216 c=16777216 r=1",
    ])
    func impossibleLayersAreRefused(line: String) throws {
        let failure = try #require(throws: CaseError.self) { _ = try Self.prepare(line) }
        #expect(failure.name == "a")
    }

    @Test(
        arguments: [
            // 2 · outputs · inputs per output; (inputs + weights + outputs) · 4
            ("a conv2d h=224 w=224 c=3 k=64 r=7 stride=2", 236_027_904, 3_851_008),
            ("a conv2d n=2 h=56 w=56 c=144 k=144 r=3 groups=144", 16_257_024, 7_230_528),
            ("a conv2d h=5 w=9 c=4 k=6 r=3 pad=0 groups=2", 2 * 21 * 6 * 18, 4 * (180 + 108 + 126)),
            ("a linear n=3 c=17 k=5", 510, 4 * (51 + 85 + 15)),
            ("a condconv2d n=2 h=5 w=9 c=3 k=7 r=1 experts=4", 4116, 4 * (270 + 84 + 630)),
            ("a expert_mix n=2 c=3 k=7 r=1 experts=4", 2 * 21 * 8, 4 * 21 * 6),
            ("a deform_conv2d h=5 w=9 c=4 k=6 r=1 offset_groups=2", 3600, 4 * (474 + 270)),
            ("a deform_aggregate h=5 w=9 c=4 groups=2 r=1", 1440, 4 * (180 + 180 + 270)),
            ("a deform_roi_pool h=5 w=9 c=4 r=2 boxes=3", 1536, 4 * (180 + 48 + 39)),
            ("a grid_sample h=5 w=9 c=4", 1440, 4 * (360 + 90)),
            ("a grid_sample_volume d=2 h=5 w=9 c=4", 5760, 4 * (720 + 270)),
            ("a max_pool2d h=112 w=112 c=64 r=3 stride=2", 802_816, 4 * (802_816 + 200_704)),
            ("a resize h=5 w=9 c=2 up=3", 4860, 4 * 900),
            ("a add h=5 w=9 c=2", 90, 1080),
            ("a softmax n=3 c=17", 51, 408),
        ] as [(String, Int, Int)])
    func costs(line: String, flops: Int, bytes: Int) throws {
        let prepared = try Self.prepare(line)
        #expect(prepared.flops == Double(flops))
        #expect(prepared.bytes == Double(bytes))
        #expect(prepared.executedShare == 1)
    }

    @Test(arguments: ["pixels", "cells2", "cells4", "cells8", "disc"])
    func masksHaveTheirDensity(pattern: String) throws {
        let line = "a masked_conv2d h=64 w=48 c=1 k=1 r=3 density=0.25 pattern=\(pattern)"
        #expect(try Self.prepare(line).executedShare == 0.25)
    }

    @Test(arguments: [
        ("a conv2d h=5 w=9 c=6 k=4 r=3 groups=4", "c"),
        ("a conv2d h=5 w=9 c=6 k=4 r=3 groups=3", "k"),
        ("a conv2d h=5 w=9 c=6 k=4 r=7 pad=0", "r"),
        ("a conv2d h=5 w=9 c=6 k=4", "r"),
        ("a conv2d h=5 w=9 c=6 k=4 rh=3", "r"),
        ("a conv2d h=5 w=9 c=6 r=3", "k"),
        ("a conv2d h=5 w=9 c=6 k=4 r=3 algorithm=magic", "algorithm"),
        ("a conv2d h=5 w=9 c=6 k=4 r=3 activation=magic", "activation"),
        ("a condconv2d h=5 w=9 c=6 k=4 r=3", "experts"),
        ("a dynamic_conv2d h=5 w=9 c=6 k=4 r=3", "experts"),
        ("a odconv2d h=5 w=9 c=6 k=4 r=3", "experts"),
        ("a expert_mix c=6 k=4 r=3", "experts"),
        ("a masked_conv2d h=5 w=9 c=6 k=4 r=3", "density"),
        ("a masked_conv2d h=5 w=9 c=6 k=4 r=3 density=1 pattern=magic", "pattern"),
        ("a max_pool2d h=5 w=9 c=6 r=3 pad=2", "pad"),
        ("a pixel_shuffle h=5 w=9 c=6 up=2", "c"),
        ("a activation h=5 w=9 c=6", "activation"),
        ("a softmax c=6 h=5", "w"),
    ])
    func impossibleCasesAreRefused(line: String, key: String) throws {
        let failure = try #require(throws: CaseError.self) { _ = try Self.prepare(line) }
        #expect(failure.key == key)
        #expect(failure.name == "a")
    }
}
