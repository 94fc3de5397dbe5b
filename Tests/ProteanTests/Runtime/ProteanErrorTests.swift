import Testing

@testable import Protean

@Suite struct ProteanErrorTests {
    /// Names come from files and may hold what steers a terminal.
    @Test func descriptionsAreOneLineWithoutControlCharacters() {
        let bad = "a\u{1B}[31m\n\u{202E}b"
        let misshapen = MisshapenParameter(name: bad, expected: [1], found: [2])
        let errors: [ProteanError] = [
            .shapeMismatch(layer: bad, tensor: bad, expected: bad, found: [1]),
            .invalidOption(layer: bad, option: bad, expected: bad, found: bad),
            .channelMismatch(
                container: bad, layer: bad, expected: 1, previous: bad, found: 2),
            .sizeOverflow(layer: bad, what: bad), .outOfMemory(layer: bad, bytes: 1),
            .unsupportedISA(requested: bad, supported: [bad]),
            .weightFile(file: bad, problem: .duplicateName(bad)),
            .parameterMismatch(
                file: bad, missing: [bad], unused: [bad], misshapen: [misshapen], hints: [bad]),
            .missingTensor(file: bad, name: bad, similar: [bad]),
            .unknownName(kind: bad, name: bad, known: [bad]),
            .fileAccess(file: bad, reason: bad), .noValues(layer: bad),
            .kernel(layer: bad, reason: bad), .cancelled,
        ]
        for error in errors {
            for text in [error.description, error.fullDescription] {
                #expect(text == text.escaped, "\(text)")
                #expect(!text.isEmpty)
            }
        }
    }
}
