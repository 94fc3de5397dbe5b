import Testing

@testable import Protean

@Suite struct KeyFrameSamplerTests {
    @Test func onlyTheMostSalientClipsAreClassified() throws {
        let light = try FrameNetworks.encoder(4, seed: 1)
        let heavy = CountingLayer(try FrameNetworks.encoder(5, seed: 2))
        let sampler = try KeyFrameSampler(sampler: light, classifier: heavy, count: 3)
        let x = try FrameNetworks.videos(4, 9)
        let result = try sampler.run(x)
        #expect(heavy.rows.value == 12)
        for row in 0..<4 {
            let scores = try (0..<9).map { step -> Float in
                let y = try light(FrameNetworks.frame(x, row, step)).elements
                return try #require(Criterion.probabilities(y[...]).max())
            }
            let best = Array(scores.indices.sorted { scores[$0] > scores[$1] }.prefix(3)).sorted()
            #expect(result.chosen[row] == best)
            var sum = [Double](repeating: 0, count: 5)
            for step in best {
                let y = try heavy.inner(FrameNetworks.frame(x, row, step)).elements
                for c in 0..<5 { sum[c] += Double(y[c]) / 3 }
            }
            let own = try result.logits.sample(row)
            MapTest.expect(own, shape: [1, 5], sum, tolerance: 1e-5)
            let alone = try sampler.run(x.sample(row))
            #expect(alone.logits.isBitEqual(to: own))
            #expect(result.executed[row] == 9 * 64 * 27 * 4 + 3 * 64 * 27 * 5)
        }
    }

    @Test func shortVideosEqualScoresAndNaN() throws {
        let scorer = try Sequential([
            GlobalAveragePool2d(), Flatten(), Linear(weight: Tensor([1, 0, 0], shape: [1, 3])),
        ])
        let heavy = try FrameNetworks.encoder(2, seed: 2)
        let sampler = try KeyFrameSampler(sampler: scorer, classifier: heavy, count: 2)
        #expect(try sampler.run(FrameNetworks.videos(2, 1)).chosen == [[0], [0]])
        #expect(try sampler.run(Tensor(zeros: [2, 5, 4, 4, 3])).chosen == [[0, 1], [0, 1]])
        let nan = try sampler.run(Tensor(repeating: .nan, shape: [1, 5, 4, 4, 3]))
        #expect(nan.chosen == [[]] && nan.logits.elements == [0, 0])
        #expect(try sampler.run(Tensor(zeros: [0, 5, 4, 4, 3])).logits.shape == [0, 2])
        #expect(try sampler.run(Tensor(zeros: [2, 0, 4, 4, 3])).logits.elements == [0, 0, 0, 0])
        #expect(throws: ProteanError.self) {
            try KeyFrameSampler(sampler: scorer, classifier: heavy, count: 0)
        }
    }
}
