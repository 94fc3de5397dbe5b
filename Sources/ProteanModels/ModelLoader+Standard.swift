import Protean

extension ModelRegistry {
    /// A new registry with every architecture of this package.
    public static func standard() -> ModelRegistry {
        let families: [[any ModelPlugin]] = [
            [ProteanTinyPlugin(), ProteanDeformablePlugin(), ProteanExitsPlugin()],
            CIFARResNetPlugin.all,
            ResNetPlugin.all,
            [MobileNetV2Plugin(), EfficientNetLite0Plugin()],
            MobileNetV3Plugin.all,
            EfficientNetCondConvPlugin.all,
            DynamicResNetPlugin.all,
            AttentionResNetPlugin.all,
            [RedNetPlugin()],
            DynamicWidthPlugins.all,
            DynamicRoutingPlugin.all,
            SMSRPlugin.all,
            SequenceClassifierPlugin.all,
            SkipNetPlugin.all,
            BlockDropPlugin.all,
            ConvNetAIGPlugin.all,
            SuperResolutionPlugin.all,
            MSDNetPlugin.all,
            RANetPlugin.all,
            SmallExitPlugin.all,
            [RecurrentAttentionPlugin(), GFNetPlugin()],
            PlateReaderPlugin.all,
        ]
        return ModelRegistry(families.flatMap(\.self))
    }
}

extension ModelLoader {
    /// Loads every architecture of this package, and those registered in its registry later, from
    /// every format that Protean reads.
    ///
    /// ```swift
    /// let model = try ModelLoader.standard.load("weights.pth", as: "mobilenet_v2")
    /// ```
    public static let standard = ModelLoader(registry: .standard())
}
