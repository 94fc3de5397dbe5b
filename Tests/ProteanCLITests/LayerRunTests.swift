import CommandSupport
import Protean
import Testing

@testable import ProteanCLI
@testable import ProteanCatalogue

/// y = x · scale + shift per channel, with a parameter and a second input.
private final class FakeLayer: Module {
    let scale: Parameter

    init(channels: Int) throws { scale = Parameter(try Tensor(zeros: [channels])) }

    var parameters: [NamedParameter] { [NamedParameter("scale", scale)] }

    func callAsFunction(_ x: Tensor, shift: Tensor) throws -> Tensor {
        guard x.shape[3] == scale.count else {
            throw ProteanError.shapeMismatch(
                layer: "Fake", tensor: "x", expected: "\(scale.count) channels", found: x.shape)
        }
        let (factors, offset) = (scale.value.elements, shift.elements[0])
        let values = x.elements.enumerated().map { $1 * factors[$0 % factors.count] + offset }
        return try Tensor(values, shape: x.shape)
    }
}

/// The rules of `protean apply` that hold for every layer.
@Suite struct LayerRunTests {
    private let folder: TemporaryFolder
    private let entry = LayerEntry(
        "Fake", family: .shape, reference: "none", summary: .fixed("nothing real"),
        keys: [.required("channels", "channels")],
        inputs: [
            .init("x", "[B, C, H, W]"), .init("shift", "[1]"),
            .init("extra", "[1]", optional: true),
        ],
        weights: [.init("scale", "[C]")],
        golden: [], benchmark: .kernel("none", ""),
        build: { configuration in
            let layer = try FakeLayer(channels: configuration.int("channels"))
            return BuiltLayer(layer) { inputs in
                let y = try layer(inputs.map("x"), shift: inputs.plain("shift"))
                return [.map("y", y), .plain("shift_used", try inputs.plain("shift"))]
            }
        })

    init() throws {
        folder = try TemporaryFolder()
        try write("w", [("scale", Tensor([1, 10], shape: [2]))])
        try write(
            "in",
            [
                ("x", Tensor((0..<12).map(Float.init), shape: [1, 2, 2, 3])),
                ("shift", Tensor([0.5], shape: [1])),
            ])
    }

    private func write(_ name: String, _ tensors: [(String, Tensor)]) throws {
        try Checkpoint.writeSafetensors(
            to: folder.path(name), tensors: tensors.map { (name: $0.0, tensor: $0.1) })
    }

    private func run(
        config: String = #"{"channels": 2}"#, weights: String? = "w", input: String = "in",
        layout: MapLayout = .nchw
    ) throws {
        try LayerRun(
            entry: entry, config: config, weights: weights.map(folder.path),
            input: folder.path(input), output: folder.path("out"), layout: layout)()
    }

    /// The line that a failure prints; also checks that nothing was written.
    private func failure(
        config: String = #"{"channels": 2}"#, weights: String? = "w", input: String = "in",
        layout: MapLayout = .nchw
    ) -> String {
        let error = #expect(throws: (any Error).self) {
            try run(config: config, weights: weights, input: input, layout: layout)
        }
        #expect(!folder.exists("out"))
        return error.map(CommandProcess.line) ?? "no failure"
    }

    @Test func channelsFirst() throws {
        try run()
        let written = try Checkpoint.open(folder.path("out"))
        #expect(written.names == ["shift_used", "y"])
        let y = try written.tensor("y")
        #expect(y.shape == [1, 2, 2, 3])
        #expect(y.elements == [0.5, 1.5, 2.5, 3.5, 4.5, 5.5, 60.5, 70.5, 80.5, 90.5, 100.5, 110.5])
    }

    @Test func channelsLast() throws {
        try write(
            "in",
            [
                ("x", Tensor([1, 2, 3, 4], shape: [1, 1, 2, 2])),
                ("shift", Tensor([0], shape: [1])),
            ])
        try run(layout: .nhwc)
        let y = try Checkpoint.open(folder.path("out")).tensor("y")
        #expect(y.shape == [1, 1, 2, 2])
        #expect(y.elements == [1, 20, 3, 40])
    }

    @Test func anEmptyBatchStaysEmpty() throws {
        try write("in", [("x", Tensor(zeros: [0, 2, 4, 3])), ("shift", Tensor([0], shape: [1]))])
        try run()
        #expect(try Checkpoint.open(folder.path("out")).tensor("y").shape == [0, 2, 4, 3])
    }

    @Test func weightsAreStrict() throws {
        #expect(
            failure(weights: nil).hasPrefix(
                "Fake: option '--weights' is missing, expected a file with scale"))
        try write("w", [("scale", Tensor(zeros: [2])), ("other", Tensor(zeros: [1]))])
        #expect(failure().contains("unused 1: other"))
        try write("w", [("scale", Tensor(zeros: [3]))])
        #expect(failure().contains("misshapen 1: scale expected [2] found [3]"))
        try write("w", [])
        #expect(failure().contains("missing 1: scale"))
        #expect(failure(weights: "nothing").contains("No such file"))
        try write("w", [("scale", Tensor(zeros: [2])), ("num_batches_tracked", Tensor(zeros: []))])
        try run()
    }

    @Test func inputsAreStrict() throws {
        #expect(failure(input: "nothing").contains("No such file"))
        let x = try Tensor(zeros: [1, 2, 2, 3])
        let shift = try Tensor(zeros: [1])
        try write("in", [("x", x)])
        #expect(failure().contains("expected a tensor 'shift' [1]"))
        try write("in", [("x", x), ("shift", shift), ("guide", shift)])
        #expect(failure().contains("with the tensor 'guide'"))
        try write("in", [("x", x), ("shift", shift), ("extra", shift)])
        #expect(failure().contains("expected no tensor 'extra' with this configuration"))
        try write("in", [("x", shift), ("shift", shift)])
        #expect(failure() == "Fake: tensor 'x' has shape [1], expected four axes [B, C, H, W]")
        try write("in", [("x", try Tensor(zeros: [1, 5, 2, 3])), ("shift", shift)])
        #expect(
            failure() == "Fake: tensor 'x' has shape [1, 2, 3, 5], expected 2 channels "
                + "(axes [B, H, W, C]; in the file [1, 5, 2, 3])")
    }

    @Test func configurationErrorsNameTheKey() {
        #expect(failure(config: "{}").hasPrefix("Fake: option 'channels' is missing"))
        #expect(
            failure(config: #"{"channels": 2, "chanels": 3}"#).contains(
                "'chanels' is an unknown key"))
        #expect(
            failure(config: #"{"channels": "two"}"#).contains(
                #"'channels' is "two", expected a whole number"#))
    }
}
