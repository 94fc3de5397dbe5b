import Protean

/// Weight files: from memory, mapped, read, and loaded into a model.
enum WeightFuzzTarget {
    static func run(_ bytes: [UInt8], _ folder: FuzzFolder) -> FuzzOutcome {
        var outcome = read { () throws(ProteanError) in
            try Checkpoint(contentsOf: bytes, source: "case")
        }
        guard FuzzTarget.isReadFromDisk(bytes) else { return outcome }
        let path = folder.write(bytes, as: "case.bin")
        for mapping in [FileMapping.automatic, .never, .always] {
            let other = read { () throws(ProteanError) in
                try Checkpoint.open(path, mapping: mapping)
            }
            if other.isRead != outcome.isRead, !bytes.isEmpty {
                outcome.problems.append("from a disk (\(mapping)): \(other.message)")
            }
            outcome.problems += other.problems
        }
        outcome.problems += load(path)
        return outcome
    }

    /// Reads a checkpoint and all of its tensors.
    static func read(_ open: () throws(ProteanError) -> Checkpoint) -> FuzzOutcome {
        let checkpoint: Checkpoint
        do throws(ProteanError) {
            checkpoint = try open()
        } catch {
            return .refused(error)
        }
        var outcome = FuzzOutcome(isRead: true, found: .tensors(checkpoint.names))
        if Set(checkpoint.names.map(ExactName.init)).count != checkpoint.names.count {
            outcome.problems.append("a name is listed twice")
        }
        var elements = 0
        for name in checkpoint.names {
            guard let tensor = checkpoint[name] else {
                outcome.problems.append("a tensor is listed and not there")
                continue
            }
            if let problem = check(tensor, &elements) { outcome.problems.append(problem) }
        }
        for (name, text) in checkpoint.metadata { _ = name.utf8.count + text.utf8.count }
        for note in checkpoint.notes where note.escaped != note {
            outcome.problems.append("a note holds control characters")
        }
        return outcome
    }

    /// Checks one tensor's description and converts it while `elements` stays small.
    private static func check(_ tensor: CheckpointTensor, _ elements: inout Int) -> String? {
        guard tensor.shape.count <= CheckpointTensor.maximumRank,
            tensor.shape.allSatisfy({ $0 >= 0 }), tensor.strides.count == tensor.shape.count,
            tensor.shape.reduce(1, *) == tensor.count
        else { return "a tensor of shape \(tensor.shape) has \(tensor.count) elements" }
        guard elements + tensor.count <= FuzzTarget.maximumElements else { return nil }
        elements += tensor.count
        do {
            let converted = try tensor.float32()
            guard converted.shape == tensor.shape else { return "a tensor's shape changed" }
            // Touches both ends of what the view claims.
            _ = try converted.withUnsafeBufferPointer { ($0.first, $0.last) }
            return nil
        } catch {
            return isFault(error, tensor) ? "a tensor is not converted: \(error)" : nil
        }
    }

    /// Whether an error of the conversion is one: types that cannot be converted are none.
    private static func isFault(
        _ error: any Error, _ tensor: CheckpointTensor
    ) -> Bool {
        if case ProteanError.weightFile(_, .unsupportedType) = error {
            return tensor.type.isSupported
        }
        return true
    }

    /// Loading into a model that the file does not fit ends in an error that can be read.
    private static func load(_ path: String) -> [String] {
        do throws(ProteanError) {
            _ = try SmallPlugin.loader.load(path, as: SmallPlugin().name)
            return ["a file that cannot fit a model was loaded"]
        } catch {
            let message = "\(error)"
            return message.escaped == message ? [] : ["the mismatch holds control characters"]
        }
    }
}

/// A model of two parameters whose names no generated file has.
struct SmallPlugin: ModelPlugin {
    static let loader = ModelLoader(registry: ModelRegistry([SmallPlugin()]))

    let name = "small"
    let summary = "One linear layer."
    let inputShape = [1, 2]

    func makeModel(configuration: ModelConfiguration) throws(ProteanError) -> any Layer {
        try configuration.requireOnly(known: ["num_classes"])
        return try Linear(inputFeatures: 2, outputFeatures: 2)
    }
}
