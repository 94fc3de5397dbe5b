extension Module {
    /// Sets every parameter below this module from a weight file, strictly.
    ///
    /// Every parameter must be set, every key under `prefix` must be used, and every shape must be
    /// the declared one. PyTorch's counters `num_batches_tracked` are ignored unless the module
    /// declares them. If anything is wrong, all problems are reported at once and no parameter is
    /// set. Values keep PyTorch's axis order. Loading twice is harmless.
    ///
    /// Without a `prefix`, keys are taken as they are. If they do not fit, the parts that wrappers
    /// put in front of all of them (`module.`, `_orig_mod.`, `model.`, several such parts) or into
    /// the middle are removed; if the remaining names fit, they are loaded, and the report says so.
    ///
    /// Float32 values stay views of the file where their alignment allows, so loading costs little
    /// and keeps the file mapped.
    /// - Parameters:
    ///   - checkpoint: the weights.
    ///   - prefix: the path in the file under which the module's keys lie, such as `features.3`;
    ///     other keys are ignored. Empty for the names as they are; nil to detect it.
    ///   - keyMap: turns a key, without the prefix, into a parameter's path.
    /// - Returns: the prefix, and remarks on changes of the names.
    /// - Throws: ``ProteanError/parameterMismatch(file:missing:unused:misshapen:hints:)`` with names
    ///   as in the file, prefix included (a missing one as the identity map would spell it);
    ///   ``ProteanError/invalidOption(layer:option:expected:found:)`` when `keyMap` sends two keys
    ///   to one path; errors of the conversion to Float32.
    @discardableResult
    public func load(
        _ checkpoint: Checkpoint, prefix: String? = nil, keyMap: KeyMap = .identity
    ) throws(ProteanError) -> LoadingReport {
        try load(checkpoint, prefix: prefix) { _ in keyMap }
    }

    /// ``load(_:prefix:keyMap:)`` with a map that depends on the file's keys, which it gets without
    /// the removed parts.
    @discardableResult
    func load(
        _ checkpoint: Checkpoint, prefix: String?, keyMap: (Checkpoint) -> KeyMap
    ) throws(ProteanError) -> LoadingReport {
        let plan = try LoadingPlan.find(
            parameters: allParameters(), checkpoint: checkpoint, prefix: prefix, keyMap: keyMap)
        // Converted before any is set, so that a failure leaves the module as it was.
        var values: [(Parameter, Tensor)] = []
        for (parameter, tensor) in plan.assignments {
            values.append((parameter, try tensor.float32()))
        }
        for (parameter, value) in values { try parameter.set(value) }
        return LoadingReport(
            prefix: plan.reading.prefix, notes: plan.reading.note.map { [$0] } ?? [])
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
