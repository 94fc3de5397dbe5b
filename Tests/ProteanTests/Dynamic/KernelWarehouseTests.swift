import Foundation
import Testing

@testable import Protean

@Suite struct KernelWarehouseTests {
    struct Case: CustomTestStringConvertible {
        var input: [Int]
        var outputs: Int
        var kernel: Size2d = 3
        var stride: Size2d = 1
        var groups = 1
        /// Cells, their channels and size; nil for the layer's own.
        var cells: [Int]?
        var temperature = 0.0
        var firstCell = 0
        var bias = false

        var testDescription: String { "\(input)->\(outputs) k\(kernel) g\(groups) t\(temperature)" }

        func geometry() throws -> Conv2dGeometry {
            try Conv2dGeometry(
                inputChannels: input[3], outputChannels: outputs, kernelSize: kernel,
                stride: stride, padding: 1, groups: groups)
        }

        func layer() throws -> KernelWarehouse {
            var options = KernelWarehouse.Options()
            options.temperature = temperature
            options.firstCell = firstCell
            let warehouse = try cells.map { try KernelCells(shape: $0, seed: 5) }
            return try DynamicLayerValues.spread(
                KernelWarehouse(geometry(), bias: bias, cells: warehouse, options: options))
        }
    }

    static let cases = [
        Case(input: [3, 7, 5, 7], outputs: 3),
        Case(input: [1, 6, 9, 17], outputs: 33, kernel: 1, bias: true),
        Case(
            input: [2, 8, 5, 6], outputs: 8, kernel: Size2d(height: 3, width: 2),
            stride: Size2d(height: 2, width: 1), groups: 2, cells: [12, 4, 3, 3, 1], bias: true),
        Case(
            input: [3, 5, 6, 3], outputs: 1, cells: [14, 1, 3, 1, 1], temperature: 0.25,
            firstCell: 5),
        Case(input: [2, 4, 5, 1], outputs: 1, cells: [2, 1, 1, 3, 3]),
        Case(input: [0, 4, 5, 3], outputs: 5),
    ]

    /// The kernels of all samples from the definition.
    private static func kernels(
        _ layer: KernelWarehouse, _ x: Tensor, firstCell: Int
    ) throws -> [Double] {
        typealias Values = DynamicLayerValues
        let cell = layer.warehouse.cells.shape, cells = cell[0]
        let hidden = try #require(layer.parameter(at: "attention.fc1.weight")).shape[0]
        let narrow = try Values.norm(
            layer, "attention.norm1",
            Values.linear(
                Values.pooled(x), Values.values(layer, "attention.fc1.weight"),
                inputs: x.shape[3])
        ).map { max(0, $0) }
        var z = Values.linear(
            narrow, try Values.values(layer, "attention.fc2.weight"), inputs: hidden,
            bias: try Values.values(layer, "attention.fc2.bias"))
        let shape = layer.geometry.weightShape
        let (outs, ins) = (shape[0] / cell[1], shape[1] / cell[2])
        let (rows, columns) = (shape[2] / cell[3], shape[3] / cell[4])
        let places = outs * ins * rows * columns
        for row in 0..<z.count / (cells + 1) {
            let range = row * (cells + 1)..<(row + 1) * (cells + 1)
            let size = range.reduce(1e-3) { $0 + abs(z[$1]) }
            for i in range {
                let assigned = i - range.lowerBound == row % places + firstCell ? 1.0 : 0
                z[i] = (1 - layer.temperature) * z[i] / size + layer.temperature * assigned
            }
        }
        let stored = layer.warehouse.cells.value.elements.map(Double.init)
        let size = cell.dropFirst().reduce(1, *), area = cell[3] * cell[4]
        var kernels = [Double](repeating: 0, count: x.shape[0] * shape.reduce(1, *))
        for sample in 0..<x.shape[0] {
            for o in 0..<shape[0] {
                for c in 0..<shape[1] {
                    for tap in 0..<shape[2] * shape[3] {
                        let place =
                            (tap / area * outs + o / cell[1]) * ins + c / cell[2]
                        let inside =
                            ((o % cell[1]) * cell[2] + c % cell[2]) * area + tap % area
                        let start = (sample * places + place) * (cells + 1)
                        let index =
                            ((sample * shape[0] + o) * shape[1] + c) * shape[2] * shape[3] + tap
                        kernels[index] = (0..<cells).reduce(0) {
                            $0 + z[start + $1] * stored[$1 * size + inside]
                        }
                    }
                }
            }
        }
        return kernels
    }

