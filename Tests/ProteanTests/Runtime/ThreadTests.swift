import CProteanKernels
import CReference
import Foundation
import Synchronization
import Testing

@testable import Protean

@Suite struct ThreadTests {
    /// Where tasks meet: each waits until all have come, so that all must run at the same time.
    private final class Meeting: Sendable {
        let expected: Int
        let arrived = Atomic<Int>(0)
        let missed = Atomic<Int>(0)
        let threads = Mutex<[(system: String, index: Int32)]>([])

        init(_ expected: Int) { self.expected = expected }

        func join(_ index: Int32) {
            let system = "\(pthread_self())"
            threads.withLock { $0.append((system, index)) }
            arrived.add(1, ordering: .sequentiallyConsistent)
            // Bounded, since on a single thread the meeting would never be complete; for long, since
            // a single CPU may have much else to do.
            let deadline = ContinuousClock.now + .seconds(120)
            while arrived.load(ordering: .sequentiallyConsistent) < expected {
                if ContinuousClock.now > deadline {
                    missed.add(1, ordering: .relaxed)
                    return
                }
                sched_yield()
            }
        }
    }

    @Test(arguments: [1, 2, 3]) func theThreadsAskedForReallyRun(threads: Int) {
        Self.expectMeeting(of: threads)
    }

    private static func expectMeeting(of threads: Int) {
        let meeting = Meeting(threads)
        let context = Unmanaged.passUnretained(meeting).toOpaque()
        let took = ptn_parallel(
            Int32(threads), threads,
            { context, _, thread in
                guard let context else { return }
                Unmanaged<Meeting>.fromOpaque(context).takeUnretainedValue().join(thread)
            }, context)
        let seen = meeting.threads.withLock { $0 }
        #expect(took == Int32(threads))
        #expect(meeting.missed.load(ordering: .relaxed) == 0)
        #expect(Set(seen.map(\.system)).count == threads)
        #expect(Set(seen.map(\.index)) == Set(0..<Int32(threads)))
        #expect(seen.contains { $0.system == "\(pthread_self())" })
    }

    #if os(Linux)
        /// Fewer CPUs are fewer threads by default, and as many as before when they are asked for.
        @Test func oneCPUIsOneThreadUnlessMoreAreAskedFor() async {
            await #expect(processExitsWith: .success) {
                unsetenv("PROTEAN_NUM_THREADS")
                try #require(reference_keep_one_cpu() == 1)
                #expect(ptn_physical_cores() == 1)
                #expect(try Runtime.threads() == 1)
                for threads in 1...3 { Self.expectMeeting(of: threads) }
                try Runtime.setThreads(3)
                #expect(try Runtime.threads() == 3)
            }
        }
    #endif

    private final class Tally: Sendable {
        let counts: Mutex<[Int]>
        init(_ tasks: Int) { counts = Mutex([Int](repeating: 0, count: tasks)) }
    }

    @Test(arguments: [0, 1, 2, 5, 1000], [1, 2, 3, 7])
    func everyTaskRunsOnce(_ tasks: Int, _ threads: Int) {
        let tally = Tally(tasks)
        let context = Unmanaged.passUnretained(tally).toOpaque()
        let took = ptn_parallel(
            Int32(threads), tasks,
            { context, index, _ in
                guard let context else { return }
                let tally = Unmanaged<Tally>.fromOpaque(context).takeUnretainedValue()
                tally.counts.withLock { $0[index] += 1 }
            }, context)
        #expect(tally.counts.withLock { $0.allSatisfy { $0 == 1 } })
        #expect(took <= Int32(min(tasks, threads)))
        #expect((took == 0) == (tasks == 0))
    }

    @Test func smallWorkStaysOnTheCaller() {
        #expect(ptn_threads_worth(8, 0) == 1)
        #expect(ptn_threads_worth(8, 5_000) == 1)
        #expect(ptn_threads_worth(8, 1e9) == 8)
        #expect(ptn_threads_worth(1, 1e9) == 1)
        let some = ptn_threads_worth(8, 30_000)
        #expect(some > 1 && some < 8)
    }

    @Test func callsFromManyTasksAreIndependent() async throws {
        let x = try MapTest.tensor([1, 64, 48, 16], seed: 5)
        let gate = try MapTest.tensor([1, 16], seed: 6)
        @Sendable func run() throws -> [Float] {
            let y = try Operations.scaleChannels(Operations.activate(x, .silu), by: gate)
            return try Operations.globalAveragePool(y).elements
        }
        var expected: [KernelISA: [Float]] = [:]
        for isa in KernelISA.supported {
            expected[isa] = try Runtime.with(isa: isa, threads: 1) { try run() }
        }
        try await withThrowingTaskGroup(of: (KernelISA, [Float]).self) { group in
            for i in 0..<24 {
                let isa = KernelISA.supported[i % KernelISA.supported.count]
                group.addTask {
                    try await Runtime.with(isa: isa, threads: 1 + i % 3) {
                        await Task.yield()
                        return (isa, try run())
                    }
                }
            }
            for try await (isa, means) in group { #expect(means == expected[isa]) }
        }
    }
}
