/// Reads Swift sources as far as it takes to say which folder's types a folder names.
struct SwiftLayering {
    struct File {
        let folder, name, text: String
    }

    /// The folders, from the lowest; each may name its own types and those of folders before it.
    let order: [String]
    private let level: [String: Int]

    init(order: [String]) {
        self.order = order
        level = Dictionary(uniqueKeysWithValues: order.enumerated().map { ($1, $0) })
    }

    /// What is wrong: a line per file and type that is declared above the file's folder, and per folder
    /// that is not in the order.
    func violations(in files: [File]) -> [String] {
        var found = Set(files.map(\.folder)).subtracting(order).map { "\($0) is in no order" }
        let sources = files.map { ($0, Self.code(of: $0.text)) }
        // Where each name is declared at the top of a file, and where at any depth.
        var homes: [String: Set<Int>] = [:], nested: [String: Set<Int>] = [:]
        for (file, code) in sources {
            guard let at = level[file.folder] else { continue }
            for declared in Self.declarations(in: code) {
                if declared.depth == 0 { homes[declared.name, default: []].insert(at) }
                nested[declared.name, default: []].insert(at)
            }
        }
        for (file, code) in sources {
            guard let at = level[file.folder] else { continue }
            for name in Set(Self.typeNames(in: code)).sorted() {
                guard let home = homes[name]?.min(), home > at else { continue }
                // The same name may belong to something of this folder or below it.
                if nested[name, default: []].contains(where: { $0 <= at }) { continue }
                found.append("\(file.folder)/\(file.name) names \(order[home])'s \(name)")
            }
        }
        return found
    }

    /// Types, and depths of braces at which they are declared.
    static func declarations(in code: String) -> [(name: String, depth: Int)] {
        var found: [(String, Int)] = []
        var depth = 0
        var previous = ""
        let kinds: Set = ["struct", "class", "enum", "protocol", "actor", "typealias"]
        for token in tokens(of: code) {
            if token == "{" { depth += 1 }
            if token == "}" { depth -= 1 }
            if kinds.contains(previous), token.first?.isLetter == true, token != "func",
                token != "var"
            {
                found.append((token, depth))
            }
            previous = token
        }
        return found
    }

    /// Words that begin with a capital letter.
    static func typeNames(in code: String) -> [String] {
        tokens(of: code).filter { $0.first?.isUppercase == true }
    }

    /// Words and single other characters.
    private static func tokens(of code: String) -> [String] {
        var found: [String] = []
        var word = ""
        for character in code {
            if character.isLetter || character.isNumber || character == "_" {
                word.append(character)
                continue
            }
            if !word.isEmpty { found.append(word) }
            word = ""
            if !character.isWhitespace { found.append(String(character)) }
        }
        return word.isEmpty ? found : found + [word]
    }

    /// The text without comments and without the text of strings; what strings interpolate stays.
    static func code(of text: String) -> String {
        var reader = CodeReader(text)
        return reader.code()
    }
}

/// Copies code, and skips comments and the text of string literals.
private struct CodeReader {
    private let text: [Character]
    private var at = 0
    private var result = ""

    init(_ text: String) { self.text = Array(text) }

    mutating func code() -> String {
        readCode(until: nil)
        return result
    }

    private func sees(_ word: String) -> Bool {
        at + word.count <= text.count && text[at..<at + word.count].elementsEqual(word)
    }

    /// Copies up to the end, or up to the parenthesis that closes an interpolation.
    private mutating func readCode(until end: Character?) {
        var depth = 0
        while at < text.count {
            if sees("//") {
                while at < text.count, !text[at].isNewline { at += 1 }
            } else if sees("/*") {
                skipComment()
            } else if let hashes = stringStart() {
                skipString(hashes)
            } else {
                if text[at] == "(" { depth += 1 }
                if text[at] == ")" {
                    if depth == 0, end == ")" { return }
                    depth -= 1
                }
                result.append(text[at])
                at += 1
            }
        }
    }

    /// Comments of this kind nest.
    private mutating func skipComment() {
        var depth = 0
        repeat {
            if sees("/*") {
                depth += 1
                at += 2
            } else if sees("*/") {
                depth -= 1
                at += 2
            } else {
                at += 1
            }
        } while depth > 0 && at < text.count
        result.append(" ")
    }

    /// The number of `#` before a quotation mark here; nil where no string begins.
    private func stringStart() -> Int? {
        var end = at
        while end < text.count, text[end] == "#" { end += 1 }
        return end < text.count && text[end] == "\"" ? end - at : nil
    }

    private mutating func skipString(_ hashes: Int) {
        at += hashes
        let quote = sees("\"\"\"") ? "\"\"\"" : "\""
        let pounds = String(repeating: "#", count: hashes)
        at += quote.count
        result.append(" ")
        while at < text.count {
            if sees(quote + pounds) {
                at += quote.count + hashes
                return
            }
            if sees("\\" + pounds + "(") {
                at += 2 + hashes
                result.append(" ")
                readCode(until: ")")
                result.append(" ")
                at += 1
            } else if sees("\\") && hashes == 0 {
                at += 2
            } else {
                at += 1
            }
        }
    }
}
