import Testing

@testable import Protean

@Suite struct ExactNameTests {
    @Test func twoSpellingsOfOneCharacterAreTwoNames() {
        let composed = "caf\u{E9}", decomposed = "cafe\u{301}"
        #expect(composed == decomposed)
        #expect(ExactName(composed) != ExactName(decomposed))
        #expect(Set([ExactName(composed), ExactName(decomposed)]).count == 2)
        #expect(ExactName(composed) == ExactName("caf" + "\u{E9}"))
    }

    @Test func whatSteersATerminalIsEscaped() {
        #expect("a\u{1B}[31mb\n".escaped == "a\\u{1B}[31mb\\u{A}")
        #expect("\u{202E}abc\u{2066}".escaped == "\\u{202E}abc\\u{2066}")
        #expect("caf\u{E9} 日本".escaped == "caf\u{E9} 日本")
    }
}
