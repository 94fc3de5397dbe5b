import Protean

extension CIFARResNet: StageableNetwork {
    /// The network as a list of steps.
    ///
    /// - Throws: ``ProteanError/invalidOption(layer:option:expected:found:)`` for a network with
    ///   attention.
    public func blueprint() throws(ProteanError) -> NetworkBlueprint {
        var steps = NetworkBlueprint(classifierName: classifierName, classifier: classifier)
        var last = steps.add(
            "conv1", .convolution(conv1, norm: .init("bn1", bn1), activation: .relu),
            reading: NetworkBlueprint.image)
        for (stage, blocks) in stages.enumerated() {
            for part in blocks.submodules {
                guard let block = part.module as? CIFARResNetBlock, block.gate == nil else {
                    throw .invalidOption(
                        layer: "CIFARResNet", option: "gates", expected: "none, to be staged",
                        found: "attention in every block")
                }
                last = block.add(
                    to: &steps, behind: last, name: "layer\(stage + 1).\(part.name)")
            }
        }
        return steps
    }
}

extension CIFARResNetBlock {
    /// Appends the block's steps; returns the index of the last.
    fileprivate func add(
        to steps: inout NetworkBlueprint, behind x: Int, name: String
    ) -> Int {
        let side: Int
        let channels = conv2.geometry.outputChannels
        if let downsample, let conv = downsample.submodules[0].module as? Conv2d,
            let norm = downsample.submodules[1].module as? BatchNorm2d
        {
            side = steps.add(
                "\(name).downsample.0",
                .convolution(conv, norm: .init("\(name).downsample.1", norm)), reading: x)
        } else if stride != 1 || conv1.geometry.inputChannels != channels {
            side = steps.add(
                "\(name).shortcut", .padChannels(stride: stride, channels: channels), reading: x)
        } else {
            side = x
        }
        let first = steps.add(
            "\(name).conv1",
            .convolution(conv1, norm: .init("\(name).bn1", bn1), activation: .relu), reading: x)
        return steps.add(
            "\(name).conv2",
            .convolution(conv2, norm: .init("\(name).bn2", bn2), activation: .relu),
            reading: first, side)
    }
}
