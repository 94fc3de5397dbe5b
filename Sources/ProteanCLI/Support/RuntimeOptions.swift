import ArgumentParser
import Protean

/// Options that say how kernels run.
struct RuntimeOptions: ParsableArguments {
    @Option(help: "Threads to use (default: physical cores, or PROTEAN_NUM_THREADS).")
    var threads: Int?

    @Option(help: "Instruction set: scalar, avx2, avx512 or neon (default: the widest).")
    var isa: String?

    /// Runs `body` with these settings.
    func with<R>(_ body: () throws -> R) throws -> R {
        let chosen = try isa.map { name in try KernelISA.named(name) }
        return try Runtime.with(isa: chosen, threads: threads, body)
    }
}
