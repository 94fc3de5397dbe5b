import ProteanCatalogue

extension KernelRegistry {
    /// Every kernel that can be measured: those implemented by a type, then those made from the
    /// layers' entries.
    package static var standard: KernelRegistry {
        KernelRegistry(bespoke, layers: LayerCatalogue.entries)
    }

    /// Kernels implemented by a type.
    package static var bespoke: [any BenchmarkKernel.Type] {
        [
            Conv2dBenchmark.self,
            LinearBenchmark.self,
            CondConv2dBenchmark.self, DynamicConv2dBenchmark.self, ODConv2dBenchmark.self,
            ExpertMixBenchmark.self,
            MaskedConv2dBenchmark.self, DynConvBottleneckBenchmark.self,
            MaskPlanBenchmark.self,
            DeformConv2dBenchmark.self,
            DeformAggregateBenchmark.self,
            ActiveConv2dBenchmark.self,
            AdaptivelyConnectedConv2dBenchmark.self,
            DeformableKernelBenchmark.self,
            DisplacedDeformableKernelBenchmark.self,
            GlobalDeformableKernelBenchmark.self,
            DeformRoIPoolBenchmark.self,
            GridSampleBenchmark.self, GridVolumeBenchmark.self,
            DynamicReLUApplyBenchmark.self, DynamicReLUBenchmark.self,
            SqueezeExcitationBenchmark.self,
            MaxPool2dBenchmark.self,
            AvgPool2dBenchmark.self,
            GlobalAvgPool2dBenchmark.self,
            ResizeBenchmark.self,
            PixelShuffleBenchmark.self,
            SoftmaxBenchmark.self,
            ActivationBenchmark.self,
            AddBenchmark.self,
            BatchNorm2dBenchmark.self,
            CopyBenchmark.self,
            BroadcastBenchmark.self, ReduceBenchmark.self, MatmulBenchmark.self,
            TransposeBenchmark.self,
        ]
    }
}
