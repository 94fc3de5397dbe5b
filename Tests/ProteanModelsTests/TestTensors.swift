@testable import Protean

extension Tensor {
    /// Uniform values in ±1 from a seed.
    static func random(_ shape: [Int], seed: UInt64 = 1) throws -> Tensor {
        try Initializer.uniform(shape, in: -1...1, seed: seed)
    }

    /// One sample of a batch, as a batch of its own.
    func sample(_ index: Int) throws -> Tensor {
        try Operations.gatherRows(self, try RowPlan(rows: [index], batch: shape[0]))
    }

    /// Whether two tensors have the same shape and the same bits.
    func isBitEqual(to other: Tensor) -> Bool {
        shape == other.shape
            && zip(elements, other.elements).allSatisfy { $0.bitPattern == $1.bitPattern }
    }
}

/// Every instruction set that can run here with 1, 2 and 3 threads.
let allRuntimes: [(isa: KernelISA, threads: Int)] = KernelISA.supported.flatMap { isa in
    [1, 2, 3].map { (isa, $0) }
}
