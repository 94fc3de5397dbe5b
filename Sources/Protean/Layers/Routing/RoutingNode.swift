/// A node of a ``RoutingGraph``: the sum of what its edges deliver, a gate, a body, and ports
/// through which results leave.
///
/// ```
/// h = Σ edges,  weights = rule(gate(h)),  port p delivers weight_p · part_p(body(h))
/// ```
/// Per row: a body runs if one of its ports is open, a port's part if that port is. A row whose
/// weights sum to less than ``closesBelow`` closes the node: see ``closed``.
public struct RoutingNode: Sendable {
    /// Where a value comes from.
    public enum Edge: Sendable, Hashable {
        /// The graph's input.
        case input
        /// What a port of an earlier node delivers.
        case node(String, port: Int = 0)
    }

    /// What a node does for a row that closes it.
    public enum Closed: Sendable, Hashable {
        /// Its input leaves unchanged, with weight 1, through this port; the others deliver
        /// nothing.
        case passes(port: Int)
        /// No port delivers anything.
        case ends
    }

    /// What a closed port of an open node delivers.
    public enum ClosedPort: Sendable, Hashable {
        /// Zeros: a node that gets nothing else still runs, on zeros.
        case zeros
        /// Nothing: a node that gets nothing from any edge does not run for the row.
        case nothing
    }

    /// Unique within the graph; the site of its decisions is the graph's path, a dot and this name.
    public let name: String
    /// What is added up, in order.
    public let inputs: [Edge]
    /// One score per port; nil: every port is open with weight 1.
    public let gate: (any DecisionGate)?
    /// How scores become weights.
    public let rule: Rule
    /// Shared by all ports; nil: h itself.
    public let body: (any Layer)?
    /// One part per port; nil: the body's result itself.
    public let ports: [(any Layer)?]
    /// What happens to rows that close the node.
    public let closed: Closed
    /// The smallest sum of weights that keeps the node open.
    public let closesBelow: Float
    /// What a closed port of an open node delivers.
    public let closedPort: ClosedPort

    /// A node; ``RoutingGraph`` checks it.
    public init(
        _ name: String, inputs: [Edge], gate: (any DecisionGate)? = nil, rule: Rule = .nonzero,
        body: (any Layer)? = nil, ports: [(any Layer)?] = [nil], closed: Closed = .ends,
        closesBelow: Float = 0, closedPort: ClosedPort = .nothing
    ) {
        self.name = name
        self.inputs = inputs
        self.gate = gate
        self.rule = rule
        self.body = body
        self.ports = ports
        self.closed = closed
        self.closesBelow = closesBelow
        self.closedPort = closedPort
    }

    /// The parts under default names: `gate`, `body`, `ports.0` ….
    var parts: [NamedModule] {
        (gate.map { [NamedModule("\(name).gate", $0)] } ?? [])
            + (body.map { [NamedModule("\(name).body", $0)] } ?? [])
            + ports.enumerated().compactMap { index, part in
                part.map { NamedModule("\(name).ports.\(index)", $0) }
            }
    }
}
