import Protean

extension ModelLoader {
    /// The loader that knows every reference architecture of this package.
    public static let standard = ModelLoader(registry: ModelRegistry())
}
