import Testing

@testable import Protean

@Suite struct LinearTests {
    @Test(arguments: [
        ([1, 1], 1), ([3, 17], 33), ([2, 5, 3, 64], 130), ([13, 300], 7), ([1, 96], 48),
    ])
    func agreesWithDoubleLoops(shape: [Int], outputs: Int) throws {
        let inputs = shape[shape.count - 1]
        let layer = try Linear(inputFeatures: inputs, outputFeatures: outputs, seed: 5)
        let x = try Tensor.random(shape)
        let values = x.elements, weights = layer.weight.value.elements
        let bias = layer.bias!.value.elements
        try MapTest.everywhere {
            try layer(x)
        } check: { isa, y in
            #expect(y.shape == shape.dropLast() + [outputs])
            for (i, value) in y.elements.enumerated() {
                let row = i / outputs, k = i % outputs
                var sum = Double(bias[k]), magnitude = abs(sum)
                for c in 0..<inputs {
                    let term = Double(values[row * inputs + c]) * Double(weights[k * inputs + c])
                    sum += term
                    magnitude += abs(term)
                }
                // Up to 300 products are added in blocks: a few units in the last place of Σ|x·w|.
                #expect(abs(Double(value) - sum) <= 1e-6 * magnitude, "\(isa)")
            }
        }
    }

    @Test func emptyBatchGivesEmptyResult() throws {
        let layer = try Linear(inputFeatures: 3, outputFeatures: 4)
        #expect(try layer(Tensor(zeros: [0, 3])).shape == [0, 4])
        #expect(try layer(Tensor(zeros: [2, 0, 3])).shape == [2, 0, 4])
        #expect(try layer.outputShape(for: [0, 3]) == [0, 4])
    }

    @Test func wrongFeaturesAreRefused() throws {
        let layer = try Linear(inputFeatures: 3, outputFeatures: 4)
        #expect(
            throws: ProteanError.shapeMismatch(
                layer: "Linear", tensor: "x", expected: "[…, 3]", found: [2, 4])
        ) { try layer(Tensor(zeros: [2, 4])) }
        #expect(throws: ProteanError.self) { try Linear(inputFeatures: 0, outputFeatures: 4) }
    }

    @Test func costCountsEveryRow() throws {
        let layer = try Linear(inputFeatures: 10, outputFeatures: 4)
        #expect(try layer.cost(for: [5, 10]).multiplyAdds == 200)
        #expect(layer.parameterCount == 44)
    }
}
