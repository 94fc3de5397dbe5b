import Protean

/// Every layer that `protean apply` runs.
package enum LayerCatalogue {
    package static let adapters: [LayerAdapter] =
        ConvolutionAdapters.all + NormalizationAdapters.all + PoolingAdapters.all
        + DynamicConvolutionAdapters.all + DeformableAdapters.all + AttentionAdapters.all
        + DynamicActivationAdapters.all + SparseAdapters.all + SparseConvolutionAdapters.all
        + DeltaAdapters.all + SparseBlockAdapters.all + SparseMaskAdapters.all
        + MaskUnitAdapters.all + AdaptiveConnectionAdapters.all

    /// The adapter of a layer, by the Swift type's name.
    package static func adapter(named name: String) throws -> LayerAdapter {
        guard let found = adapters.first(where: { $0.name == name }) else {
            throw ProteanError.unknownName(
                kind: "layer", name: name, known: adapters.map(\.name))
        }
        return found
    }
}
