import Foundation

/// A row of the table of activations.
struct ActivationRow: Sendable {
    /// The numbers of a function that has any, in double precision.
    typealias Numbers = (first: Double, second: Double)

    /// The function, with PyTorch's default numbers where it has any.
    let activation: Activation
    /// The first name is the one used in messages; lookups ignore case, `_` and `-`.
    let names: [String]
    let formula: String
    /// The function of x and its numbers, in double precision.
    let value: @Sendable (_ x: Double, _ numbers: Numbers) -> Double
    /// Its derivative by x. Where that jumps, the value is PyTorch's.
    let derivative: @Sendable (_ x: Double, _ numbers: Numbers) -> Double
}

/// The table of activations, one row each.
enum ActivationTable {
    static let rows: [ActivationRow] = [
        ActivationRow(
            activation: .identity, names: ["identity", "none", "linear"],
            formula: "x",
            value: { x, _ in x },
            derivative: { _, _ in 1 }),
        ActivationRow(
            activation: .relu, names: ["relu"],
            formula: "max(x, 0)",
            value: { x, _ in x < 0 ? 0 : x },
            derivative: { x, _ in x > 0 ? 1 : 0 }),
        ActivationRow(
            activation: .relu6, names: ["relu6"],
            formula: "min(max(x, 0), 6)",
            value: { x, _ in clamped(x, 0, 6) },
            derivative: { x, _ in x > 0 && x < 6 ? 1 : 0 }),
        ActivationRow(
            activation: .leakyReLU(slope: 0.01), names: ["leaky_relu"],
            formula: "x for x > 0, else slope · x",
            value: { x, its in x > 0 ? x : its.first * x },
            derivative: { x, its in x > 0 ? 1 : its.first }),
        ActivationRow(
            activation: .sigmoid, names: ["sigmoid"],
            formula: "1 / (1 + e⁻ˣ)",
            value: { x, _ in logistic(x) },
            derivative: { x, _ in logistic(x) * logistic(-x) }),
        ActivationRow(
            activation: .hardSigmoid, names: ["hard_sigmoid"],
            formula: "min(max(x + 3, 0), 6) / 6",
            value: { x, _ in clamped(x + 3, 0, 6) / 6 },
            derivative: { x, _ in x > -3 && x < 3 ? 1 / 6 : 0 }),
        ActivationRow(
            activation: .hardSwish, names: ["hard_swish"],
            formula: "x · min(max(x + 3, 0), 6) / 6",
            value: { x, _ in x * clamped(x + 3, 0, 6) / 6 },
            derivative: { x, _ in x <= -3 ? 0 : x <= 3 ? x / 3 + 0.5 : 1 }),
        ActivationRow(
            activation: .silu, names: ["silu", "swish"],
            formula: "x / (1 + e⁻ˣ)",
            value: { x, _ in x * logistic(x) },
            derivative: { x, _ in logistic(x) * (1 + x * logistic(-x)) }),
        ActivationRow(
            activation: .gelu, names: ["gelu"],
            formula: "x / 2 · (1 + erf(x / √2))",
            value: { x, _ in x * normalDistribution(x) },
            derivative: { x, _ in
                normalDistribution(x) + x * exp(-x * x / 2) / (2 * Double.pi).squareRoot()
            }),
        ActivationRow(
            activation: .geluTanh, names: ["gelu_tanh", "gelu_pytorch_tanh"],
            formula: "x / 2 · (1 + tanh(√(2 / π) · (x + 0.044715 x³)))",
            value: { x, _ in x * logistic(2 * geluArgument(x)) },
            derivative: { x, _ in
                let s = logistic(2 * geluArgument(x)), rest = logistic(-2 * geluArgument(x))
                let slope = (2 / Double.pi).squareRoot() * (1 + 3 * 0.044715 * x * x)
                return s + x * s * rest * 2 * slope
            }),
        ActivationRow(
            activation: .mish, names: ["mish"],
            formula: "x · tanh(log(1 + eˣ))",
            value: { x, _ in x * Foundation.tanh(softplus(x)) },
            derivative: { x, _ in
                let t = Foundation.tanh(softplus(x))
                return t + x * (1 - t * t) * logistic(x)
            }),
        ActivationRow(
            activation: .tanh, names: ["tanh"],
            formula: "tanh(x)",
            value: { x, _ in Foundation.tanh(x) },
            derivative: { x, _ in 1 - Foundation.tanh(x) * Foundation.tanh(x) }),
        ActivationRow(
            activation: .softplus(), names: ["softplus"],
            formula: "x for beta · x > threshold, else log(1 + e^(beta · x)) / beta",
            value: { x, its in
                let z = its.first * x
                return z > its.second ? x : softplus(z) / its.first
            },
            derivative: { x, its in
                its.first * x > its.second ? 1 : logistic(its.first * x)
            }),
        ActivationRow(
            activation: .elu(), names: ["elu"],
            formula: "x for x > 0, else alpha · (eˣ − 1)",
            value: { x, its in x > 0 ? x : its.first * expm1(x) },
            derivative: { x, its in x > 0 ? 1 : its.first * exp(x) }),
        ActivationRow(
            activation: .celu(), names: ["celu"],
            formula: "x for x > 0, else alpha · (e^(x / alpha) − 1)",
            value: { x, its in x > 0 ? x : its.first * expm1(x / its.first) },
            derivative: { x, its in x > 0 ? 1 : exp(x / its.first) }),
        ActivationRow(
            activation: .selu, names: ["selu"],
            formula: "1.0507 · (x for x > 0, else 1.67326 · (eˣ − 1))",
            value: { x, _ in seluScale * (x > 0 ? x : seluAlpha * expm1(x)) },
            derivative: { x, _ in seluScale * (x > 0 ? 1 : seluAlpha * exp(x)) }),
        ActivationRow(
            activation: .hardtanh(), names: ["hardtanh"],
            formula: "min(max(x, min), max)",
            value: { x, its in clamped(x, its.first, its.second) },
            derivative: { x, its in x > its.first && x < its.second ? 1 : 0 }),
    ]

