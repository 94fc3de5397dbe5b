import Foundation
import Protean
import Testing

@testable import protean_fuzz

/// What the generators call valid is read with what they say is in it: else every case of the
/// harness would be refused at the door and prove nothing.
@Suite struct GeneratorTests {
    @Test(arguments: FileFormat.generated)
    func validFilesAreRead(format: FileFormat) throws {
        let folder = try FuzzFolder()
        defer { folder.remove() }
        for index in 0..<40 {
            var random = FuzzRandom(seed: 11, index: index)
            let sample = format.generator.valid(&random)
            let outcome = FuzzTarget.run(format, sample.bytes, in: folder)
            #expect(outcome.isRead, "\(index): \(outcome.message)")
            #expect(outcome.found == sample.expectation, "\(index)")
            #expect(outcome.problems == [], "\(index)")
        }
    }

    /// Damage is made to reach the readers' depths: some of it is accepted, some refused.
    @Test(arguments: FileFormat.generated)
    func hostileFilesAreOfManyKinds(format: FileFormat) {
        var labels: Set<String> = []
        var largest = 0
        for index in 0..<200 {
            var random = FuzzRandom(seed: 5, index: index)
            let sample = format.generator.hostile(&random, budget: 4000)
            labels.insert(sample.label)
            largest = max(largest, sample.bytes.count)
        }
        #expect(labels.count >= 6)
        #expect(largest > 2000)
        #expect(largest < 40_000)
    }

    @Test func casesAreMadeAgainFromSeedAndNumber() {
        let plan = CampaignPlan(seed: 3, cases: 0..<60, maximumSize: 5000)
        for index in plan.cases {
            let (first, second) = (plan.makeCase(index), plan.makeCase(index))
            #expect(first.bytes == second.bytes)
            #expect(first.label == second.label)
            #expect(first.bytes.count <= 5000)
        }
        var other = plan
        other.seed = 4
        #expect(plan.cases.contains { plan.makeCase($0).bytes != other.makeCase($0).bytes })
    }

    /// Small ones of the kinds that PyTorch could write are read, so that large ones get as far.
    @Test func sharingPicklesAreWellFormed() throws {
        let readable: Set = ["many tensors", "combining names", "prefixes"]
        var read: Set<String> = []
        let folder = try FuzzFolder()
        defer { folder.remove() }
        for index in 0..<600 {
            var random = FuzzRandom(seed: 2, index: index)
            let (pickle, label) = PickleAmplifier.make(&random, budget: 1500)
            let bytes = PyTorchGenerator.archive(pickle, &random).bytes
            if FuzzTarget.run(.pytorch, bytes, in: folder).isRead { read.insert(label) }
        }
        #expect(readable.subtracting(read) == [])
        #expect(read.count >= 8)
    }

    /// zlib's own checksums and libpng decide whether streams of zeros are what they claim.
    @Test(arguments: [1, 2, 258, 259, 517, 70_000])
    func zerosUnpackToTheirNumber(width: Int) throws {
        let header = PNGGenerator.Header(width: width, height: 1, depth: 8, color: 0)
        let bytes = PNGGenerator.file(header, stream: Deflate.zeros(header.dataCount))
        let folder = try FuzzFolder()
        defer { folder.remove() }
        let outcome = FuzzTarget.run(.png, bytes, in: folder)
        #expect(outcome.message == "")
        #expect(outcome.found == .image(width: width, height: 1, channels: 1))
    }
}
