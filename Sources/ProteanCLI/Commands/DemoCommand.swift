import ArgumentParser
import CommandSupport
import Foundation
import Protean
import ProteanModels

/// `protean demo`: the embedded network on its images, then a few kernels.
struct DemoCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "demo",
        abstract: "Classify the shipped images with the embedded network, then time a few kernels.",
        discussion: """
            Needs no files and no network connection. Multiply-adds are printed twice: those of \
            the whole network, and those that were executed.

            Examples:
              protean demo
              protean demo --threads 1
            """)

    @OptionGroup var runtime: RuntimeOptions

    @Flag(help: "Leave out the kernel timings.")
    var skipKernels = false

    func run() throws {
        try runtime.with {
            try Self.classify()
            try Self.leaveEarly()
        }
        if !skipKernels { try runKernelbench() }
    }

    private static func classify() throws {
        let images = try DemoImage.shipped()
        let model = try ModelLoader.standard.makeModel(DemoImage.model)
        let classifier = try Classifier(model)
        try Standard.print("\(model.plugin.name): \(model.plugin.summary)")
        if let first = images.first { try classifier.warmUp(first.image) }
        var table = Table([
            ("image", .left), ("label", .left), ("prediction", .left), ("probability", .right),
            ("", .left), ("ms", .right), ("multiply-adds", .right), ("executed", .right),
        ])
        var (correct, times) = (0, [Double]())
        for image in images {
            let result = try classifier.classify(image.image, file: image.name, top: 1)
            let best = result.predictions[0]
            if best.index == image.label { correct += 1 }
            times.append(result.milliseconds)
            table.add(
                image.name, name(of: image.label, in: model), name(of: best.index, in: model),
                Text.percent(best.probability), best.index == image.label ? "" : "wrong",
                Text.fixed(result.milliseconds, 3), Text.short(result.multiplyAdds),
                Text.short(result.executedMultiplyAdds))
        }
        try table.print(indent: "  ")
        let median = Text.fixed(Text.median(times), 3)
        try Standard.print(
            "  \(correct) of \(images.count) correct, median \(median) ms "
                + "per image, \(try Runtime.isa().rawValue), threads: \(try Runtime.threads())")
    }

    /// The network with exits on the same images: easy ones leave at the first exit.
    private static func leaveEarly() throws {
        let images = try DemoImage.shipped()
        let model = try ModelLoader.standard.makeModel(DemoImage.exitModel)
        guard let chosen = try ChosenThresholds.of(model, file: nil, budget: nil) else { return }
        let classifier = try Classifier(model, policy: chosen.policy)
        try Standard.print("")
        try Standard.print("\(model.plugin.name): \(model.plugin.summary)")
        if let first = images.first { try classifier.warmUp(first.image) }
        var table = Table([
            ("image", .left), ("prediction", .left), ("probability", .right), ("", .left),
            ("exit", .right), ("ms", .right), ("executed", .right), ("of", .right),
        ])
        var (correct, times) = (0, [Int: [Double]]())
        for image in images {
            let result = try classifier.classify(image.image, file: image.name, top: 1)
            let best = result.predictions[0], exit = result.exit ?? 0
            if best.index == image.label { correct += 1 }
            times[exit, default: []].append(result.milliseconds)
            table.add(
                image.name, name(of: best.index, in: model), Text.percent(best.probability),
                best.index == image.label ? "" : "wrong", "\(exit)",
                Text.fixed(result.milliseconds, 3), Text.short(result.executedMultiplyAdds),
                Text.short(result.multiplyAdds))
        }
        try table.print(indent: "  ")
        let perExit = times.sorted { $0.key < $1.key }.map { exit, times in
            "\(times.count) left at exit \(exit) in \(Text.fixed(Text.median(times), 3)) ms"
        }
        try Standard.print(
            "  \(correct) of \(images.count) correct; " + perExit.joined(separator: ", "))
    }

    private static func name(of index: Int, in model: Model) -> String {
        let names = model.classNames
        return names.indices.contains(index) ? names[index] : "\(index)"
    }

    /// Runs the executable in the same folder as this one.
    private func runKernelbench() throws {
        try Standard.print("")
        let beside = Bundle.main.executableURL?.resolvingSymlinksInPath()
            .deletingLastPathComponent().appendingPathComponent("kernelbench")
        guard let beside, FileManager.default.isExecutableFile(atPath: beside.path) else {
            try Standard.print(
                "kernels: build their benchmark with `swift build -c release --product kernelbench`"
            )
            return
        }
        let process = Process()
        process.executableURL = beside
        process.arguments = ["--filter", "demo", "--min-time", "0.2"]
        if let threads = runtime.threads { process.arguments? += ["--threads", "\(threads)"] }
        if let isa = runtime.isa { process.arguments? += ["--isa", isa.rawValue] }
        do {
            try process.run()
        } catch {
            throw Failure("\(beside.path) could not be started")
        }
        process.waitUntilExit()
        guard process.terminationStatus == 0 else {
            throw Failure("kernelbench ended with status \(process.terminationStatus)")
        }
    }
}
