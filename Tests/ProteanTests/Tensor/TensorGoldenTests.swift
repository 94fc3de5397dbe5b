import Testing

@testable import Protean

/// Operations on tensors of any shape against PyTorch and NumPy;
/// Tests/Golden/generate/tensor_operations.py made the values.
@Suite struct TensorGoldenTests {
    typealias Operation = @Sendable (Tensor) throws -> Tensor

    static let file = Result {
        try Checkpoint.open(GoldenFiles.path("layers/tensor_operations.safetensors"))
    }

    static func input(_ name: String) throws -> Tensor { try file.get().tensor("inputs.\(name)") }

    /// Compares with a value of the file on every instruction set and with every number of threads.
    static func check(
        _ name: String, tolerance: Double = 1e-6, _ body: () throws -> Tensor
    ) throws {
        let expected = try file.get().tensor(name)
        try MapTest.everywhere(body) { isa, y in
            MapTest.expect(
                y, shape: expected.shape, expected.elements.map(Double.init),
                tolerance: tolerance, "\(name) \(isa)")
        }
    }

    static let pairs = [
        ("x", "column"), ("x", "row"), ("x", "mixed"), ("x", "scalar"), ("mixed", "one"),
        ("left", "right"), ("row", "x"), ("x", "x"),
    ]

    @Test(arguments: pairs) func broadcasting(_ left: String, _ right: String) throws {
        let a = try Self.input(left)
        var b = try Self.input(right)
        if left == right { b = try b.flipped(axes: [0]) }
        let name = "\(left).\(right)"
        try Self.check("add.\(name)") { try a + b }
        try Self.check("subtract.\(name)") { try a - b }
        try Self.check("multiply.\(name)") { try a * b }
        try Self.check("divide.\(name)") { try a / b }
        try Self.check("power.\(name)") { try a.abs().power(b) }
        try Self.check("maximum.\(name)") { try a.maximum(b) }
        try Self.check("minimum.\(name)") { try a.minimum(b) }
        try Self.check("less.\(name)") { try a .< b }
        try Self.check("where.\(name)") { try Operations.where(a .< b, a, b) }
    }

    @Test func specialValuesInPairs() throws {
        let x = try Self.input("special")
        let a = try x.expandedDimensions(axis: 1)
        try Self.check("special.eq") { try a .== x }
        try Self.check("special.ne") { try a .!= x }
        try Self.check("special.lt") { try a .< x }
        try Self.check("special.le") { try a .<= x }
        try Self.check("special.gt") { try a .> x }
        try Self.check("special.ge") { try a .>= x }
        try Self.check("special.maximum") { try a.maximum(x) }
        try Self.check("special.minimum") { try a.minimum(x) }
        try Self.check("special.pow") { try a.power(x) }
    }

    static let functions: [(String, Operation)] = [
        ("abs", { try $0.abs() }), ("sign", { try $0.sign() }), ("floor", { try $0.floor() }),
        ("ceil", { try $0.ceil() }), ("round", { try $0.round() }), ("sqrt", { try $0.sqrt() }),
        ("reciprocal", { try $0.reciprocal() }), ("log", { try $0.log() }),
        ("square", { try $0.square() }), ("neg", { try -$0 }), ("rsqrt", { try $0.rsqrt() }),
        ("clamp", { try $0.clamp(low: -1, high: 2) }),
    ]

    @Test(arguments: functions) func eachElement(_ name: String, _ operation: Operation) throws {
        let x = try Self.input("special")
        try Self.check("unary.\(name)") { try operation(x) }
    }

    @Test func exponentials() throws {
        let x = try Self.input("exponents")
        try Self.check("unary.exp") { try x.exp() }
    }

    static let axes: [[Int]] = [
        [0], [1], [2], [3], [0, 1], [1, 2], [2, 3], [0, 2], [1, 3], [0, 3], [0, 1, 2], [0, 1, 3],
        [0, 1, 2, 3],
    ]

