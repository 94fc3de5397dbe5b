/// Modules in sequence, each with the layers fused into its kernel; sequential containers run
/// these.
///
/// A ``FoldsNorm`` layer folds the norm after it, an ``AcceptsEpilogue`` layer applies the
/// activation after that.
struct FusedSteps: Sendable {
    private enum Work: Sendable {
        case layer(any Layer)
        case kernel(any EpilogueKernel)
        case multiInput(any MultiInputKernel)

        var epilogueParts: EpilogueParts {
            switch self {
            case .layer: []
            case .kernel(let kernel): kernel.epilogueParts
            case .multiInput(let kernel): kernel.epilogueParts
            }
        }
    }

    private struct Step: Sendable {
        let name: String
        let module: any Module
        var work: Work
        var activation = Activation.identity
    }

    private let steps: [Step]
    /// The parts that the last step's kernel can apply.
    let epilogueParts: EpilogueParts

    /// The modules under their names: ``Layer``s and, with `inputs` in the call, ``MultiInputLayer``s.
    ///
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)`` for another module.
    init(
        _ modules: [(name: String, module: any Module)], container: String
    ) throws(ProteanError) {
        var steps: [Step] = []
        var rest = modules[...]
        while let (name, module) = rest.popFirst() {
            var step = Step(name: name, module: module, work: try Self.work(module, container))
            if let norm = rest.first?.module as? any FoldableNorm,
                let folded = try Self.folded(norm, into: module)
            {
                step.work = folded
                rest.removeFirst()
            }
            if step.work.epilogueParts.contains(.activation),
                let next = rest.first?.module as? any ActivationLayer
            {
                step.activation = next.activation
                rest.removeFirst()
            }
            steps.append(step)
        }
        self.steps = steps
        let last = steps.last
        epilogueParts = last?.activation == .identity ? last?.work.epilogueParts ?? [] : []
    }

    private static func work(
        _ module: any Module, _ container: String
    ) throws(ProteanError) -> Work {
        if let kernel = module as? any AcceptsEpilogue { return .kernel(kernel) }
        if let layer = module as? any Layer { return .layer(layer) }
        if let layer = module as? any MultiInputLayer { return .multiInput(layer) }
        throw .invalidOption(
            layer: container, option: "layers", expected: "a Layer or a MultiInputLayer",
            found: module.typeName)
    }

    private static func folded(
        _ norm: any FoldableNorm, into module: any Module
    ) throws(ProteanError) -> Work? {
        if let layer = module as? any FoldsNorm { return .kernel(try layer.folding(norm)) }
        guard let layer = module as? any MultiInputLayer else { return nil }
        return try layer.folding(norm).map { .multiInput($0) }
    }

    /// The last step's result, followed by `epilogue`.
    ///
    /// - Throws: ``ProteanError`` with the position of the layer in which it happened.
    func callAsFunction(
        _ x: Tensor, with inputs: [Tensor] = [], epilogue: Conv2dEpilogue? = nil,
        place: @autoclosure () -> String
    ) throws(ProteanError) -> Tensor {
        var y = x
        // Parts that the last kernel cannot apply follow as separate operations.
        let fuses = epilogue.map { epilogueParts.isSuperset(of: $0.parts) } ?? false
        for (index, step) in steps.enumerated() {
            do throws(ProteanError) {
                switch step.work {
                case .layer(let layer):
                    y = try layer(y)
                case .kernel(let kernel):
                    let given = fuses && index == steps.count - 1 ? epilogue : nil
                    y = try kernel(
                        y, epilogue: given ?? Conv2dEpilogue(activation: step.activation))
                case .multiInput(let kernel):
                    let given = fuses && index == steps.count - 1 ? epilogue : nil
                    y = try kernel(
                        y, with: inputs,
                        epilogue: given ?? Conv2dEpilogue(activation: step.activation))
                }
            } catch {
                throw error.positioned(step.name, of: step.module)
            }
        }
        guard let epilogue, !fuses else { return y }
        return try epilogue.applied(to: y, layer: place())
    }
}
