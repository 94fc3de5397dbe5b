import Foundation
import Testing

/// A command that is told to end.
@Suite struct InterruptionTests {
    @Test func aSignalEndsTheProcess() throws {
        let process = Process()
        process.executableURL = try executable("protean")
        process.arguments = ["bench", "resnet20_cifar", "--repeat", "1000000000", "--whole"]
        process.standardOutput = FileHandle.nullDevice
        try process.run()
        kill(process.processIdentifier, SIGTERM)
        process.waitUntilExit()
        #expect(process.terminationReason == .uncaughtSignal)
        #expect(process.terminationStatus == SIGTERM)
    }
}
