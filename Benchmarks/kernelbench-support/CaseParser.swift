import Foundation

/// Reads case lines: `NAME KERNEL key=value …`, `#` starts a comment, blank lines are ignored.
package struct CaseParser {
    /// The keys of a kernel by its name; nil for an unknown name.
    let keys: (String) -> Set<CaseKey>?
    /// Known kernels, for messages.
    let known: [String]

    /// A parser for the kernels of `registry`.
    package init(registry: KernelRegistry = .standard) {
        keys = { registry.kernel(named: $0).map { $0.requiredKeys.union($0.optionalKeys) } }
        known = registry.names
    }

    /// Every case of a shape file's text, in order. `file` is used in messages.
    package func parse(text: String, file: String) throws(CaseError) -> [BenchmarkCase] {
        var cases: [BenchmarkCase] = []
        var number = 0
        for line in text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline) {
            number += 1
            if let found = try parse(line: String(line), place: "\(file):\(number)") {
                cases.append(found)
            }
        }
        return cases
    }

    /// The case of one line; nil for a blank line or a comment.
    package func parse(line: String, place: String) throws(CaseError) -> BenchmarkCase? {
        let code = line.prefix { $0 != "#" }
        let words = code.split(whereSeparator: \.isWhitespace).map(String.init)
        guard let name = words.first else { return nil }
        guard words.count >= 2, !name.contains("="), !words[1].contains("=") else {
            throw CaseError(
                place: place, expected: "NAME KERNEL key=value …",
                found: "'\(code.trimmingCharacters(in: .whitespaces))'")
        }
        let kernel = words[1]
        guard let allowed = keys(kernel) else {
            throw CaseError(
                place: place, name: name, key: "KERNEL",
                expected: "one of \(known.joined(separator: ", "))", found: "'\(kernel)'")
        }
        var reader = LineReader(place: place, name: name, kernel: kernel, allowed: allowed)
        for word in words.dropFirst(2) { try reader.read(word) }
        return BenchmarkCase(name: name, kernel: kernel, values: reader.values, place: place)
    }

    /// Throws for two cases of the same name: their results could not be distinguished.
    package static func checkUnique(_ cases: [BenchmarkCase]) throws(CaseError) {
        var first: [String: BenchmarkCase] = [:]
        for one in cases {
            if let other = first[one.name] {
                throw one.error(
                    nil, expected: "a name of its own", found: "the name of \(other.place)")
            }
            first[one.name] = one
        }
    }
}

/// Collects the `key=value` words of one line.
private struct LineReader {
    let place: String
    let name: String
    let kernel: String
    let allowed: Set<CaseKey>
    var values: [CaseKey: CaseValue] = [:]

    func error(_ key: String?, _ expected: String, _ found: String) -> CaseError {
        CaseError(place: place, name: name, key: key, expected: expected, found: found)
    }

    mutating func read(_ word: String) throws(CaseError) {
        guard let equals = word.firstIndex(of: "=") else {
            throw error(nil, "key=value", "'\(word)'")
        }
        let text = String(word[word.index(after: equals)...])
        let keyName = String(word[..<equals])
        guard let key = CaseKey(rawValue: keyName), allowed.contains(key) else {
            let list = CaseKey.allCases.filter(allowed.contains).map(\.rawValue)
            throw error(keyName, "a key of \(kernel): \(list.joined(separator: " "))", "'\(word)'")
        }
        guard values[key] == nil else { throw error(keyName, "one value", "a second: '\(text)'") }
        if let clash = Self.clash(of: key, with: values) {
            throw error(keyName, "either r or rh and rw", "also '\(clash.rawValue)'")
        }
        values[key] = try value(text, for: key)
    }

    static func clash(of key: CaseKey, with values: [CaseKey: CaseValue]) -> CaseKey? {
        let others: [CaseKey]
        switch key {
        case .r: others = [.rh, .rw]
        case .rh, .rw: others = [.r]
        default: others = []
        }
        return others.first { values[$0] != nil }
    }

    func value(_ text: String, for key: CaseKey) throws(CaseError) -> CaseValue {
        switch key {
        case .sigma: .real(try real(text, key, in: 0...1000))
        case .density, .changed: .real(try real(text, key, in: 0...1))
        case .pattern, .algorithm, .activation: try word(text, key)
        case .mask: .integer(try integer(text, key, in: 0...1))
        case .pad: .integer(try integer(text, key, in: 0...Self.largest))
        case .seed: .integer(try integer(text, key, in: 0...Int.max))
        default: .integer(try integer(text, key, in: 1...Self.largest))
        }
    }

    /// Far above any real size, far below overflow in sums.
    static let largest = 1 << 24

    func integer(
        _ text: String, _ key: CaseKey, in range: ClosedRange<Int>
    ) throws(CaseError) -> Int {
        guard let value = Int(text), range.contains(value) else {
            throw error(key.rawValue, "a whole number from \(Self.text(range))", "'\(text)'")
        }
        return value
    }

    func real(
        _ text: String, _ key: CaseKey, in range: ClosedRange<Double>
    ) throws(CaseError) -> Double {
        guard let value = Double(text), range.contains(value) else {
            throw error(
                key.rawValue, "a number from \(range.lowerBound) to \(range.upperBound)",
                "'\(text)'")
        }
        return value
    }

    func word(_ text: String, _ key: CaseKey) throws(CaseError) -> CaseValue {
        guard !text.isEmpty else { throw error(key.rawValue, "a word", "nothing") }
        return .word(text)
    }

    static func text(_ range: ClosedRange<Int>) -> String {
        "\(range.lowerBound) to \(range.upperBound)"
    }
}
