import Foundation
import Protean
import ProteanImage
import Testing

/// File names that are no UTF-8.
@Suite struct FileNameTests {
    /// A folder with inputs under names that have the bytes 0xFF and 0xFE, if its file system takes
    /// them.
    private func folder() throws -> TemporaryFolder? {
        let folder = try TemporaryFolder()
        let x = try Tensor([-1, 2, -3, 4], shape: [1, 1, 2, 2])
        try Checkpoint.writeSafetensors(to: folder.path("plain"), tensors: [("x", x)])
        try Image(width: 8, height: 8, channels: 3, pixels: .init(repeating: 200, count: 192))
            .writePNG(to: folder.path("plain.png"))
        let moved = try shell(
            #"mv plain "$(printf 'in\377')" && mv plain.png "$(printf '\376.png')""#, in: folder)
        return moved.status == 0 ? folder : nil
    }

    @Test func theyAreReadAndWritten() throws {
        guard let folder = try folder() else { return }
        let info = try shell(#""$P" info "$(printf 'in\377')""#, in: folder)
        #expect(info.status == 0, "\(info.errors)")
        #expect(info.output.contains(#"in\xFF: safetensors, 1 tensors"#), "\(info.output)")
        let apply = try shell(
            #""$P" apply MaxPool2d --config '{"kernel_size": 1}' --input "$(printf 'in\377')" "#
                + #"--output "$(printf 'y\200\377')" "#
                + #"&& mv "$(printf 'y\200\377')" y"#, in: folder)
        #expect(apply.status == 0, "\(apply.errors)")
        #expect(try Checkpoint.open(folder.path("y")).tensor("y").elements == [-1, 2, -3, 4])
        let run = try shell(
            #""$P" run protean_tiny --image "$(printf '\376.png')""#, in: folder)
        #expect(run.status == 0 && run.output.contains(#"\xFE.png"#), "\(run.errors)")
        let report = try shell(
            #""$K" --case 'a copy h=2 w=2 c=2' --threads 1 --min-time 0.001 "#
                + #"--json "$(printf '\377')" && mv "$(printf '\377')" j"#, in: folder)
        #expect(report.status == 0 && folder.exists("j"), "\(report.errors)")
    }

    @Test func errorsSpellThem() throws {
        let folder = try TemporaryFolder()
        let result = try shell(#""$P" info "$(printf 'no/\377\033.pth')""#, in: folder)
        #expect(result.status == 1)
        #expect(
            result.errors == #"protean: no/\xFF\u{1B}.pth: No such file or directory"# + "\n",
            "\(result.errors)")
    }

    /// Names that are text already stay what they are, in every spelling of é.
    @Test func textStaysAsItIs() throws {
        let folder = try TemporaryFolder()
        for name in ["é", "e\u{301}", "名前", "\u{10F7FF}"] {
            try Checkpoint.writeSafetensors(
                to: folder.path("plain"), tensors: [("x", try Tensor(zeros: [1]))])
            let octal = name.utf8.map { "\\" + String($0, radix: 8) }.joined()
            let result = try shell(
                #"n="$(printf '\#(octal)')"; mv plain "$n"; "$P" info "$n""#, in: folder)
            #expect(result.status == 0, "\(name): \(result.errors)")
        }
    }
}
