import Protean

/// SkipNets under the names of their parameters as published.
struct SkipNetPlugin: ModelPlugin {
    let name: String
    let summary: String
    private let backbone: SkipNet.Backbone
    private let gates: SkipNet.Gates

    var inputShape: [Int] { backbone.inputShape }
    var classNames: [String] { backbone.classNames }
    var preprocessing: ImagePreprocessing? { backbone.preprocessing }

    var landmarkKeys: [String] {
        let gate =
            switch gates {
            case .feedForward(.pooledPair): "group3_gate1.conv2.weight"
            case .feedForward(.single): "group3_gate1.linear_layer.weight"
            case .recurrent: "control.rnn.weight_ih_l0"
            }
        return [gate, "fc.weight"] + backbone.lastBlocks { "group\($0)_layer\($1).conv1.weight" }
    }

    func makeModel(configuration: ModelConfiguration) throws(ProteanError) -> any Layer {
        try configuration.requireOnly(known: ["num_classes"])
        return try SkipNet(
            backbone, gates: gates,
            classes: try configuration.integer("num_classes", default: backbone.classes))
    }

    /// The second copy of a shortcut is left out; one that stands alone is the shortcut.
    func keyMap(for checkpoint: Checkpoint) -> KeyMap {
        let names = Set(checkpoint.names)
        return KeyMap { key in
            guard let twin = Self.shortcut(of: key) else { return key }
            return names.contains(twin) ? nil : twin
        }
    }

    /// Refuses a file whose copies of a shortcut differ.
    func check(_ checkpoint: Checkpoint) throws(ProteanError) {
        for name in checkpoint.names {
            guard let twin = Self.shortcut(of: name), checkpoint[twin] != nil else { continue }
            let (copy, original) = (try checkpoint.tensor(name), try checkpoint.tensor(twin))
            guard copy.shape != original.shape || copy.elements != original.elements else {
                continue
            }
            throw .weightFile(
                file: checkpoint.source,
                problem: .malformed(
                    what: "copy '\(name)'", reason: "it differs from '\(twin)', the same shortcut"))
        }
    }

    /// `group2_layer0.downsample.0.weight` for `group2_ds0.0.weight`, with any prefix; nil for keys
    /// that are no second copy.
    private static func shortcut(of key: String) -> String? {
        let parts = key.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count >= 3 else { return nil }
        let at = parts.count - 3
        let name = parts[at].split(separator: "_", omittingEmptySubsequences: false)
        guard name.count == 2, name[0].hasPrefix("group"), name[1].hasPrefix("ds") else {
            return nil
        }
        let block = "\(name[0])_layer\(name[1].dropFirst(2)).downsample"
        return (parts[..<at].map(String.init) + [block] + parts[(at + 1)...].map(String.init))
            .joined(separator: ".")
    }

    private init(_ backbone: SkipNet.Backbone, _ gates: SkipNet.Gates) {
        self.backbone = backbone
        self.gates = gates
        let kind = gates == .recurrent ? "rnn" : "ff"
        let words = gates == .recurrent ? "a recurrent gate" : "feed-forward gates"
        name = "skipnet_\(kind)\(backbone.layers)\(backbone.suffix)"
        summary =
            "SkipNet-\(backbone.layers) for \(backbone.dataSet) with \(words), the published keys "
            + "(arXiv 1711.09485)"
    }

    static let all: [any ModelPlugin] = [
        SkipNetPlugin(.cifar(depth: 38), .feedForward(.pooledPair)),
        SkipNetPlugin(.cifar(depth: 74), .feedForward(.pooledPair)),
        SkipNetPlugin(.cifar(depth: 110), .feedForward(.single)),
        SkipNetPlugin(.cifar(depth: 38), .recurrent),
        SkipNetPlugin(.cifar(depth: 74), .recurrent),
        SkipNetPlugin(.cifar(depth: 110), .recurrent),
        SkipNetPlugin(.imageNet(layers: 50), .recurrent),
        SkipNetPlugin(.imageNet(layers: 101), .recurrent),
    ]
}

/// What plug-ins of networks that skip blocks share.
extension SkipNet.Backbone {
    var isLarge: Bool { if case .imageNet = self { true } else { false } }
    var inputShape: [Int] { isLarge ? [1, 224, 224, 3] : [1, 32, 32, 3] }
    var classes: Int { isLarge ? 1000 : 10 }
    var suffix: String { isLarge ? "" : "_cifar" }
    var dataSet: String { isLarge ? "ImageNet" : "CIFAR-10" }

    var layers: Int {
        switch self {
        case .cifar(let depth): depth
        case .imageNet(let layers): layers
        }
    }

    var classNames: [String] { isLarge ? ImageNet.classNames : CIFARResNetPlugin.classNames }

    var preprocessing: ImagePreprocessing? {
        isLarge ? ImageNet.torchvisionPreprocessing : CIFARResNetPlugin.preprocessing
    }

    /// A key of the last block of every group, from the group's number, from 1, and the block's.
    func lastBlocks(_ key: (_ group: Int, _ block: Int) -> String) -> [String] {
        guard let plan = try? SkipBackbone(self) else { return [] }
        var last: [Int: Int] = [:]
        for unit in plan.units { last[unit.group] = unit.index }
        return last.sorted { $0.key < $1.key }.map { key($0.key + 1, $0.value) }
    }
}