    /// The constants with which SELU keeps mean 0 and variance 1.
    private static let seluScale = 1.0507009873554805, seluAlpha = 1.6732632423543772

    /// The row of a function, whatever its numbers.
    static func row(of activation: Activation) -> ActivationRow {
        // A test checks that every kind has a row.
        rows.first { $0.activation.kind == activation.kind } ?? rows[0]
    }
}

/// NaN stays NaN.
private func clamped(_ x: Double, _ low: Double, _ high: Double) -> Double {
    x < low ? low : x > high ? high : x
}

private func logistic(_ x: Double) -> Double { 1 / (1 + exp(-x)) }

/// The distribution function of the normal distribution, exact in the left tail too.
private func normalDistribution(_ x: Double) -> Double { erfc(-x / 2.0.squareRoot()) / 2 }

private func geluArgument(_ x: Double) -> Double {
    (2 / Double.pi).squareRoot() * (x + 0.044715 * x * x * x)
}

/// log(1 + eˣ) without overflow.
private func softplus(_ x: Double) -> Double { max(x, 0) + log1p(exp(-abs(x))) }

extension Activation {
    /// One of each kind, with PyTorch's default numbers, such as a slope of 0.01.
    public static let all: [Activation] = ActivationTable.rows.map(\.activation)

    /// All names that ``init(named:)`` knows, as they are usually written.
    public static let names: [String] = ActivationTable.rows.flatMap(\.names)

    /// The name used in messages and benchmarks, such as `hard_swish`.
    public var name: String { ActivationTable.row(of: self).names[0] }

    /// The formula, such as `max(x, 0)`.
    public var formula: String { ActivationTable.row(of: self).formula }

    /// The function of one value in double precision: the reference for tests of the kernels. Slow.
    public func value(at x: Double) -> Double {
        ActivationTable.row(of: self).value(x, exactNumbers)
    }

    /// The derivative at one value in double precision. Where it jumps, the value is PyTorch's.
    /// Slow.
    public func derivative(at x: Double) -> Double {
        ActivationTable.row(of: self).derivative(x, exactNumbers)
    }

    private var exactNumbers: ActivationRow.Numbers {
        (Double(numbers.first), Double(numbers.second))
    }

    private static let byName: [String: Activation] = {
        var found: [String: Activation] = [:]
        for row in ActivationTable.rows {
            for name in row.names { found[plain(name)] = row.activation }
        }
        return found
    }()

    private static func plain(_ name: String) -> String {
        name.lowercased().filter { $0 != "_" && $0 != "-" }
    }

    /// The activation that PyTorch or timm call by this name: `relu`, `ReLU6`, `hard_swish`,
    /// `Hardswish`, `silu`, `swish`, `gelu`, `gelu_tanh`, `leaky_relu` (slope 0.01), `elu` (alpha 1) and so on.
    ///
    /// Case, `_` and `-` are ignored.
    /// - Throws: ``ProteanError/unknownName(kind:name:known:)`` for any other name.
    public init(named name: String) throws(ProteanError) {
        guard let found = Self.byName[Self.plain(name)] else {
            throw .unknownName(
                kind: "activation", name: name, known: Self.byName.keys.sorted())
        }
        self = found
    }
}
