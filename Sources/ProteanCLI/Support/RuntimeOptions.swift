import ArgumentParser
import CommandSupport
import Protean

/// Options for running kernels.
struct RuntimeOptions: ParsableArguments {
    @Option(
        parsing: .unconditional,
        help: "Threads to use (default: physical cores, or PROTEAN_NUM_THREADS).",
        transform: OptionValue.threads)
    var threads: Int?

    @Option(
        help: "Instruction set: scalar, avx2, avx512 or neon (default: the widest).",
        transform: OptionValue.isa)
    var isa: KernelISA?

    /// Runs `body` with these settings.
    func with<R>(_ body: () throws -> R) throws -> R {
        try Runtime.with(isa: isa, threads: threads, body)
    }
}
