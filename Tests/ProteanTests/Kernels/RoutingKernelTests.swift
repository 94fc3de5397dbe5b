import Testing

@testable import Protean

@Suite struct RoutingKernelTests {
    struct Case: CustomTestStringConvertible {
        var batch = 3
        var channels: Int
        var hidden: Int?
        var outputs: [Int]
        var activation = RoutingHead.Activation.sigmoid
        var temperature: Float = 1
        var tolerance = 4e-6
        var testDescription: String {
            "\(batch)x\(channels) hidden \(hidden ?? 0) -> \(outputs) \(activation)"
        }
    }

    static let cases = [
        Case(channels: 1, outputs: [1]),
        Case(channels: 33, outputs: [4], activation: .softmax),
        Case(
            batch: 1, channels: 17, hidden: 5, outputs: [7], activation: .softmax, temperature: 34),
        Case(batch: 9, channels: 24, hidden: 16, outputs: [24, 31, 9, 4], temperature: 2.5),
        Case(batch: 20, channels: 8, hidden: 1, outputs: [3], activation: .identity),
        // Logits are sums of terms of some hundreds in all, each rounded to 2⁻²⁴ of its size.
        Case(
            batch: 33, channels: 515, hidden: 67, outputs: [515, 4], temperature: 0.5,
            tolerance: 2e-5),
        Case(batch: 0, channels: 5, hidden: 3, outputs: [2]),
    ]

    private static func arguments(
        _ one: Case
    ) throws -> (pooled: Tensor, hidden: (weight: Tensor, bias: Tensor?)?, heads: [RoutingHead]) {
        let width = one.hidden ?? one.channels
        let hidden = try one.hidden.map {
            (
                weight: try Tensor.random([$0, one.channels], seed: 2),
                bias: Optional(try Tensor.random([$0], seed: 3))
            )
        }
        let heads = try one.outputs.enumerated().map { index, outputs in
            RoutingHead(
                weight: try Tensor.random([outputs, width, 1, 1], seed: UInt64(10 + index)),
                bias: index == 1 ? nil : try Tensor.random([outputs], seed: UInt64(20 + index)),
                activation: index == 3 ? .softmax : one.activation)
        }
        return (try Tensor.random([one.batch, one.channels]), hidden, heads)
    }

    private static func expected(_ one: Case) throws -> [[Double]] {
        let (pooled, hidden, heads) = try arguments(one)
        let rows = (0..<one.batch).map { sample in
            let x = pooled.elements[sample * one.channels..<(sample + 1) * one.channels]
            let values = x.map { Double($0) }
            guard let hidden else { return values }
            return RoutingReference.product(hidden.weight, hidden.bias, values).map { max(0, $0) }
        }
        let temperature = Double(one.temperature)
        return heads.map { head in
            rows.flatMap { row in
                let logits = RoutingReference.product(head.weight, head.bias, row)
                switch head.activation {
                case .identity: return logits.map { $0 / temperature }
                case .sigmoid: return RoutingReference.sigmoid(logits, temperature)
                case .softmax: return RoutingReference.softmax(logits, temperature)
                }
            }
        }
    }

    @Test(arguments: cases)
    func agreesWithLoopsInDouble(_ one: Case) throws {
        let (pooled, hidden, heads) = try Self.arguments(one)
        let expected = try Self.expected(one)
        for index in heads.indices {
            try MapTest.everywhere {
                try Operations.routing(
                    pooled, hidden: hidden, heads: heads, temperature: one.temperature)[index]
            } check: { isa, found in
                MapTest.expect(
                    found, shape: [one.batch, one.outputs[index]], expected[index],
                    tolerance: one.tolerance, "\(isa), head \(index)")
            }
        }
    }

    @Test func aSampleDoesNotDependOnTheOthers() throws {
        let one = Self.cases[3]
        let (pooled, hidden, heads) = try Self.arguments(one)
        for isa in KernelISA.supported {
            try Runtime.with(isa: isa) {
                let all = try Operations.routing(pooled, hidden: hidden, heads: heads)
                for sample in 0..<one.batch {
                    let alone = try Operations.routing(
                        pooled.sample(sample), hidden: hidden, heads: heads)
                    for (whole, part) in zip(all, alone) {
                        #expect(try whole.sample(sample).isBitEqual(to: part))
                    }
                }
            }
        }
    }

