import CommandSupport
import Protean
import ProteanCharts
import ProteanImage

/// The points of `protean curve`.
struct CurveReport {
    /// One choice of exits for the images.
    struct Place {
        let kind: String
        /// The exit's number, or q.
        let parameter: Double
        let multiplyAdds: Double
        /// Per image; nil where it was not measured.
        let milliseconds: Double?
        let accuracy: Double
        let accuracyFitted: Double
        let shares: [Double]
        let thresholds: [Float]
    }

    let title: String
    let anytime: [Place]
    let budgeted: [Place]
    let note: String
    let images: Int

    init(
        _ exits: ExitModel, options: ExitOptions, points: Int, flat: Bool, batch: Int, timed: Int,
        progress: ProgressLine
    ) throws {
        let (images, labels) = try options.images(for: exits)
        guard let (heldImages, heldLabels) = try options.heldOut(for: exits) else {
            throw Failure("no images to fit thresholds on: give --fit FOLDER")
        }
        let criterion = options.criterion ?? .maximumProbability
        let held = try exits.scores(
            of: heldImages, labels: heldLabels, criterion: criterion, progress: progress)
        let test = try exits.scores(
            of: images, labels: labels, criterion: criterion, progress: progress)
        let costs = try exits.costs()
        let curve = try TradeOffCurve(
            ThresholdSolver(held, costs: costs), test: test, method: .geometric(count: points),
            flat: flat)
        let times = try Times(
            exits, images, curve: curve, criterion: criterion, batch: batch, timed: timed, progress)
        let fitted = held.accuracies, reached = test.accuracies
        anytime = costs.indices.map { exit in
            Place(
                kind: "anytime", parameter: Double(exit + 1), multiplyAdds: Double(costs[exit]),
                milliseconds: times.exits.map { $0[exit] }, accuracy: reached[exit],
                accuracyFitted: fitted[exit],
                shares: costs.indices.map { $0 == exit ? 1 : 0 }, thresholds: [])
        }
        budgeted = curve.points.enumerated().map { index, point in
            Place(
                kind: "budgeted", parameter: point.parameter, multiplyAdds: point.test.meanCost,
                milliseconds: times.points[index], accuracy: point.accuracy,
                accuracyFitted: point.heldOut.accuracy, shares: point.test.shares,
                thresholds: point.thresholds)
        }
        title = "\(exits.model.plugin.name): \(images.summary)"
        note =
            "thresholds on \(criterion), fitted on \(heldImages.summary)"
            + (flat ? "; flat-curve rule in use" : "")
        self.images = images.count
    }

    /// Milliseconds per image.
    private struct Times {
        /// Of single images to each exit.
        var exits: [Double]?
        /// Of batches, by point of the curve.
        var points: [Int: Double] = [:]

        init(
            _ model: ExitModel, _ images: LabelledImages, curve: TradeOffCurve,
            criterion: Criterion, batch: Int, timed: Int, _ progress: ProgressLine
        ) throws {
            guard timed > 0, images.count > 0 else { return }
            let step = max(1, images.count / timed)
            let picked = Array(stride(from: 0, to: images.count, by: step).prefix(timed))
            progress.show("times of single images")
            exits = try model.secondsPerExit(
                picked.prefix(100).map { try model.batch(images, [$0]) }
            ).map { $0 * 1e3 }
            let batches = try stride(from: 0, to: picked.count, by: batch).map { start in
                try model.batch(images, picked[start..<min(start + batch, picked.count)])
            }
            for index in stride(from: 0, to: curve.points.count, by: 3) {
                progress.show("times of batches: \(index) of \(curve.points.count)")
                points[index] =
                    try model.secondsPerImage(
                        batches, policy: .threshold(criterion, curve.points[index].thresholds))
                    * 1e3
            }
        }
    }

    /// Both charts.
    var svg: String {
        var drawings = [
            chart("multiply-adds per image", .short) { $0.multiplyAdds }
        ]
        if anytime.contains(where: { $0.milliseconds != nil }) {
            drawings.append(chart("milliseconds per image", .plain) { $0.milliseconds ?? .nan })
        }
        return Drawing.stacked(drawings).file(label: "accuracy over cost of \(title)")
    }

    private func chart(
        _ axis: String, _ format: Axis.Format, _ cost: (Place) -> Double
    ) -> Drawing {
        var chart = Chart(
            title, x: Axis(axis, format: format), y: Axis("accuracy", format: .percent))
        func points(_ places: [Place]) -> [Point] {
            places.map { Point(cost($0), $0.accuracy) }.filter(\.isFinite)
        }
        chart.add(Chart.Series("anytime", points(anytime), style: .steps))
        chart.add(
            Chart.Series(
                "budgeted batch", points(budgeted).sorted { $0.x < $1.x }, style: .lineAndPoints))
        return chart.drawing
    }

    /// A line per point, with a line of titles.
    var csv: String {
        let exits = anytime.count
        var lines = [
            (["kind", "parameter", "multiply_adds", "milliseconds", "accuracy", "accuracy_fitted"]
                + (1...exits).map { "share_\($0)" } + (1...exits).map { "threshold_\($0)" })
                .joined(separator: ",")
        ]
        for place in anytime + budgeted {
            let thresholds = (0..<exits).map {
                place.thresholds.indices.contains($0) ? "\(place.thresholds[$0])" : ""
            }
            lines.append(
                ([
                    place.kind, "\(place.parameter)", "\(place.multiplyAdds)",
                    place.milliseconds.map { "\($0)" } ?? "", "\(place.accuracy)",
                    "\(place.accuracyFitted)",
                ] + place.shares.map { "\($0)" } + thresholds).joined(separator: ","))
        }
        return lines.joined(separator: "\n") + "\n"
    }

    func print() throws {
        try Standard.print("\(title), \(note)")
        var table = Table([
            ("", .left), ("multiply-adds", .right), ("ms", .right), ("accuracy", .right),
            ("fitted", .right),
        ])
        let shown = budgeted.enumerated().filter { $0.offset % 3 == 0 }.map(\.element)
        for place in anytime + shown {
            let name =
                place.kind == "anytime"
                ? "exit \(Int(place.parameter))" : "q = \(Text.fixed(place.parameter, 2))"
            table.add(
                name, Text.short(Int(place.multiplyAdds)),
                place.milliseconds.map { Text.fixed($0, 4) } ?? "", Text.percent2(place.accuracy),
                Text.percent2(place.accuracyFitted))
        }
        try table.print(indent: "  ")
    }
}