    @Test(arguments: axes, [false, true]) func reductions(_ axes: [Int], _ keep: Bool) throws {
        let x = try Self.input("x")
        let name = axes.map(String.init).joined() + (keep ? ".keep" : "")
        // Negative axes in half of the cases.
        let axes = keep ? axes.map { $0 - 4 } : axes
        try Self.check("sum.\(name)") { try x.sum(axes: axes, keepDimensions: keep) }
        try Self.check("mean.\(name)") { try x.mean(axes: axes, keepDimensions: keep) }
        try Self.check("variance.\(name)") { try x.variance(axes: axes, keepDimensions: keep) }
        try Self.check("biased.\(name)") {
            try x.variance(axes: axes, unbiased: false, keepDimensions: keep)
        }
        try Self.check("deviation.\(name)") {
            try x.standardDeviation(axes: axes, keepDimensions: keep)
        }
        try Self.check("norm.\(name)") { try x.norm(axes: axes, keepDimensions: keep) }
        try Self.check("max.\(name)") { try x.max(axes: axes, keepDimensions: keep) }
        try Self.check("min.\(name)") { try x.min(axes: axes, keepDimensions: keep) }
        try Self.check("logSumExp.\(name)") { try x.logSumExp(axes: axes, keepDimensions: keep) }
        try Self.check("product.\(name)") { try x.product(axes: axes, keepDimensions: keep) }
    }

    @Test(arguments: 0..<4) func alongOneAxis(_ axis: Int) throws {
        let x = try Self.input("x")
        try Self.check("argMax.\(axis)") { try x.argMax(axis: axis) }
        try Self.check("argMin.\(axis)") { try x.argMin(axis: axis - 4, keepDimensions: true) }
        try Self.check("softmax.\(axis)") { try x.softmax(axis: axis) }
        try Self.check("logSoftmax.\(axis)") { try x.logSoftmax(axis: axis) }
        let indices = try Self.input("indices.\(axis)")
        try Self.check("gather.\(axis)") { try x.gather(axis: axis, indices: indices) }
        try Self.check("indexSelect.\(axis)") {
            try x.indexSelect(axis: axis, indices: [1, 0, 1])
        }
    }

    @Test(arguments: [
        "plain", "batch", "shared", "broadcast", "vectors", "vector.matrix", "matrix.vector",
        "batch.vector", "vector.batch", "tall", "empty", "none",
    ])
    func products(_ name: String) throws {
        let a = try Self.input("matmul.\(name).a"), b = try Self.input("matmul.\(name).b")
        try Self.check("matmul.\(name)", tolerance: 4e-6) { try a.matmul(b) }
    }

    @Test func arrangements() throws {
        let x = try Self.input("x"), mixed = try Self.input("mixed")
        try Self.check("tile") { try x.tiled([2, 1, 1, 3, 2]) }
        try Self.check("repeat") { try x.repeatedEntries(count: 3, axis: 2) }
        try Self.check("flip") { try x.flipped(axes: [1, -1]) }
        try Self.check("slice") {
            try x.slice([
                .all, AxisSlice(from: 1), AxisSlice(step: 3), AxisSlice(from: -4, to: -1),
            ])
        }
        try Self.check("transpose") { try x.transposed(1, 3) }
        try Self.check("stack") { try Operations.stack([x, -x], axis: 2) }
        try Self.check("broadcast") { try mixed.broadcast(to: [2, 3, 4, 7]) }
        for (i, part) in try x.chunk(2, axis: 3).enumerated() {
            try Self.check("chunk.\(i)") { part }
        }
        for (i, part) in try x.split(sizes: [1, 2, 1], axis: 2).enumerated() {
            try Self.check("split.\(i)") { part }
        }
    }

    @Test func everyValueOfTheFileIsTried() throws {
        let names = try Self.file.get().names.filter { !$0.hasPrefix("inputs.") }
        let reductions = 13 * 2 * 10, alongAxes = 4 * 6
        #expect(
            names.count == 8 * 9 + 9 + 12 + 1 + reductions + alongAxes + 12 + 7 + 2 + 3)
    }
}
