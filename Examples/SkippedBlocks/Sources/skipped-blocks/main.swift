import Protean

/// Numbers from the command line, `--name value`.
struct Options {
    var channels = 64, size = 28, batch = 16, blocks = 8, turns = 15, threads = 0
    var share = 0.5

    init(_ words: [String]) throws {
        var rest = words.makeIterator()
        while let name = rest.next() {
            guard let value = rest.next() else { throw Bad(what: "no value for \(name)") }
            switch name {
            case "--channels": channels = try Self.number(value)
            case "--size": size = try Self.number(value)
            case "--batch": batch = try Self.number(value)
            case "--blocks": blocks = try Self.number(value)
            case "--turns": turns = try Self.number(value)
            case "--threads": threads = try Self.number(value)
            case "--share":
                guard let number = Double(value), (0...1).contains(number) else {
                    throw Bad(what: "--share \(value): not in 0...1")
                }
                share = number
            default: throw Bad(what: "unknown option \(name)")
            }
        }
    }

    struct Bad: Error { let what: String }

    private static func number(_ text: String) throws -> Int {
        guard let number = Int(text), number > 0, number <= 4096 else {
            throw Bad(what: "\(text): not a whole number of 1...4096")
        }
        return number
    }
}

/// The same blocks with and without decisions.
struct Twins {
    var skipping: [SkipBlock] = []
    var steps: [(first: FusedConv2d, second: FusedConv2d)] = []

    init(_ options: Options) throws {
        for index in 0..<options.blocks {
            let seed = UInt64(2 * index)
            func conv(_ seed: UInt64) throws -> Conv2d {
                try Conv2d(
                    inputChannels: options.channels, outputChannels: options.channels,
                    kernelSize: 3, padding: 1, bias: false, seed: seed)
            }
            let convs = [try conv(seed), try conv(seed + 1)]
            let norms = [
                try BatchNorm2d(channels: options.channels),
                try BatchNorm2d(channels: options.channels),
            ]
            let first = try FusedConv2d(convs[0], norms[0], .relu)
            let second = try FusedConv2d(convs[1], norms[1], .relu)
            steps.append((first, second))
            skipping.append(
                try SkipBlock(
                    parts: [NamedModule("conv1", convs[0]), NamedModule("conv2", convs[1])],
                    steps: [first, second]))
        }
    }

    func runStatic(_ x: Tensor) throws -> Tensor {
        var y = x
        for (first, second) in steps { y = try second(try first(y), residual: y) }
        return y
    }

    func run(_ x: Tensor, _ plans: [RowPlan]) throws -> Tensor {
        var y = x
        for (block, plan) in zip(skipping, plans) { try block.apply(to: &y, running: plan) }
        return y
    }
}

/// The smallest time of each body over all turns, in milliseconds; bodies run by turns.
func times(_ turns: Int, _ bodies: [() throws -> Tensor]) throws -> [Double] {
    var best = [Double](repeating: .infinity, count: bodies.count)
    for turn in -2..<turns {
        for (index, body) in bodies.enumerated() {
            let start = ContinuousClock.now
            _ = try body()
            let elapsed = (ContinuousClock.now - start) / .milliseconds(1)
            if turn >= 0 { best[index] = min(best[index], elapsed) }
        }
    }
    return best
}

/// Each block's running rows: `share` of them, other ones in every block.
func plans(_ options: Options, batch: Int) throws -> [RowPlan] {
    let count = Int((Double(batch) * options.share).rounded())
    return try (0..<options.blocks).map { block in
        let rows = (0..<batch).map { ($0 * 7 + block * 3) % batch }
        return try RowPlan(rows: Array(Set(rows.prefix(count))).sorted(), batch: batch)
    }
}

func rounded(_ value: Double) -> String {
    let scaled = (value * 1000).rounded() / 1000
    return "\(scaled)"
}

func measure(_ options: Options) throws {
    let twins = try Twins(options)
    func input(_ batch: Int) throws -> Tensor {
        let shape = [batch, options.size, options.size, options.channels]
        let count = shape.reduce(1, *)
        return try Tensor((0..<count).map { Float($0 % 251) / 251 - 0.4 }, shape: shape)
    }
    let x = try input(options.batch), one = try input(1)
    let some = try plans(options, batch: options.batch)
    let all = [RowPlan](repeating: RowPlan(all: 1), count: options.blocks)
    let found = try times(
        options.turns,
        [
            { try twins.runStatic(x) }, { try twins.run(x, some) },
            { try twins.runStatic(one) }, { try twins.run(one, all) },
        ])
    let kept = Double(some.reduce(0) { $0 + $1.count }) / Double(options.batch * options.blocks)
    let (size, channels) = (options.size, options.channels)
    print("\(options.blocks) blocks of \(channels) channels, \(size) x \(size) pixels")
    print(
        "batch \(options.batch): static \(rounded(found[0])) ms, skipping \(rounded(found[1])) ms")
    print("  executed \(rounded(kept)), time \(rounded(found[1] / found[0]))")
    print("  saved: theoretical \(rounded(1 - kept)), realised \(rounded(1 - found[1] / found[0]))")
    print("batch 1, all on: static \(rounded(found[2])) ms, skipping \(rounded(found[3])) ms")
    print("  overhead \(rounded(100 * (found[3] / found[2] - 1))) %")
}

let options = try Options(Array(CommandLine.arguments.dropFirst()))
if options.threads > 0 {
    try Runtime.with(threads: options.threads) { try measure(options) }
} else {
    try measure(options)
}
