/// Checks of the modules of a container.
enum ModuleList {
    /// The modules under their names, which must differ.
    static func checked(
        _ modules: [(name: String, module: any Module)], container: String
    ) throws(ProteanError) -> [NamedModule] {
        var seen: Set<String> = []
        for (name, _) in modules where !seen.insert(name).inserted {
            throw .invalidOption(
                layer: container, option: "name", expected: "different names", found: name)
        }
        return modules.map { NamedModule($0.name, $0.module) }
    }

    /// The channels of modules in sequence; throws for neighbours that certainly do not fit.
    static func flow(
        of modules: [(name: String, module: any Module)], container: String,
        _ flow: (any Module) -> ChannelFlow
    ) throws(ProteanError) -> ChannelFlow {
        var whole = ChannelFlow.unchanged
        // The last layer that set the number of channels.
        var setter = ""
        for (name, module) in modules {
            let own = flow(module)
            let place = "layer \(name) (\(module.typeName))"
            if let expected = own.input, let found = whole.output, expected != found {
                throw .channelMismatch(
                    container: container, layer: place, expected: expected, previous: setter,
                    found: found)
            }
            if own.output != nil { setter = place }
            whole = whole.followed(by: own)
        }
        return whole
    }
}
