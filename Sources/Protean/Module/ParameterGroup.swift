/// Parameters under a common name, for layers whose reference groups them: `zw.super_linear_w`.
struct ParameterGroup: Module {
    var parameters: [NamedParameter] = []
    var submodules: [NamedModule] = []
}