    /// Where a cell has several of a kernel's taps, these are taps of the kernel in their order.
    @Test(arguments: cases) func agreesWithDoubleLoops(_ test: Case) throws {
        let layer = try test.layer(), x = try Tensor.random(test.input)
        let reference = try Conv2dReference(
            layer.geometry, x: x, weights: Self.kernels(layer, x, firstCell: test.firstCell),
            perSample: true)
        let bias = layer.bias?.value.elements
        let expected = reference.sums.enumerated().map {
            $0.element + Double(bias?[$0.offset % test.outputs] ?? 0)
        }
        let largest = expected.reduce(1) { max($0, abs($1)) }
        try MapTest.everywhere {
            try layer(x)
        } check: { isa, y in
            MapTest.expect(
                y, shape: reference.outputShape, expected, tolerance: 1e-5 * largest, "\(isa)")
        }
    }

    /// At temperature 1 every place has a cell of its own.
    @Test func assignedCellsAreAStaticConvolution() throws {
        let geometry = try Conv2dGeometry(
            inputChannels: 4, outputChannels: 6, kernelSize: 3, padding: 1)
        var options = KernelWarehouse.Options()
        options.temperature = 1
        let cells = try KernelCells(serving: [geometry], inputRatio: 0.5, outputRatio: 0.5)
        #expect(cells.cells.shape == [36, 3, 2, 1, 1])
        let layer = try KernelWarehouse(geometry, cells: cells, options: options)
        let stored = cells.cells.value.elements
        let weights = (0..<6 * 4 * 9).map { index -> Float in
            let (o, c, tap) = (index / 36, index / 9 % 4, index % 9)
            return stored[(((tap * 2 + o / 3) * 2 + c / 2) * 3 + o % 3) * 2 + c % 2]
        }
        let plain = try Conv2d(
            weight: Tensor(weights, shape: [6, 4, 3, 3]), padding: 1, algorithm: .direct)
        let x = try Tensor.random([2, 5, 7, 4])
        for isa in KernelISA.supported {
            let (found, expected) = try Runtime.with(isa: isa) { (try layer(x), try plain(x)) }
            #expect(try found.maximumDifference(from: expected) < 1e-6, "\(isa)")
        }
    }

    @Test func theAttentionIsContrasting() throws {
        let layer = try Self.cases[0].layer()
        let weights = try layer.attention(of: Tensor.random([2, 5, 4, 7]))
        #expect(weights.shape == [2 * 9, 9])
        let values = weights.elements
        #expect(values.contains { $0 < 0 } && values.contains { $0 > 0 })
        for row in 0..<18 {
            #expect(values[row * 9..<(row + 1) * 9].reduce(0) { $0 + abs($1) } <= 1)
        }
    }

    @Test func layersShareAWarehouse() throws {
        let geometries = try [(4, 6), (8, 9)].map {
            try Conv2dGeometry(inputChannels: $0.0, outputChannels: $0.1, kernelSize: 3)
        }
        let cells = try KernelCells(serving: geometries)
        // Places: 9 · 2 · 1 and 9 · 3 · 2.
        #expect(cells.cells.shape == [72, 3, 4, 1, 1])
        let layers = try geometries.map { try KernelWarehouse($0, cells: cells) }
        #expect(layers[0].allParameters().allSatisfy { !$0.name.contains("warehouse") })
        let x = try Tensor.random([1, 4, 5, 4]), before = try layers[0](x)
        try cells.cells.set(Tensor.random(cells.cells.shape, seed: 8))
        #expect(!(try layers[0](x).isBitEqual(to: before)))
        #expect(try layers[1](Tensor.random([1, 4, 5, 8])).shape == [1, 2, 3, 9])
    }

