import Foundation
import Protean
import ProteanImage

/// Panels that show the filters of every pixel, or which filter it has.
struct FilterPicture {
    /// One panel: a colour per output pixel, row by row.
    private struct Panel {
        let colors: [Canvas.Color]
    }

    private let height, width: Int
    private var panels: [Panel] = []
    /// The panels' figures.
    private(set) var table: Table

    /// The panels of one sample and group.
    init(_ entry: FilterRecord.Entry, sample: Int, group: Int) throws {
        switch entry.content {
        case .filters:
            let moments = try entry.moments(group: group)
            (height, width) = (moments.shape[1], moments.shape[2])
            let size = height * width * 3
            let values = Array(moments.elements[sample * size..<(sample + 1) * size])
            table = Table([("", .left), ("mean", .right), ("largest", .right)])
            addMoments(values)
        case .regions(let map, let count):
            guard !map.isShapeOnly else { throw ProteanError.noValues(layer: entry.path) }
            (height, width) = (map.shape[1], map.shape[2])
            let size = height * width
            let values = map.elements[sample * size..<(sample + 1) * size].map { Int($0) }
            table = Table([("filter", .right), ("share of pixels", .right)])
            addRegions(values, count)
        }
    }

    private mutating func addMoments(_ values: [Float]) {
        let pixels = stride(from: 0, to: values.count, by: 3).map { at in
            (y: Double(values[at]), x: Double(values[at + 1]), spread: Double(values[at + 2]))
        }
        let distances = pixels.map { ($0.y * $0.y + $0.x * $0.x).squareRoot() }
        let farthest = distances.max() ?? 0, widest = pixels.map(\.spread).max() ?? 0
        panels.append(
            Panel(
                colors: pixels.indices.map { index in
                    let direction = atan2(pixels[index].y, pixels[index].x) / (2 * .pi)
                    return .init(
                        hue: direction < 0 ? direction + 1 : direction,
                        saturation: farthest > 0 ? distances[index] / farthest : 0)
                }))
        panels.append(
            Panel(
                colors: pixels.map { pixel in
                    let grey = UInt8(
                        clamping: Int((255 * (widest > 0 ? pixel.spread / widest : 0)).rounded()))
                    return .init(grey, grey, grey)
                }))
        for (name, all) in [("centre's distance", distances), ("spread", pixels.map(\.spread))] {
            table.add(
                name, Text.fixed(all.reduce(0, +) / Double(max(all.count, 1)), 2),
                Text.fixed(all.max() ?? 0, 2))
        }
    }

    private mutating func addRegions(_ values: [Int], _ count: Int) {
        panels.append(
            Panel(
                colors: values.map { region in
                    .init(hue: Double(region) / Double(count), saturation: 0.8)
                }))
        for region in 0..<count {
            let share = Double(values.count { $0 == region }) / Double(max(values.count, 1))
            table.add("\(region)", Text.percent(share))
        }
    }

    /// The panels side by side, to the right of `image` if there is one, all at its size enlarged to
    /// about 300 pixels.
    func image(beside image: Image?) throws -> Image {
        var row = PanelRow(height: height, width: width, beside: image)
        let width = width
        for panel in panels {
            row.add(width: width, height: height) { x, y in panel.colors[y * width + x] }
        }
        return try row.image()
    }
}
