import CommandSupport
import Protean
import ProteanCatalogue

/// One run of `protean apply`: build, load, apply, write.
struct LayerRun {
    let entry: LayerEntry
    let config: String
    let weights: String?
    /// See ``KeyOptions``.
    var prefix: String? = nil
    var container: String? = nil
    var namesAllKeys = false
    let input: String
    let output: String
    let layout: MapLayout

    /// Nothing is written unless everything succeeded.
    func callAsFunction() throws {
        try OutputFile.check(output)
        let outputs = try applied()
        try Checkpoint.writeSafetensors(
            to: output,
            tensors: outputs.map { output in
                (output.name, output.isMap ? try layout.fromLibrary(output.tensor) : output.tensor)
            })
    }

    /// The layer's outputs; nothing is written.
    func applied() throws -> [LayerOutput] {
        let configuration = try LayerConfiguration(entry, json: config)
        let built: BuiltLayer
        do {
            built = try entry.build(configuration)
        } catch let error as ProteanError {
            throw configuration.renamed(error)
        }
        try load(built)
        let inputs = try LayerInputs(entry, path: input, layout: layout)
        let progress = ProgressLine()
        progress.show("\(entry.name) runs")
        defer { progress.clear() }
        do {
            let outputs = try built.run(inputs)
            try inputs.requireAllUsed()
            return outputs
        } catch let error as ProteanError {
            throw inputs.explained(error)
        }
    }

    private func load(_ built: BuiltLayer) throws {
        let parameters = built.module.allParameters()
        guard let weights else {
            guard parameters.isEmpty else {
                let names = entry.weights.map(\.name).joined(separator: ", ")
                throw ProteanError.invalidOption(
                    layer: entry.name, option: "--weights", expected: "a file with \(names)",
                    found: "missing")
            }
            return
        }
        let checkpoint = try Checkpoint.open(
            weights, selection: CheckpointSelection(container: container))
        do {
            let report = try KeyOptions.explaining(all: namesAllKeys) {
                try built.module.load(checkpoint, prefix: prefix, keyMap: built.keyMap)
            }
            KeyOptions.say(checkpoint.notes + report.notes)
        } catch {
            throw Failure("\(entry.name): \(error)")
        }
    }
}
