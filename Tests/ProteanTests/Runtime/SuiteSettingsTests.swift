import Foundation
import Testing

@testable import Protean

/// What a whole run is told by its environment is what its tests use.
@Suite struct SuiteSettingsTests {
    /// `Tests/run.sh` looks for the line that is printed, so that no run is taken for another.
    @Test func theSuiteRunsAsItIsTold() throws {
        let variables = ProcessInfo.processInfo.environment
        let isa = try Runtime.isa(), threads = try Runtime.threads()
        print("suite settings: instruction set \(isa.rawValue), threads \(threads)")
        if let name = variables["PROTEAN_ISA"], !name.isEmpty {
            #expect(isa == (try KernelISA.named(name)))
        } else {
            #expect(isa == .best)
        }
        if let number = variables["PROTEAN_NUM_THREADS"], !number.isEmpty {
            #expect(threads == Int(number))
        } else {
            #expect((1...ProcessInfo.processInfo.activeProcessorCount).contains(threads))
        }
    }

    /// Tests that loop over instruction sets meet all of them, whatever is forced on the others.
    @Test func aForcedInstructionSetDoesNotHideOthers() throws {
        #expect(KernelISA.supported.first == .scalar)
        #expect(Set(allRuntimes.map(\.isa)) == Set(KernelISA.supported))
        for isa in KernelISA.supported {
            #expect(try Runtime.with(isa: isa) { try Runtime.resolved().isa } == isa)
        }
    }
}
