import Protean

/// MSDNets, alone, boosted (BoostNet) or collaborating (IMTA).
struct MSDNetPlugin: ModelPlugin {
    /// What is built on the blocks.
    enum Form: Sendable {
        case plain
        case boosted
        case collaborating
    }

    let name: String
    let summary: String
    let options: MSDNet.Options
    var form = Form.plain

    var inputShape: [Int] { options.images.inputShape }
    var preprocessing: ImagePreprocessing? { options.images.preprocessing(options.classes) }
    var classNames: [String] { options.images.classNames(options.classes) }

    var landmarkKeys: [String] {
        let prefix = form == .collaborating ? "net." : ""
        let last = options.blocks - 1
        let own = form == .collaborating ? ["isc_modules.0.0.weight"] : []
        return [
            "\(prefix)blocks.0.0.layers.2.net.0.weight",
            "\(prefix)classifier.\(last).m.0.net.0.weight",
            "\(prefix)classifier.\(last).linear.weight",
        ] + own
    }

    static let keys = [
        "blocks", "base", "step", "stepmode", "channels", "growth", "grFactor", "bnFactor", "prune",
        "bottleneck", "reduction", "num_classes",
    ]

    func makeModel(configuration: ModelConfiguration) throws(ProteanError) -> any Layer {
        let boosted = form == .boosted
        try configuration.requireOnly(known: Self.keys + (boosted ? ["ensemble_reweight"] : []))
        var options = options
        options.blocks = try configuration.integer("blocks", default: options.blocks)
        options.base = try configuration.integer("base", default: options.base)
        options.step = try configuration.integer("step", default: options.step)
        options.steps = try configuration.choice("stepmode", default: options.steps)
        options.channels = try configuration.integer("channels", default: options.channels)
        options.growth = try configuration.integer("growth", default: options.growth)
        options.growthFactors = try configuration.factors("grFactor") ?? options.growthFactors
        // The bottlenecks follow the channels unless they are given, as in all published recipes.
        options.bottleneckFactors = try configuration.factors("bnFactor") ?? options.growthFactors
        options.pruning = try configuration.choice("prune", default: options.pruning)
        options.bottleneck = try configuration.bool("bottleneck", default: options.bottleneck)
        options.reduction = try configuration.number("reduction", default: options.reduction)
        options.classes = try configuration.integer("num_classes", default: options.classes)
        if boosted { options.boosting = try configuration.boosting(exits: options.blocks) }
        return form == .collaborating ? try IMTA.network(options) : try MSDNet.network(options)
    }

    /// IMTA's files may have a wrapper's name in the middle.
    func keyMap(for checkpoint: Checkpoint) -> KeyMap {
        form == .collaborating ? .replacingPrefix("net.module.", with: "net.") : .identity
    }

    static let all: [any ModelPlugin] = plain + boosted + collaborating

    private static let cifar10: MSDNet.Options = {
        var options = MSDNet.Options()
        options.classes = 10
        return options
    }()

    private static let plain = [
        MSDNetPlugin(
            name: "msdnet_cifar100",
            summary: "MSDNet for CIFAR-100 with ten exits, the authors' keys (arXiv 1703.09844)",
            options: MSDNet.Options()),
        MSDNetPlugin(
            name: "msdnet_cifar10",
            summary: "MSDNet for CIFAR-10 with ten exits, the authors' keys (arXiv 1703.09844)",
            options: cifar10),
        MSDNetPlugin(
            name: "msdnet_imagenet",
            summary: "MSDNet for ImageNet with five exits, the authors' keys (arXiv 1703.09844)",
            options: .imageNet(step: 4)),
    ]

    private static let boosted = [
        MSDNetPlugin(
            name: "boostnet_msdnet_cifar100",
            summary: "BoostNet on MSDNet for CIFAR-100, the authors' keys (arXiv 2211.16726)",
            options: MSDNet.Options(), form: .boosted),
        MSDNetPlugin(
            name: "boostnet_msdnet_imagenet",
            summary: "BoostNet on MSDNet for ImageNet, the authors' keys (arXiv 2211.16726)",
            options: .imageNet(step: 7), form: .boosted),
    ]

