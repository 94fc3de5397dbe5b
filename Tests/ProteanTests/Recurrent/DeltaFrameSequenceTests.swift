import Testing

@testable import Protean

@Suite struct DeltaFrameSequenceTests {
    @Test func changesGiveWhatDenseFramesGive() throws {
        let conv = try Conv2d(
            inputChannels: 3, outputChannels: 4, kernelSize: 3, padding: 1, seed: 5)
        let delta = try DeltaSequential([conv, ReLU()])
        // A scene in which one pixel changes from frame to frame.
        var values = try Tensor.random([2, 1, 12, 12, 3], seed: 1).elements
        let scenes = [Array(values[..<432]), Array(values[432...])]
        values = []
        for scene in scenes {
            for step in 0..<5 {
                var frame = scene
                frame[step * 31] += 1
                values += frame
            }
        }
        let x = try Tensor(values, shape: [2, 5, 12, 12, 3])
        let cell = try GRUCell(inputSize: 4, hiddenSize: 3)
        let table: [[Int: StepAction]] = [[1: .skip(count: 2)], [:]]
        let runner = try SequenceRunner(cells: [cell], policy: GivenActions(table))
        let trace = Trace()
        let source = try DeltaFrameSequence(x, encoder: delta)
        let found = try trace.recording { try runner.run(source) }
        #expect(found.reads == [3, 5])
        let cost = trace.events.filter { $0.layer != "GRUCell" }
            .reduce(0) { $0 + $1.cost.executedMultiplyAdds }
        let dense = 8 * 144 * 27 * 4
        #expect(cost > 0 && cost < dense / 2)
        for row in 0..<2 {
            var hidden = try Tensor(zeros: [1, 3])
            for step in [[0, 3, 4], [0, 1, 2, 3, 4]][row] {
                let frame = try FrameNetworks.frame(x, row, step)
                var start = delta.initialState(for: frame.shape)
                let map = try delta(frame, state: &start)
                let vector = try Operations.globalAveragePool(map).reshaped(to: [1, 4])
                _ = try cell(vector, state: &hidden)
            }
            let own = try found.state[0].sample(row)
            #expect(own.isBitEqual(to: hidden))
        }
    }
}
