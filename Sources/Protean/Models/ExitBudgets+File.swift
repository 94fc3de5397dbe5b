extension ExitBudgets {
    /// The longest file that is read, in bytes.
    public static let maximumLength = 1 << 20
    /// The value of `format` in a file.
    private static let format = "protean-exit-budgets"

    /// The table in a file, for a model that it was made for.
    ///
    /// - Throws: ``ProteanError/fileAccess(file:reason:)``;
    ///   ``ProteanError/weightFile(file:problem:)`` for what is no JSON;
    ///   ``ProteanError/invalidOption(layer:option:expected:found:)`` for a missing or wrong value,
    ///   and for a table of another model, of other weights, or with another number of exits.
    public static func read(
        _ path: String, for model: Model
    ) throws(ProteanError) -> ExitBudgets {
        let bytes = try SmallFile.bytes(path, limit: maximumLength, what: "a table of budgets")
        let table = try ExitBudgets(json: bytes, source: path)
        try table.check(for: model, source: path)
        return table
    }

    /// The table in a JSON text. Throws as ``read(_:for:)``; `source` is the file in errors.
    public init(json: [UInt8], source: String) throws(ProteanError) {
        let root = try ModelConfiguration(json: json, source: source)
        func required<T>(_ option: String, _ value: T?) throws(ProteanError) -> T {
            guard let value else {
                throw .invalidOption(
                    layer: source, option: option, expected: "a value", found: "none")
            }
            return value
        }
        let format = try required("format", try root.string("format"))
        guard format == Self.format, try root.integer("version") == 1 else {
            throw .invalidOption(
                layer: source, option: "format", expected: "'\(Self.format)', version 1",
                found: "'\(format)'")
        }
        let name = try required("criterion", try root.string("criterion"))
        guard let criterion = Criterion(name) else {
            throw .invalidOption(
                layer: source, option: "criterion",
                expected: Criterion.names.joined(separator: ", "), found: "'\(name)'")
        }
        guard case .array(let list)? = root.values["budgets"] else {
            throw .invalidOption(
                layer: source, option: "budgets", expected: "a list of objects",
                found: root.values["budgets"]?.description ?? "none")
        }
        var entries: [Entry] = []
        for value in list {
            guard case .object(let members) = value else {
                throw .invalidOption(
                    layer: source, option: "budgets", expected: "a list of objects",
                    found: value.description)
            }
            let entry = ModelConfiguration(members)
            let thresholds = try required("thresholds", try entry.numbers("thresholds"))
            entries.append(
                Entry(
                    thresholds: thresholds.map { Float($0) },
                    meanCost: try required(
                        "mean_multiply_adds", try entry.number("mean_multiply_adds")),
                    accuracy: try required("accuracy", try entry.number("accuracy")),
                    shares: try required("shares", try entry.numbers("shares"))))
        }
        try self.init(
            model: try required("model", try root.string("model")),
            fingerprint: try required("fingerprint", try root.string("fingerprint")),
            criterion: criterion, split: try required("split", try root.string("split")),
            seed: try root.integer("seed"),
            samples: try required("samples", try root.integer("samples")),
            costs: try required("multiply_adds", try root.integers("multiply_adds")),
            entries: entries)
    }

    /// Throws unless the table was made for this model with its present weights.
    ///
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)`` with `source` as the
    ///   layer.
    public func check(for model: Model, source: String) throws(ProteanError) {
        guard let network = (model.module as? any HasExits)?.exits else {
            throw .invalidOption(
                layer: source, option: "model", expected: "a network with exits",
                found: "'\(model.plugin.name)'")
        }
        guard network.exitCount == costs.count else {
            throw .invalidOption(
                layer: source, option: "multiply_adds",
                expected: "\(network.exitCount), one for each exit of '\(model.plugin.name)'",
                found: "\(costs.count)")
        }
        guard self.model == model.plugin.name else {
            throw .invalidOption(
                layer: source, option: "model", expected: "'\(model.plugin.name)'",
                found: "'\(self.model)'")
        }
        let found = model.module.fingerprint
        guard fingerprint == found else {
            throw .invalidOption(
                layer: source, option: "fingerprint",
                expected: "\(found), that of the weights in use", found: fingerprint)
        }
    }

    /// The thresholds that ship with a model; nil for a model without any, and for one with other
    /// weights than those it ships with.
    ///
    /// - Throws: as ``read(_:for:)``, which is a defect of the plug-in.
    public static func embedded(in model: Model) throws(ProteanError) -> ExitBudgets? {
        guard model.source == Model.embeddedSource, let json = model.plugin.embeddedBudgets else {
            return nil
        }
        let source = "budgets of \(model.plugin.name)"
        let table = try ExitBudgets(json: json, source: source)
        try table.check(for: model, source: source)
        return table
    }

    /// Writes the table to a file, which is replaced as a whole.
    ///
    /// - Throws: ``ProteanError/fileAccess(file:reason:)``.
    public func write(to path: String) throws(ProteanError) {
        try OutputFile.write(Array(json.utf8), to: path)
    }

    /// The table as JSON: the same table gives the same text.
    public var json: String {
        let lists = entries.map { entry in
            """
                {
                  "thresholds": \(Self.list(entry.thresholds)),
                  "mean_multiply_adds": \(entry.meanCost),
                  "accuracy": \(entry.accuracy),
                  "shares": \(Self.list(entry.shares))
                }
            """
        }
        return """
            {
              "format": \(JSONValue.quoted(Self.format)),
              "version": 1,
              "model": \(JSONValue.quoted(model)),
              "fingerprint": \(JSONValue.quoted(fingerprint)),
              "criterion": \(JSONValue.quoted(criterion.description)),
              "split": \(JSONValue.quoted(split)),
              "seed": \(seed.map { "\($0)" } ?? "null"),
              "samples": \(samples),
              "multiply_adds": \(Self.list(costs)),
              "budgets": [
            \(lists.joined(separator: ",\n"))
              ]
            }

            """
    }

    private static func list(_ values: [some CustomStringConvertible]) -> String {
        "[\(values.map(\.description).joined(separator: ", "))]"
    }
}
