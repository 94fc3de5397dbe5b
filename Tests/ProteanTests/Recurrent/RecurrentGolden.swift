@testable import Protean

/// A file of Tests/Golden with tensors under `weights.`, `input.` and `output.`.
struct RecurrentGolden {
    let file: Checkpoint

    init(_ path: String) throws {
        file = try Checkpoint.open(GoldenFiles.path(path))
    }

    func input(_ name: String) throws -> Tensor { try file.tensor("input.\(name)") }
    func output(_ name: String) throws -> Tensor { try file.tensor("output.\(name)") }

    /// Puts the file's weights into a module: all of its parameters, under their names.
    func load(into module: any Module, prefix: String = "weights.") throws {
        for named in module.allParameters() {
            try named.parameter.set(file.tensor(prefix + named.name))
        }
    }

    static func numbers(_ tensor: Tensor) -> [Double] { tensor.elements.map(Double.init) }
}
