import CProteanKernels
import Foundation
import Testing

@testable import Protean

@Suite struct RuntimeTests {
    static let unsupported = KernelISA.allCases.filter { !$0.isSupported }

    @Test func namesLeadToInstructionSets() throws {
        for isa in KernelISA.supported {
            #expect(try KernelISA.named(isa.rawValue) == isa)
            #expect(try KernelISA.named(isa.rawValue.uppercased()) == isa)
            #expect(ptn_isa_name(isa.kernelValue).map { String(cString: $0) } == isa.rawValue)
        }
        #expect(KernelISA.supported.contains(.scalar))
        #expect(KernelISA.supported.contains(KernelISA.best))
        #expect(KernelISA.supported.allSatisfy { $0.vectorFloats <= KernelISA.best.vectorFloats })
        #expect(ptn_isa_name(ptn_isa(77)) == nil)
    }

    @Test(arguments: ["sse9", "", "avx"] + unsupported.map(\.rawValue))
    func othersAreRefusedByName(_ name: String) {
        #expect(
            throws: ProteanError.unsupportedISA(
                requested: name, supported: KernelISA.supported.map(\.rawValue))
        ) { try KernelISA.named(name) }
    }

    @Test func oneArchitectureExcludesTheOther() {
        #if arch(x86_64)
            #expect(throws: ProteanError.self) { try KernelISA.named("neon") }
        #elseif arch(arm64)
            #expect(throws: ProteanError.self) { try KernelISA.named("avx2") }
            #expect(KernelISA.neon.isSupported)
        #endif
    }

    @Test(arguments: unsupported) func forcingThemIsRefused(_ isa: KernelISA) {
        #expect(throws: ProteanError.self) { try Runtime.setISA(isa) }
        #expect(throws: ProteanError.self) { try Runtime.with(isa: isa) {} }
        // A kernel that is asked all the same answers instead of crashing.
        var runtime = ptn_runtime(isa: isa.kernelValue, threads: 1)
        var spec = Activation.relu.kernelSpec
        var value: [Float] = [-1], result: [Float] = [7]
        let status = ptn_activate(&runtime, &spec, 1, 1, &value, &result)
        #expect(status == PTN_UNSUPPORTED_ISA && result == [7])
    }

    @Test func theInnermostScopeWins() throws {
        try Runtime.with(isa: .scalar, threads: 2) {
            try #expect(Runtime.isa() == .scalar)
            try #expect(Runtime.threads() == 2)
            try Runtime.with(threads: 3) {
                try #expect(Runtime.isa() == .scalar)
                try #expect(Runtime.threads() == 3)
            }
            try #expect(Runtime.threads() == 2)
            let given = try Runtime.current()
            #expect(given.isa == PTN_ISA_SCALAR && given.threads == 2)
        }
    }

    @Test func scopesReachTasksButNotOthers() async throws {
        let outside = try Runtime.threads()
        try await Runtime.with(threads: 7) {
            async let inner = Runtime.threads()
            try await #expect(inner == 7)
            let detached = Task.detached { try Runtime.threads() }
            try await #expect(detached.value == outside)
        }
    }

    @Test(arguments: [0, -1, Runtime.maximumThreads + 1]) func badBudgets(_ threads: Int) {
        #expect(throws: ProteanError.self) { try Runtime.setThreads(threads) }
        #expect(throws: ProteanError.self) { try Runtime.with(threads: threads) {} }
    }

    // What belongs to a whole process is tried in one of its own.

    @Test func theEnvironmentBeatsTheMachine() async {
        await #expect(processExitsWith: .success) {
            setenv("PROTEAN_NUM_THREADS", "5", 1)
            setenv("PROTEAN_ISA", "scalar", 1)
            try #expect(Runtime.threads() == 5)
            try #expect(Runtime.isa() == .scalar)
        }
    }

    @Test func theProcessBeatsTheEnvironment() async {
        await #expect(processExitsWith: .success) {
            setenv("PROTEAN_NUM_THREADS", "5", 1)
            setenv("PROTEAN_ISA", "scalar", 1)
            try Runtime.setThreads(4)
            try Runtime.setISA(.best)
            try #expect(Runtime.threads() == 4)
            try #expect(Runtime.isa() == .best)
            try Runtime.with(isa: .scalar, threads: 3) {
                try #expect(Runtime.threads() == 3)
                try #expect(Runtime.isa() == .scalar)
            }
            try Runtime.setThreads(nil)
            try Runtime.setISA(nil)
            try #expect(Runtime.threads() == 5)
            try #expect(Runtime.isa() == .scalar)
        }
    }

    @Test func exactnessKeepsFastAlgorithmsOut() async {
        await #expect(processExitsWith: .success) {
            func algorithms() throws -> Set<Conv2dPlan.Algorithm> {
                let layer = try Conv2d(
                    inputChannels: 64, outputChannels: 64, kernelSize: 3, padding: 1)
                return Set(
                    try KernelISA.supported.map { isa in
                        try Runtime.with(isa: isa) {
                            try layer.plan(for: [1, 56, 56, 64]).algorithm
                        }
                    })
            }
            unsetenv("PROTEAN_EXACTNESS")
            try #expect(!algorithms().contains(.direct))
            Runtime.setExactness(.direct)
            try #expect(algorithms() == [.direct])
            Runtime.setExactness(nil)
            try #expect(!algorithms().contains(.direct))
        }
        await #expect(processExitsWith: .success) {
            setenv("PROTEAN_EXACTNESS", "direct", 1)
            try #expect(Runtime.exactness() == .direct)
        }
    }

    @Test func withoutSettingsTheMachineDecides() async {
        await #expect(processExitsWith: .success) {
            unsetenv("PROTEAN_NUM_THREADS")
            unsetenv("PROTEAN_ISA")
            try #expect(Runtime.threads() == Int(ptn_physical_cores()))
            try #expect(Runtime.isa() == .best)
        }
    }

    @Test func aBadEnvironmentIsAnError() async {
        await #expect(processExitsWith: .success) {
            setenv("PROTEAN_NUM_THREADS", "many", 1)
            #expect(throws: ProteanError.self) { try Runtime.threads() }
            #expect(throws: ProteanError.self) {
                try Operations.activate(Tensor(zeros: [1]), .relu)
            }
        }
        await #expect(processExitsWith: .success) {
            setenv("PROTEAN_ISA", "mmx", 1)
            #expect(throws: ProteanError.self) { try Runtime.isa() }
        }
    }
}
