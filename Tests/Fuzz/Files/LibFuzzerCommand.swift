#if PROTEAN_LIBFUZZER
    import ArgumentParser
    import Foundation

    /// `protean-fuzz libfuzzer`: LLVM's libFuzzer, which follows the code's branches, on one format.
    ///
    /// Built by `Tests/fuzz.sh SWIFT libfuzzer`, which links the runtime and instruments the code.
    struct LibFuzzerCommand: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "libfuzzer", abstract: "Run libFuzzer on one format.")

        @Option(help: "The format.")
        var format: FileFormat

        @Option(help: "A folder with files to begin with; generated ones are put there first.")
        var corpus: String

        @Argument(parsing: .captureForPassthrough, help: "libFuzzer's own options.")
        var options: [String] = []

        func run() throws {
            try FileManager.default.createDirectory(
                atPath: corpus, withIntermediateDirectories: true)
            for index in 0..<64 {
                var random = FuzzRandom(seed: 1, index: index)
                let sample = format.generator.valid(&random)
                try Data(sample.bytes).write(to: URL(filePath: "\(corpus)/seed-\(index)"))
            }
            LibFuzzer.format = format
            LibFuzzer.folder = try FuzzFolder()
            var arguments: [UnsafeMutablePointer<CChar>?] = []
            for text in [CommandLine.arguments[0]] + options + [corpus] {
                arguments.append(strdup(text))
            }
            var count = Int32(arguments.count)
            arguments.append(nil)
            let status = arguments.withUnsafeMutableBufferPointer { buffer in
                var base = buffer.baseAddress
                return runDriver(&count, &base, LibFuzzer.read)
            }
            throw ExitCode(status)
        }
    }

    /// libFuzzer calls a function without context, one call at a time.
    private enum LibFuzzer {
        nonisolated(unsafe) static var format = FileFormat.safetensors
        nonisolated(unsafe) static var folder: FuzzFolder?

        static let read: @convention(c) (UnsafePointer<UInt8>?, Int) -> Int32 = { start, count in
            guard let folder else { return -1 }
            let bytes = Array(UnsafeBufferPointer(start: start, count: count))
            let problems = FuzzTarget.run(format, bytes, in: folder).problems
            guard problems.isEmpty else {
                print(problems)
                abort()
            }
            return 0
        }
    }

    @_silgen_name("LLVMFuzzerRunDriver")
    private func runDriver(
        _ count: UnsafeMutablePointer<Int32>,
        _ arguments: UnsafeMutablePointer<
            UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?
        >,
        _ callback: @convention(c) (UnsafePointer<UInt8>?, Int) -> Int32
    ) -> Int32
#endif
