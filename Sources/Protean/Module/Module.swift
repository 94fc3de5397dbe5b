import Synchronization

/// A part of a network that owns parameters or other modules.
///
/// Parameters are addressed by path: the names of the modules from the outermost inwards and the
/// parameter's own name, joined by dots, as in PyTorch's `state_dict`. Modules are `Sendable`: one
/// loaded model serves many tasks at once.
public protocol Module: Sendable {
    /// The module's own parameters, in the reference's order.
    var parameters: [NamedParameter] { get }
    /// The module's parts, in the reference's order. A part may occur under one name only.
    var submodules: [NamedModule] { get }
    /// The module's position in a model, for error messages and traces; nil if it keeps none.
    var label: Label? { get }
}

extension Module {
    /// No parameters.
    public var parameters: [NamedParameter] { [] }
    /// No parts.
    public var submodules: [NamedModule] { [] }
    /// No label.
    public var label: Label? { nil }

    /// The type's name, as in error messages and traces.
    public var typeName: String { TypeNames.name(of: type(of: self)) }

    /// The path if the module has one, else its type: the position that errors name.
    public var place: String { label?.place(of: self) ?? typeName }
}

/// Cached names of types: describing a type takes longer than a call of a small layer.
private enum TypeNames {
    private static let known = Mutex<[ObjectIdentifier: String]>([:])

    static func name(of type: any Module.Type) -> String {
        known.withLock { known in
            if let name = known[ObjectIdentifier(type)] { return name }
            let name = String(describing: type)
            known[ObjectIdentifier(type)] = name
            return name
        }
    }
}

/// A module under its name.
public struct NamedModule: Sendable {
    /// One part of a path, such as `conv1` or `0`.
    public let name: String
    /// The module.
    public let module: any Module

    /// Names a module.
    public init(_ name: String, _ module: any Module) {
        self.name = name
        self.module = module
    }
}

/// A module's position in a model. Set by ``Module/assignLabels(prefix:)``.
public final class Label: Sendable {
    private let text = Mutex<String?>(nil)
    /// The type's name, cached on first use: one call of a layer needs it several times.
    private let fallback = Mutex<String?>(nil)

    /// An unset label.
    public init() {}

    /// The path, or nil before one was assigned.
    public var path: String? { text.withLock { $0 } }

    /// The path or, before one was assigned, the type of the module that has this label.
    func place(of module: some Module) -> String {
        if let path { return path }
        return fallback.withLock { known in
            if let known { return known }
            let name = module.typeName
            known = name
            return name
        }
    }

    func assign(_ path: String) { text.withLock { $0 = path } }
}

/// A module that turns one tensor into one tensor.
public protocol Layer: Module {
    /// Applies the layer.
    ///
    /// Given a tensor that carries a shape only, returns the output's shape without computing.
    /// - Throws: ``ProteanError`` when the input does not fit.
    func callAsFunction(_ x: Tensor) throws(ProteanError) -> Tensor

    /// How the layer changes the number of channels; ``ChannelFlow/unknown`` unless a layer
    /// overrides it.
    var channelFlow: ChannelFlow { get }
}

extension Layer {
    /// The output's shape for an input of shape `input`. Computes no values.
    ///
    /// - Throws: ``ProteanError`` when the input does not fit.
    public func outputShape(for input: [Int]) throws(ProteanError) -> [Int] {
        try callAsFunction(Tensor(shapeOnly: input)).shape
    }

    /// The layer's cost for an input of shape `input`. Computes no values.
    ///
    /// Parameters and buffers are those of the layer and its parts (``Module/parameterCount``),
    /// each counted once, whatever a trace reports for the parts.
    /// - Throws: ``ProteanError`` when the input does not fit.
    public func cost(for input: [Int]) throws(ProteanError) -> Cost {
        var cost = try trace(for: input).totalCost
        (cost.parameters, cost.buffers) = (parameterCount, bufferCount)
        return cost
    }

    /// Shapes and costs of every leaf layer for an input of shape `input`. Computes no values.
    ///
    /// - Throws: ``ProteanError`` when the input does not fit.
    public func trace(for input: [Int]) throws(ProteanError) -> Trace {
        let trace = Trace()
        let x = try Tensor(shapeOnly: input)
        _ = try trace.recording { () throws(ProteanError) in try self(x) }
        return trace
    }
}

extension Module {
    /// Every parameter below this module under its full path, depth first.
    public func allParameters(prefix: String = "") -> [NamedParameter] {
        var found = parameters.map { NamedParameter(prefix.appendingPath($0.name), $0.parameter) }
        for part in submodules {
            found += part.module.allParameters(prefix: prefix.appendingPath(part.name))
        }
        return found
    }

    /// The parameter at `path`, such as `layer1.0.conv1.weight`; nil if there is none.
    public func parameter(at path: String) -> Parameter? {
        allParameters().first { $0.name == path }?.parameter
    }

    /// The module at `path`, such as `layer1.0.conv1`; nil if there is none.
    public func module(at path: String) -> (any Module)? {
        if path.isEmpty { return self }
        for part in submodules {
            if path == part.name { return part.module }
            if path.hasPrefix(part.name + "."),
                let found = part.module.module(at: String(path.dropFirst(part.name.count + 1)))
            {
                return found
            }
        }
        return nil
    }

    /// Number of values that training adjusts, as PyTorch counts parameters: without buffers.
    public var parameterCount: Int { count { !$0.isBuffer } }

    /// Number of stored values that are not parameters, such as batch norms' means and variances.
    public var bufferCount: Int { count { $0.isBuffer } }

    private func count(where counts: (Parameter) -> Bool) -> Int {
        allParameters().reduce(0) { $0 + (counts($1.parameter) ? $1.parameter.count : 0) }
    }

    /// Tells every module below this one its path, for error messages and traces.
    public func assignLabels(prefix: String = "") {
        if !prefix.isEmpty { label?.assign(prefix) }
        for part in submodules {
            part.module.assignLabels(prefix: prefix.appendingPath(part.name))
        }
    }
}

extension String {
    /// Joins two parts of a path by a dot; an empty part adds nothing.
    func appendingPath(_ name: String) -> String {
        if isEmpty { return name }
        return name.isEmpty ? self : "\(self).\(name)"
    }
}