    private static let collaborating = [
        MSDNetPlugin(
            name: "imta_cifar100",
            summary: "IMTA on MSDNet for CIFAR-100, the authors' keys (arXiv 1908.06294)",
            options: MSDNet.Options(), form: .collaborating),
        MSDNetPlugin(
            name: "imta_cifar10",
            summary: "IMTA on MSDNet for CIFAR-10, the authors' keys (arXiv 1908.06294)",
            options: cifar10, form: .collaborating),
        MSDNetPlugin(
            name: "imta_imagenet",
            summary: "IMTA on MSDNet for ImageNet, the authors' keys (arXiv 1908.06294)",
            options: .imageNet(step: 4), form: .collaborating),
    ]
}

extension ExitBlocks.Images {
    var inputShape: [Int] { self == .cifar ? [1, 32, 32, 3] : [1, 224, 224, 3] }

    /// The conversion of the authors' data loaders.
    func preprocessing(_ classes: Int) -> ImagePreprocessing {
        if self == .imageNet { return ImageNet.torchvisionPreprocessing }
        let isTen = classes == 10
        return ImagePreprocessing(
            resizeShorterSide: 32, interpolation: .bilinear, cropHeight: 32, cropWidth: 32,
            mean: isTen ? [0.4914, 0.4824, 0.4467] : [0.5071, 0.4867, 0.4408],
            deviation: isTen ? [0.2471, 0.2435, 0.2616] : [0.2675, 0.2565, 0.2761])
    }

    func classNames(_ classes: Int) -> [String] {
        if self == .imageNet { return ImageNet.classNames }
        return classes == 10 ? CIFARResNetPlugin.classNames : []
    }
}

extension ModelConfiguration {
    /// One of an option's texts. Throws
    /// ``ProteanError/invalidOption(layer:option:expected:found:)`` for another.
    func choice<T: RawRepresentable<String> & CaseIterable>(
        _ name: String, default fallback: T
    ) throws(ProteanError) -> T {
        guard let text = try string(name) else { return fallback }
        guard let value = T(rawValue: text) else {
            let known = T.allCases.map { "\"\($0.rawValue)\"" }
            throw .invalidOption(
                layer: "configuration", option: name, expected: known.joined(separator: " or "),
                found: "\"\(text)\"")
        }
        return value
    }

    /// Factors as a list, or as the reference writes them: "1-2-4". Throws as
    /// ``choice(_:default:)``.
    func factors(_ name: String) throws(ProteanError) -> [Int]? {
        guard case .string(let text)? = values[name] else { return try integers(name) }
        let parts = text.split(separator: "-", omittingEmptySubsequences: false)
        let numbers = parts.compactMap { Int($0) }
        guard numbers.count == parts.count, numbers.allSatisfy({ $0 > 0 }) else {
            throw .invalidOption(
                layer: "configuration", option: name,
                expected: "whole numbers such as [1, 2, 4] or \"1-2-4\"", found: "\"\(text)\"")
        }
        return numbers
    }

    /// BoostNet's factors for every exit after the first, 0.5 by default: one number for all, two
    /// between which factors lie evenly, or one for every exit, the first of which is not used.
    ///
    /// Throws as ``choice(_:default:)``.
    func boosting(exits: Int) throws(ProteanError) -> [Float] {
        let name = "ensemble_reweight"
        var given = [0.5]
        if case .number(let number)? = values[name] {
            given = [number]
        } else if let list = try numbers(name) {
            given = list
        }
        switch given.count {
        case 1: return [Float](repeating: Float(given[0]), count: max(0, exits - 1))
        case exits: return given.dropFirst().map { Float($0) }
        case 2:
            let step = (given[1] - given[0]) / Double(max(1, exits - 1))
            return (1..<max(1, exits)).map { Float(given[0] + step * Double($0)) }
        default:
            throw .invalidOption(
                layer: "configuration", option: name, expected: "1, 2 or \(exits) numbers",
                found: "\(given.count)")
        }
    }
}
