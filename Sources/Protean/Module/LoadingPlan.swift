/// The assignment of tensors to parameters for one reading of a file's names, and the names left
/// over.
struct LoadingPlan {
    let reading: KeyReading
    private(set) var assignments: [(parameter: Parameter, tensor: CheckpointTensor)] = []
    private(set) var missing: [String] = []
    private(set) var unused: [String] = []
    private(set) var misshapen: [MisshapenParameter] = []

    /// Whether every parameter is set, every key used and every shape right.
    var fits: Bool { missing.isEmpty && unused.isEmpty && misshapen.isEmpty }
    /// Number of parameters that have a key, of any shape.
    var matched: Int { assignments.count + misshapen.count }

    /// Compares the model with the file.
    ///
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)`` when two keys lead to
    ///   one parameter.
    init(
        parameters: [NamedParameter], checkpoint: Checkpoint, reading: KeyReading, keyMap: KeyMap
    ) throws(ProteanError) {
        self.reading = reading
        let paths = Set(parameters.map { ExactName($0.name) })
        let keys = try namesByPath(paths: paths, keyMap: keyMap)
        for named in parameters {
            guard let name = keys[ExactName(named.name)], let tensor = checkpoint[name] else {
                missing.append(reading.prefix + named.name)
                continue
            }
            if tensor.shape == named.parameter.shape {
                assignments.append((named.parameter, tensor))
            } else {
                misshapen.append(
                    MisshapenParameter(
                        name: name, expected: named.parameter.shape, found: tensor.shape))
            }
        }
    }

    /// The plan that fits, or the error for the reading that comes closest.
    static func find(
        parameters: [NamedParameter], checkpoint: Checkpoint, prefix: String?,
        keyMap: (Checkpoint) -> KeyMap
    ) throws(ProteanError) -> LoadingPlan {
        func plan(_ reading: KeyReading) throws(ProteanError) -> LoadingPlan? {
            guard let view = reading.view(of: checkpoint) else { return nil }
            return try LoadingPlan(
                parameters: parameters, checkpoint: checkpoint, reading: reading,
                keyMap: keyMap(view))
        }
        let readings =
            prefix.map { [KeyReading(checkpoint, under: $0)] } ?? KeyReading.candidates(checkpoint)
        var best: LoadingPlan?
        for (index, reading) in readings.enumerated() {
            // A guessed prefix that does not fit is ignored; only the unmodified names produce an
            // error.
            guard let found = index == 0 ? try plan(reading) : try? plan(reading) else { continue }
            if found.fits { return found }
            if found.matched > best?.matched ?? -1 { best = found }
        }
        guard let best else {
            // Not reached: the first reading always has a view.
            throw .invalidOption(
                layer: "load", option: "prefix", expected: "keys", found: prefix ?? "none")
        }
        var hints = best.hints(chosen: prefix)
        if prefix == nil {
            let fitting = KeyPrefix.groups(checkpoint.names).filter { group in
                let part = KeyReading(checkpoint, under: group)
                guard part.entries.count < checkpoint.names.count else { return false }
                return (try? plan(part))??.fits == true
            }
            hints += fitting.map { "the keys under `\($0.escaped)` fit: choose them as the prefix" }
        }
        throw .parameterMismatch(
            file: checkpoint.source, missing: best.missing, unused: best.unused,
            misshapen: best.misshapen, hints: hints)
    }

    private func hints(chosen prefix: String?) -> [String] {
        if let prefix, !prefix.isEmpty, reading.entries.isEmpty {
            return ["no key begins with `\(KeyPrefix.closed(prefix).escaped)`"]
        }
        return prefix == nil ? reading.note.map { [$0] } ?? [] : []
    }

    /// The file's name for each path; names that lead to no parameter are unused.
    private mutating func namesByPath(
        paths: Set<ExactName>, keyMap: KeyMap
    ) throws(ProteanError) -> [ExactName: String] {
        var names: [ExactName: String] = [:]
        for entry in reading.entries {
            guard let path = keyMap.path(entry.key) else { continue }
            guard paths.contains(ExactName(path)) else {
                if !Self.isBatchCounter(entry.key) { unused.append(entry.name) }
                continue
            }
            if let other = names.updateValue(entry.name, forKey: ExactName(path)) {
                throw .invalidOption(
                    layer: "load", option: "keyMap", expected: "one key per parameter",
                    found: "'\(other.escaped)' and '\(entry.name.escaped)', both for '\(path)'")
            }
        }
        return names
    }

    /// PyTorch's batch norms count training steps; inference does not need that.
    private static func isBatchCounter(_ key: String) -> Bool {
        let name = "num_batches_tracked".utf8
        guard key.utf8.suffix(name.count).elementsEqual(name) else { return false }
        return key.utf8.count == name.count
            || key.utf8.dropLast(name.count).last == UInt8(ascii: ".")
    }
}
