import ArgumentParser

/// What the harness makes files of.
enum FileFormat: String, CaseIterable, ExpressibleByArgument, Codable {
    case safetensors
    case pytorch
    case legacy
    case zip
    case json
    case png
    case jpeg
    case mixed
    case node

    /// Formats with generators of their own.
    static let generated: [FileFormat] = [
        .safetensors, .pytorch, .legacy, .zip, .json, .png, .jpeg,
    ]

    var generator: any FileGenerator.Type {
        switch self {
        case .safetensors: SafetensorsGenerator.self
        case .pytorch: PyTorchGenerator.self
        case .legacy: LegacyGenerator.self
        case .zip: ZipGenerator.self
        case .json: ConfigurationGenerator.self
        case .png: PNGGenerator.self
        case .jpeg: JPEGGenerator.self
        case .mixed: MixedGenerator.self
        case .node: NodeGenerator.self
        }
    }

    /// The usual ending of such files' names.
    var suffix: String {
        switch self {
        case .pytorch, .legacy, .zip: "pth"
        case .mixed, .node: "bin"
        default: rawValue
        }
    }
}
