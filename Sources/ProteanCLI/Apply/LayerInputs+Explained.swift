import Protean
import ProteanCatalogue

extension LayerInputs {
    /// Shapes in a layer's error are in the library's order; this converts them to the file's.
    func explained(_ error: ProteanError) -> any Error {
        guard case .shapeMismatch(_, let name, _, let found) = error, layout == .nchw,
            let stored = tensors[name], stored.rank >= 4, stored.shape != found,
            layout.fromLibrary(shape: found) == stored.shape
        else { return error }
        let axes = stored.rank == 4 ? "[B, H, W, C]" : "[B, D, H, W, C]"
        return Failure("\(error.description) (axes \(axes); in the file \(stored.shape))")
    }
}
