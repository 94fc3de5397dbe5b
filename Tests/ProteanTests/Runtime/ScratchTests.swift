import CProteanKernels
import Testing

@testable import Protean

// The pool is the whole process's, so each test has a process of its own.
@Suite struct ScratchTests {
    @Test func aBlockOfTheSameSizeComesBack() async {
        await #expect(processExitsWith: .success) {
            let first = ptn_scratch_acquire(10_000)
            #expect(first != nil && UInt(bitPattern: first) % 64 == 0)
            ptn_scratch_release(first)
            let before = ptn_memory_acquisitions()
            let second = ptn_scratch_acquire(10_000)
            #expect(second == first)
            #expect(ptn_memory_acquisitions() == before)
            // The block is in use: another one must be taken.
            let third = ptn_scratch_acquire(10_000)
            #expect(third != first)
            #expect(ptn_memory_acquisitions() == before + 1)
            ptn_scratch_release(second)
            ptn_scratch_release(third)
            ptn_scratch_release(nil)
        }
    }

    @Test func theSmallestFittingBlockIsTaken() async {
        await #expect(processExitsWith: .success) {
            let sizes = [5000, 1000, 3000]
            let blocks = sizes.map { ptn_scratch_acquire($0) }
            for block in blocks { ptn_scratch_release(block) }
            let found = ptn_scratch_acquire(2000)
            #expect(found == blocks[2])
            ptn_scratch_release(found)
        }
    }

    @Test func aFullPoolLetsItsSmallestBlockGo() async {
        await #expect(processExitsWith: .success) {
            let small = (0..<16).map { ptn_scratch_acquire(100 + $0) }
            let large = ptn_scratch_acquire(50_000)
            for block in small { ptn_scratch_release(block) }
            ptn_scratch_release(large)
            let before = ptn_memory_acquisitions()
            let again = ptn_scratch_acquire(50_000)
            #expect(again == large)
            #expect(ptn_memory_acquisitions() == before)
            ptn_scratch_release(again)
        }
    }

    @Test func trimmingGivesEverythingBack() async {
        await #expect(processExitsWith: .success) {
            ptn_scratch_release(ptn_scratch_acquire(4096))
            ptn_memory_trim()
            let before = ptn_memory_acquisitions()
            ptn_scratch_release(ptn_scratch_acquire(4096))
            #expect(ptn_memory_acquisitions() == before + 1)
        }
    }

    @Test func whatCannotBeHadIsNull() {
        #expect(ptn_scratch_acquire(.max) == nil)
        #expect(ptn_scratch_acquire(.max - 64) == nil)
    }

    @Test func aRepeatedOperationTakesOnlyItsResult() async {
        await #expect(processExitsWith: .success) {
            let x = try MapTest.tensor([1, 40, 30, 8])
            let window = PoolWindow(kernelSize: 3, stride: 2, padding: 1)
            func run() throws {
                _ = try Operations.maxPool2d(x, window)
                _ = try Operations.globalAveragePool(x)
                _ = try Operations.resize(x, to: 20, mode: .bilinear(alignCorners: false))
            }
            // The first round also takes scratch memory for tables and sums.
            try run()
            let before = ptn_memory_acquisitions()
            try run()
            #expect(ptn_memory_acquisitions() - before == 3)
        }
    }
}
