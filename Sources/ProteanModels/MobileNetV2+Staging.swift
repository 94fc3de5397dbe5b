import Protean

extension MobileNetV2: StageableNetwork {
    /// The network as a list of steps.
    public func blueprint() throws(ProteanError) -> NetworkBlueprint {
        var steps = NetworkBlueprint(classifierName: "classifier.1", classifier: classifier)
        var last = stem.add(
            to: &steps, behind: NetworkBlueprint.image, conv: "features.0.0", norm: "features.0.1")
        for (index, block) in blocks.enumerated() {
            last = block.add(to: &steps, behind: last, name: "features.\(index + 1)")
        }
        let path = "features.\(blocks.count + 1)"
        _ = self.last.add(to: &steps, behind: last, conv: "\(path).0", norm: "\(path).1")
        return steps
    }
}

extension MobileNetV2Conv {
    fileprivate func add(
        to steps: inout NetworkBlueprint, behind x: Int, residual: Int? = nil, conv path: String,
        norm normPath: String
    ) -> Int {
        steps.add(
            path, .convolution(conv, norm: .init(normPath, norm), activation: activation),
            reading: [x] + (residual.map { [$0] } ?? []))
    }
}

extension MobileNetV2Block {
    fileprivate func add(to steps: inout NetworkBlueprint, behind x: Int, name: String) -> Int {
        var last = x
        for (index, part) in head.enumerated() {
            let path = "\(name).conv.\(index)"
            last = part.add(to: &steps, behind: last, conv: "\(path).0", norm: "\(path).1")
        }
        return project.add(
            to: &steps, behind: last, residual: adds ? x : nil,
            conv: "\(name).conv.\(head.count)", norm: "\(name).conv.\(head.count + 1)")
    }
}
