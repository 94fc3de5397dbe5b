extension Module {
    /// Sets every parameter below this module from a weight file, strictly.
    ///
    /// Every parameter must be set, every key under `prefix` must be used, and every shape must be
    /// the declared one. PyTorch's counters `num_batches_tracked` are ignored unless the module
    /// declares them. When anything is wrong, all of it is reported at once and nothing is set.
    /// Values keep PyTorch's axis order. Loading twice is harmless.
    ///
    /// Float32 values stay views of the file where their place allows, so loading costs little and
    /// keeps the file mapped.
    /// - Parameters:
    ///   - checkpoint: the weights.
    ///   - prefix: the path in the file under which the module's keys lie, such as `features.3`;
    ///     other keys are not looked at. Empty for the whole file.
    ///   - keyMap: turns a key, without the prefix, into a parameter's path.
    /// - Throws: ``ProteanError/parameterMismatch(file:missing:unused:misshapen:)`` with names as
    ///   in the file, prefix included (a missing one as the identity map would spell it);
    ///   ``ProteanError/invalidOption(layer:option:expected:found:)`` when `keyMap` sends two keys
    ///   to one path; errors of the conversion to Float32.
    public func load(
        _ checkpoint: Checkpoint, prefix: String = "", keyMap: KeyMap = .identity
    ) throws(ProteanError) {
        let plan = try LoadingPlan(
            parameters: allParameters(), checkpoint: checkpoint, prefix: prefix, keyMap: keyMap)
        // Converted before any is set, so that a failure leaves the module as it was.
        var values: [(Parameter, Tensor)] = []
        for (parameter, tensor) in plan.assignments {
            values.append((parameter, try tensor.float32()))
        }
        for (parameter, value) in values { try parameter.set(value) }
    }

    /// Writes every parameter below this module under its path as a safetensors file.
    ///
    /// Throws as ``Checkpoint/writeSafetensors(to:tensors:metadata:)``.
    public func save(
        to path: String, metadata: [String: String] = [:]
    ) throws(ProteanError) {
        try Checkpoint.writeSafetensors(
            to: path, tensors: allParameters().map { ($0.name, $0.parameter.value) },
            metadata: metadata)
    }
}

/// Which tensor goes to which parameter; made only when everything fits.
private struct LoadingPlan {
    private(set) var assignments: [(parameter: Parameter, tensor: CheckpointTensor)] = []

    init(
        parameters: [NamedParameter], checkpoint: Checkpoint, prefix: String, keyMap: KeyMap
    ) throws(ProteanError) {
        let start = prefix.isEmpty || prefix.hasSuffix(".") ? prefix : prefix + "."
        let paths = Set(parameters.map(\.name))
        let (keys, unused) = try Self.keysByPath(
            checkpoint.names, start: start, paths: paths, keyMap: keyMap)
        var missing: [String] = []
        var misshapen: [MisshapenParameter] = []
        for named in parameters {
            guard let key = keys[named.name], let tensor = checkpoint[key] else {
                missing.append(start + named.name)
                continue
            }
            if tensor.shape == named.parameter.shape {
                assignments.append((named.parameter, tensor))
            } else {
                misshapen.append(
                    MisshapenParameter(
                        name: key, expected: named.parameter.shape, found: tensor.shape))
            }
        }
        guard missing.isEmpty, unused.isEmpty, misshapen.isEmpty else {
            throw .parameterMismatch(
                file: checkpoint.source, missing: missing, unused: unused, misshapen: misshapen)
        }
    }

    /// The key for each path, and keys that lead to no parameter.
    private static func keysByPath(
        _ names: [String], start: String, paths: Set<String>, keyMap: KeyMap
    ) throws(ProteanError) -> (keys: [String: String], unused: [String]) {
        var keys: [String: String] = [:]
        var unused: [String] = []
        for key in names where key.hasPrefix(start) {
            guard let path = keyMap.path(String(key.dropFirst(start.count))) else { continue }
            guard paths.contains(path) else {
                if !isBatchCounter(key) { unused.append(key) }
                continue
            }
            if let other = keys.updateValue(key, forKey: path) {
                throw .invalidOption(
                    layer: "load", option: "keyMap", expected: "one key per parameter",
                    found: "'\(other)' and '\(key)', both for '\(path)'")
            }
        }
        return (keys, unused)
    }

    /// PyTorch's batch norms count training steps; nothing that runs a network needs that.
    private static func isBatchCounter(_ key: String) -> Bool {
        key == "num_batches_tracked" || key.hasSuffix(".num_batches_tracked")
    }
}
