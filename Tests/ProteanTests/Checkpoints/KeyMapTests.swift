import Testing

@testable import Protean

@Suite struct KeyMapTests {
    @Test func mapsAreAppliedFromLeftToRight() {
        let map = KeyMap.removingPrefix("backbone.")
            .then(.replacing(".downsample.", with: ".shortcut."))
            .then(.dropping(prefix: "head."))
            .then(.addingPrefix("net."))
        #expect(map("backbone.layer1.downsample.0.weight") == "net.layer1.shortcut.0.weight")
        #expect(map("fc.weight") == "net.fc.weight")
        #expect(map("head.weight") == nil)
        #expect(map("backbone.head.weight") == nil)
        #expect(KeyMap.addingPrefix("a.").then(.removingPrefix("a."))("b") == "b")
        #expect(KeyMap { _ in nil }.then(.addingPrefix("a."))("b") == nil)
        #expect(KeyMap.identity.then(.identity)("x.y") == "x.y")
    }

    @Test func replacingFindsEveryOccurrence() {
        #expect(KeyMap.replacing("ab", with: "c")("ababab.ab") == "ccc.c")
        #expect(KeyMap.replacing("aa", with: "a")("aaaaa") == "aaa")
        #expect(KeyMap.replacing("", with: "x")("abc") == "abc")
        #expect(KeyMap.replacing("abc", with: "")("abc") == "")
        #expect(KeyMap.replacingPrefix("a.", with: "b.")("a.a.c") == "b.a.c")
        #expect(KeyMap.replacingPrefix("a.", with: "b.")("c.a.") == "c.a.")
    }

    /// Swift's equality of texts joins the two spellings of é; keys are bytes.
    @Test func textsAreComparedByTheirBytes() {
        let composed = "\u{e9}.", decomposed = "e\u{301}."
        #expect(Array(KeyMap.removingPrefix(composed)(decomposed + "w")!.utf8).count == 5)
        #expect(KeyMap.removingPrefix(composed)(composed + "w") == "w")
        #expect(KeyMap.dropping(prefix: composed)(decomposed + "w") != nil)
        #expect(KeyMap.replacing("e", with: "a")(decomposed) == "a\u{301}.")
    }
}
