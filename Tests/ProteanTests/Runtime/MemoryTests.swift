import CProteanKernels
import Foundation
import Testing

@testable import Protean

// Memory is the whole process's, so each test has a process of its own.
@Suite struct MemoryTests {
    private static func address(_ block: UnsafeMutableRawPointer?) -> UInt {
        UInt(bitPattern: block)
    }

    @Test(arguments: [0, 1, 64, 4095, 4096, 100_000, 70 << 20])
    func blocksAreAlignedAndWritable(bytes: Int) async {
        await #expect(processExitsWith: .success) { [bytes] in
            for kind in [PTN_MEMORY_TENSORS, PTN_MEMORY_WEIGHTS, PTN_MEMORY_SCRATCH] {
                let block = try #require(ptn_memory_acquire(kind, bytes))
                #expect(UInt(bitPattern: block) % 64 == 0)
                block.initializeMemory(as: UInt8.self, repeating: 7, count: bytes)
                #expect(ptn_memory_usage_of(kind).live == bytes)
                ptn_memory_release(block)
                #expect(ptn_memory_usage_of(kind).live == 0)
                #expect(ptn_memory_usage_of(kind).peak == bytes)
            }
            ptn_memory_release(nil)
        }
    }

    @Test func theLowestFreeAddressIsTakenAndNeighboursMerge() async {
        await #expect(processExitsWith: .success) {
            let mebibyte = 1 << 20
            let blocks = (0..<4).map { _ in ptn_memory_acquire(PTN_MEMORY_TENSORS, mebibyte) }
            #expect(
                zip(blocks, blocks.dropFirst()).allSatisfy { Self.address($0) < Self.address($1) })
            ptn_memory_release(blocks[2])
            ptn_memory_release(blocks[0])
            ptn_memory_release(blocks[1])
            // The three are one free block again, and the largest request fits at its start.
            let merged = ptn_memory_acquire(PTN_MEMORY_TENSORS, 3 * mebibyte)
            #expect(merged == blocks[0])
            ptn_memory_release(merged)
            ptn_memory_release(blocks[3])
        }
    }

    /// Blocks of many sizes, filled with their own number: none may overlap another.
    @Test func noBlockOverlapsAnother() async {
        await #expect(processExitsWith: .success) {
            var random = SplitMix64(seed: 5)
            var blocks: [(memory: UnsafeMutableRawPointer, count: Int, mark: UInt64)] = []
            for step in 0..<4000 {
                if blocks.count > 40 || (!blocks.isEmpty && random.next() % 2 == 0) {
                    let block = blocks.remove(at: Int(random.next() % UInt64(blocks.count)))
                    let words = block.memory.assumingMemoryBound(to: UInt64.self)
                    for at in [0, block.count / 2, block.count - 1] {
                        #expect(words[at] == block.mark)
                    }
                    ptn_memory_release(block.memory)
                } else {
                    let count = 1 + Int(random.next() % (random.next() % 4 == 0 ? 400_000 : 4000))
                    let memory = try #require(ptn_memory_acquire(PTN_MEMORY_TENSORS, count * 8))
                    memory.initializeMemory(
                        as: UInt64.self, repeating: UInt64(step), count: count)
                    blocks.append((memory, count, UInt64(step)))
                }
            }
            for block in blocks { ptn_memory_release(block.memory) }
            #expect(ptn_memory_usage_of(PTN_MEMORY_TENSORS).live == 0)
            ptn_memory_trim()
            #expect(ptn_memory_usage_of(PTN_MEMORY_TENSORS).reserved == 0)
        }
    }

    @Test func trimmingAndLargeRegionsGoBack() async {
        await #expect(processExitsWith: .success) {
            // More than this machine keeps for later, an eighth of its memory between 256 MiB and
            // 2 GiB: unmapped at once.
            let eighth = Int(ProcessInfo.processInfo.physicalMemory / 8)
            let bytes = min(max(eighth, 256 << 20), 2 << 30) + (300 << 20)
            let large = ptn_memory_acquire(PTN_MEMORY_TENSORS, bytes)
            #expect(large != nil)
            #expect(ptn_memory_usage_of(PTN_MEMORY_TENSORS).reserved >= bytes)
            ptn_memory_release(large)
            #expect(ptn_memory_usage_of(PTN_MEMORY_TENSORS).reserved == 0)
            ptn_memory_release(ptn_memory_acquire(PTN_MEMORY_TENSORS, 1 << 20))
            #expect(ptn_memory_usage_of(PTN_MEMORY_TENSORS).reserved > 0)
            ptn_memory_trim()
            #expect(ptn_memory_usage_of(PTN_MEMORY_TENSORS).reserved == 0)
        }
    }

    @Test func smallBlocksLeaveLargeRegionsAlone() async {
        await #expect(processExitsWith: .success) {
            let large = ptn_memory_acquire(PTN_MEMORY_TENSORS, 100 << 20)
            ptn_memory_release(large)
            let reserved = ptn_memory_usage_of(PTN_MEMORY_TENSORS).reserved
            let small = ptn_memory_acquire(PTN_MEMORY_TENSORS, 10 << 20)
            // Still free for the next large block.
            #expect(ptn_memory_acquire(PTN_MEMORY_TENSORS, 100 << 20) == large)
            #expect(ptn_memory_usage_of(PTN_MEMORY_TENSORS).reserved <= reserved + (64 << 20))
            ptn_memory_release(small)
        }
    }

    @Test func thePeakBeginsAgainAfterAReset() async {
        await #expect(processExitsWith: .success) {
            let kept = ptn_memory_acquire(PTN_MEMORY_TENSORS, 1000)
            ptn_memory_release(ptn_memory_acquire(PTN_MEMORY_TENSORS, 50_000))
            #expect(Memory.usage(of: .tensors) == Memory.Usage(live: 1000, peak: 51_000))
            Memory.resetPeaks()
            #expect(Memory.usage(of: .tensors) == Memory.Usage(live: 1000, peak: 1000))
            ptn_memory_release(kept)
        }
    }

    @Test func whatCannotBeHadIsNull() {
        #expect(ptn_memory_acquire(PTN_MEMORY_TENSORS, .max) == nil)
        #expect(ptn_memory_acquire(PTN_MEMORY_TENSORS, .max - 100) == nil)
        #expect(ptn_memory_acquire(PTN_MEMORY_TENSORS, 1 << 60) == nil)
    }
}
