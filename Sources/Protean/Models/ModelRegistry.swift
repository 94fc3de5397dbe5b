import Synchronization

/// The architectures that can be built by name. Thread-safe.
public final class ModelRegistry: Sendable {
    private struct Entries {
        var order: [any ModelPlugin] = []
        var byName: [String: any ModelPlugin] = [:]
    }
    private let entries: Mutex<Entries>

    /// A registry of the given plug-ins; of several with one name, the first is kept.
    public init(_ plugins: [any ModelPlugin] = []) {
        var initial = Entries()
        for plugin in plugins where initial.byName[plugin.name] == nil {
            initial.byName[plugin.name] = plugin
            initial.order.append(plugin)
        }
        entries = Mutex(initial)
    }

    /// Adds a plug-in.
    ///
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)`` when its name is
    ///   taken.
    public func register(_ plugin: any ModelPlugin) throws(ProteanError) {
        let isNew = entries.withLock {
            guard $0.byName[plugin.name] == nil else { return false }
            $0.byName[plugin.name] = plugin
            $0.order.append(plugin)
            return true
        }
        guard isNew else {
            throw .invalidOption(
                layer: "ModelRegistry", option: "name", expected: "a name that is not taken",
                found: plugin.name)
        }
    }

    /// The plug-ins in order of registration.
    public var plugins: [any ModelPlugin] { entries.withLock { $0.order } }

    /// The names in order of registration.
    public var names: [String] { plugins.map(\.name) }

    /// The plug-in with this name.
    ///
    /// - Throws: ``ProteanError/unknownName(kind:name:known:)``.
    public func plugin(named name: String) throws(ProteanError) -> any ModelPlugin {
        guard let found = entries.withLock({ $0.byName[name] }) else {
            throw .unknownName(kind: "model", name: name, known: names)
        }
        return found
    }

    /// The plug-in with this name, or the one that builds timm's architecture of this name, and the
    /// corresponding options.
    ///
    /// - Throws: ``ProteanError/unknownName(kind:name:known:)``.
    func resolve(
        _ name: String
    ) throws(ProteanError) -> (plugin: any ModelPlugin, options: ModelConfiguration) {
        if let found = entries.withLock({ $0.byName[name] }) { return (found, .init()) }
        for plugin in plugins {
            if let options = plugin.timmArchitectures[name] { return (plugin, .init(options)) }
        }
        return (try plugin(named: name), .init())
    }
}