    @Test func namesAreTheReferences() throws {
        var options = KernelWarehouse.Options()
        let geometry = try Self.cases[0].geometry()
        let own = try KernelWarehouse(geometry, bias: true, options: options)
        #expect(
            own.allParameters().map { "\($0.name) \($0.parameter.shape)" } == [
                "bias [3]", "attention.fc1.weight [16, 7]", "attention.norm1.weight [16]",
                "attention.norm1.bias [16]", "attention.norm1.running_mean [16]",
                "attention.norm1.running_var [16]", "attention.fc2.weight [90, 16]",
                "attention.fc2.bias [90]", "warehouse_manager.weights.0 [9, 3, 7, 1, 1]",
            ])
        options.basisRatio = 0.5
        let shared = try KernelWarehouse(
            geometry, cells: KernelCells(shape: [60, 3, 7, 1, 1]), options: options)
        #expect(shared.parameter(at: "attention.fc2.weight")?.shape == [9 * (9 + 25 + 1), 16])
        #expect(shared.parameter(at: "attention.fc3.weight")?.shape == [51, 25])
        #expect(shared.parameter(at: "attention.basis_bias")?.shape == [9 * 61])
        #expect(shared.parameter(at: "attention.fc2.bias") == nil)
    }

    @Test func whatDoesNotFitIsRefused() throws {
        let geometry = try Self.cases[0].geometry()
        func refuses(_ option: String, _ make: () throws -> Void) {
            let error = #expect(throws: ProteanError.self) { try make() }
            guard case .invalidOption(_, option, _, _)? = error else {
                Issue.record("\(option): \(String(describing: error))")
                return
            }
        }
        func refuses(_ option: String, set: (inout KernelWarehouse.Options) -> Void) {
            var options = KernelWarehouse.Options()
            set(&options)
            refuses(option) {
                _ = try KernelWarehouse(
                    geometry, cells: KernelCells(shape: [9, 3, 7, 1, 1]), options: options)
            }
        }
        for value in [-0.1, 1.1, .nan] { refuses("temperature") { $0.temperature = value } }
        for value in [0, -1, .nan, 1e18] {
            refuses("reduction") { $0.reduction = value }
            refuses("cellRatio") { $0.cellRatio = value }
        }
        for value in [0, -1, .nan, 0.5] { refuses("basisRatio") { $0.basisRatio = value } }
        refuses("firstCell") {
            $0.temperature = 0.5
            $0.firstCell = 1
        }
        refuses("cellShape") {
            _ = try KernelWarehouse(geometry, cells: KernelCells(shape: [9, 2, 7, 1, 1]))
        }
        for shape in [[], [1, 1, 1, 1], [0, 1, 1, 1, 1], [1, 1, 1, 1, .max]] {
            refuses("cellShape") { _ = try KernelCells(shape: shape) }
        }
        refuses("layers") { _ = try KernelCells(serving: []) }
        for value in [0, -1, .nan, 1e18] {
            refuses("ratio") { _ = try KernelCells(serving: [geometry], ratio: value) }
            refuses("inputRatio") { _ = try KernelCells(serving: [geometry], inputRatio: value) }
            refuses("outputRatio") { _ = try KernelCells(serving: [geometry], outputRatio: value) }
        }
        refuses("kernelSize") {
            let other = try Conv2dGeometry(inputChannels: 7, outputChannels: 3, kernelSize: 1)
            _ = try KernelCells(serving: [geometry, other], dividesKernels: false)
        }
        let layer = try Self.cases[0].layer()
        for shape in [[1, 4, 4, 6], [4, 4, 7], [1, 0, 4, 7]] {
            #expect(throws: ProteanError.self) { try layer(Tensor(zeros: shape)) }
        }
    }

    @Test func shapesAndCostsNeedNoValues() throws {
        let layer = try Self.cases[0].layer()
        #expect(try layer.outputShape(for: [2, 7, 5, 7]) == [2, 7, 5, 3])
        let attention = 7 * 16 + 16 * 90
        #expect(
            try layer.cost(for: [2, 7, 5, 7]).multiplyAdds
                == 2 * (35 * 3 * 63 + 9 * 9 * 21 + attention))
        #expect(try layer.trace(for: [1, 7, 5, 7]).totalCost.parameters == layer.parameterCount)
    }

    @Test func notANumberStaysInItsSample() throws {
        let layer = try Self.cases[0].layer()
        var values = try Tensor.random([2, 7, 5, 7]).elements
        values[3] = .nan
        let y = try layer(Tensor(values, shape: [2, 7, 5, 7]))
        #expect(try y.sample(0).elements.contains { $0.isNaN })
        #expect(try y.sample(1).elements.allSatisfy { $0.isFinite })
    }
}
