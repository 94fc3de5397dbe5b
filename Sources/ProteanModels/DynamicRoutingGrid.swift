import Protean

/// The stem and the cells of a ``DynamicRoutingNetwork`` as a graph.
struct DynamicRoutingGrid {
    private let channels: Int
    private let gateBias: Float
    private var parts: [NamedModule] = []
    private var nodes: [RoutingNode] = []
    private var seed: UInt64 = 1

    /// The graph; its outputs are the four maps of the last layer, the finest first.
    static func graph(
        layers: Int, channels: Int, gateBias: Float
    ) throws(ProteanError) -> RoutingGraph {
        var grid = DynamicRoutingGrid(channels: channels, gateBias: gateBias)
        try grid.addStem()
        try grid.addCell(
            "init_layer", scale: 0, inputs: [.node("stem")], goesUp: false, goesDown: true)
        // Ports by which the cells of the layer before deliver, as (name, port) per direction.
        var previous = [Outlets(name: "init_layer", up: nil, down: 1)]
        for layer in 0..<layers {
            let isLast = layer == layers - 1
            var current: [Outlets] = []
            for cell in 0..<min(layer + 2, 4) {
                let name = "all_cell_list.\(layer).\(cell)"
                let goesUp = cell > 0 && !isLast, goesDown = cell < 3 && !isLast
                try grid.addCell(
                    name, scale: cell, inputs: Self.edges(previous, to: cell), goesUp: goesUp,
                    goesDown: goesDown)
                current.append(
                    Outlets(
                        name: name, up: goesUp ? 1 : nil,
                        down: goesDown ? (goesUp ? 2 : 1) : nil))
            }
            previous = current
        }
        return try RoutingGraph(
            parts: grid.parts, nodes: grid.nodes, outputs: previous.map { [.node($0.name)] })
    }

    /// A cell's name and the ports by which it delivers to other scales; port 0 keeps the scale.
    private struct Outlets {
        let name: String
        let up, down: Int?
    }

    private init(channels: Int, gateBias: Float) {
        self.channels = channels
        self.gateBias = gateBias
    }

    /// From the finer cell of the layer before, from the same scale, and from the coarser cell.
    private static func edges(_ previous: [Outlets], to cell: Int) -> [RoutingNode.Edge] {
        var edges: [RoutingNode.Edge] = []
        if cell > 0, let port = previous[cell - 1].down {
            edges.append(.node(previous[cell - 1].name, port: port))
        }
        if cell < previous.count { edges.append(.node(previous[cell].name)) }
        if cell + 1 < previous.count, let port = previous[cell + 1].up {
            edges.append(.node(previous[cell + 1].name, port: port))
        }
        return edges
    }

    private mutating func conv(
        _ name: String, _ inputs: Int, _ outputs: Int, size: Int = 1, stride: Int = 1,
        padding: Int = 0, groups: Int = 1, norm: Bool = true
    ) throws(ProteanError) -> [any Layer] {
        seed += 1
        let conv = try Conv2d(
            inputChannels: inputs, outputChannels: outputs, kernelSize: Size2d(size),
            stride: Size2d(stride), padding: .symmetric(padding), groups: groups, bias: false,
            seed: seed)
        parts.append(NamedModule(name, conv))
        guard norm else { return [conv] }
        let bn = try BatchNorm2d(channels: outputs)
        parts.append(NamedModule(name + ".norm", bn))
        return [conv, bn]
    }

    private mutating func addStem() throws(ProteanError) {
        let c = channels
        var layers: [any Layer] = try conv("stem.stem_1", 3, 64, size: 3, stride: 2) + [ReLU()]
        layers += try conv("stem.stem_2.0", 64, 64, size: 3, padding: 1, groups: 64, norm: false)
        layers += try conv("stem.stem_2.1", 64, 64) + [ReLU()]
        layers += try conv(
            "stem.stem_3.0", 64, 64, size: 3, stride: 2, padding: 1, groups: 64, norm: false)
        layers += try conv("stem.stem_3.1", 64, c) + [ReLU()]
        nodes.append(RoutingNode("stem", inputs: [.input], body: try Sequential(layers)))
    }

    private mutating func addCell(
        _ name: String, scale: Int, inputs: [RoutingNode.Edge], goesUp: Bool, goesDown: Bool
    ) throws(ProteanError) {
        let c = channels << scale
        let op = "\(name).cell_ops._ops.0.op"
        var separable: [any Layer] = []
        for step in 0..<2 {
            separable += try conv(
                "\(op).\(2 * step)", c, c, size: 3, padding: 1, groups: c, norm: false)
            separable += try conv("\(op).\(2 * step + 1)", c, c)
            if step == 0 { separable.append(ReLU()) }
        }
        // Every way out begins with the same ReLU, so it belongs to the body.
        let body = Residual(main: try Sequential(separable), activation: .relu)
        var ports: [(any Layer)?] = [nil]
        if goesUp {
            let narrow = try conv("\(name).res_up.1", c, c / 2)
            let resize = try Resize(scale: 2, mode: .bilinear(alignCorners: false))
            ports.append(try Sequential(narrow + [ReLU(), resize]))
        }
        if goesDown {
            let widen = try conv("\(name).res_down.1", c, 2 * c, stride: 2)
            ports.append(try Sequential(widen + [ReLU()]))
        }
        let gate = try gate(name, c, paths: ports.count)
        nodes.append(
            RoutingNode(
                name, inputs: inputs, gate: gate, body: body, ports: ports,
                closed: .passes(port: 0), closesBelow: 1e-4, closedPort: .zeros))
    }

    private mutating func gate(
        _ name: String, _ c: Int, paths: Int
    ) throws(ProteanError) -> TanhReLUGate {
        let narrow = try conv("\(name).gate_conv_beta.0", c, c / 2)
        seed += 1
        let last = try Conv2d(
            inputChannels: c / 2, outputChannels: paths, kernelSize: 1, seed: seed)
        try last.bias?.set(try Tensor(repeating: gateBias, shape: [paths]))
        parts.append(NamedModule("\(name).gate_conv_beta.2", last))
        let quarter = try Resize(scale: 0.25, mode: .bilinear(alignCorners: false))
        let mean = try AdaptiveAvgPool2d(outputSize: 1)
        return TanhReLUGate(try Sequential([quarter] + narrow + [ReLU(), mean, last]))
    }
}