    @Test func largeLogitsDoNotOverflowAndNaNStaysInItsSample() throws {
        let identity = try Tensor([1, 0, 0, 1], shape: [2, 2])
        let pooled = try Tensor([1e30, -1e30, .nan, 1, 3, 3], shape: [3, 2])
        for isa in KernelISA.supported {
            try Runtime.with(isa: isa) {
                func run(_ activation: RoutingHead.Activation) throws -> [Float] {
                    let head = RoutingHead(weight: identity, activation: activation)
                    return try Operations.routing(pooled, heads: [head])[0].elements
                }
                let softmax = try run(.softmax)
                #expect(softmax[0] == 1 && softmax[1] == 0)
                #expect(softmax[2].isNaN && softmax[3].isNaN)
                #expect(softmax[4] == 0.5 && softmax[5] == 0.5)
                let sigmoid = try run(.sigmoid)
                #expect(sigmoid[0] == 1 && sigmoid[1] == 0 && sigmoid[2].isNaN)
                #expect(sigmoid[4] == sigmoid[5] && sigmoid[4] > 0.95)
            }
        }
    }

    @Test func reluKeepsNaN() throws {
        let hidden = (weight: try Tensor([1], shape: [1, 1]), bias: nil as Tensor?)
        let head = RoutingHead(weight: try Tensor([1], shape: [1, 1]), activation: .sigmoid)
        let pooled = try Tensor([.nan, -2], shape: [2, 1])
        for isa in KernelISA.supported {
            let y = try Runtime.with(isa: isa) {
                try Operations.routing(pooled, hidden: hidden, heads: [head])[0].elements
            }
            #expect(y[0].isNaN && y[1] == 0.5)
        }
    }

    @Test func whatDoesNotFitIsNamed() throws {
        let pooled = try Tensor(zeros: [2, 4])
        func refused(
            _ name: String, pooled: Tensor = pooled, hidden: [Int]? = nil, weight: [Int],
            bias: [Int]? = nil
        ) throws {
            let head = RoutingHead(
                weight: try Tensor(zeros: weight), bias: try bias.map { try Tensor(zeros: $0) },
                activation: .softmax)
            let error = #expect(throws: ProteanError.self) {
                let units = try hidden.map { (weight: try Tensor(zeros: $0), bias: nil as Tensor?) }
                return try Operations.routing(pooled, hidden: units, heads: [head])
            }
            guard case .shapeMismatch("routing", name, _, _) = error else {
                Issue.record("unexpected \(String(describing: error))")
                return
            }
        }
        try refused("pooled", pooled: Tensor(zeros: [2, 4, 1]), weight: [3, 4])
        try refused("heads[0].weight", weight: [3, 5])
        try refused("heads[0].weight", weight: [3, 4, 2, 1])
        try refused("heads[0].bias", weight: [3, 4], bias: [4])
        try refused("hidden.weight", hidden: [6, 3], weight: [3, 6])
        try refused("heads[0].weight", hidden: [6, 4], weight: [3, 4])
        for temperature in [0, -1, .nan, .infinity] as [Float] {
            let error = #expect(throws: ProteanError.self) {
                try Operations.routing(pooled, heads: [], temperature: temperature)
            }
            guard case .invalidOption(_, "temperature", _, _) = error else {
                Issue.record("unexpected \(String(describing: error))")
                continue
            }
        }
    }

    @Test func shapesPassThrough() throws {
        let head = RoutingHead(weight: try Tensor(zeros: [3, 4]), activation: .softmax)
        let found = try Operations.routing(Tensor(shapeOnly: [5, 4]), heads: [head, head])
        #expect(found.map(\.shape) == [[5, 3], [5, 3]] && found.allSatisfy(\.isShapeOnly))
    }
}
