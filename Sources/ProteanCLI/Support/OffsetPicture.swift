import Protean
import ProteanImage

/// Sampling positions drawn over an image.
struct OffsetPicture {
    private(set) var canvas: Canvas
    /// Height and width of the map to which positions refer.
    let inputSize: (height: Int, width: Int)
    let imageSize: (height: Int, width: Int)

    private static let colors: [Canvas.Color] = [
        .init(230, 60, 60), .init(40, 170, 80), .init(60, 110, 240), .init(240, 160, 20),
        .init(170, 70, 200), .init(20, 170, 190),
    ]
    private static let white = Canvas.Color(255, 255, 255)

    init(
        canvas: Canvas, inputSize: (height: Int, width: Int), imageSize: (height: Int, width: Int)
    ) {
        self.canvas = canvas
        self.inputSize = inputSize
        self.imageSize = imageSize
    }

    /// Draws the samples of one output: lines from the regular positions, dots, and a square in the
    /// middle of the regular positions.
    mutating func add(_ points: [SamplingRecord.Point], color index: Int) {
        let color = Self.colors[index % Self.colors.count]
        for point in points {
            let from = place(point.regularY, point.regularX), to = place(point.y, point.x)
            for (thickness, shade) in [(3.0, Self.white), (1.5, color)] {
                canvas.line(
                    x: from.x, y: from.y, toX: to.x, toY: to.y, thickness: thickness, shade)
            }
        }
        for point in points {
            let at = place(point.y, point.x)
            // The dot's area is proportional to the modulation.
            let radius = 2 + 3 * Double(min(max(point.modulation, 0), 1)).squareRoot()
            canvas.disc(x: at.x, y: at.y, radius: radius + 1, Self.white)
            canvas.disc(x: at.x, y: at.y, radius: radius, color)
        }
        guard let first = points.first, let last = points.last else { return }
        let middle = place(
            (first.regularY + last.regularY) / 2, (first.regularX + last.regularX) / 2)
        let half = 5 / Double(canvas.scale)
        let corners = [(-half, -half), (half, -half), (half, half), (-half, half)]
        for (thickness, shade) in [(4.0, Self.white), (2.0, color)] {
            for (i, corner) in corners.enumerated() {
                let next = corners[(i + 1) % 4]
                canvas.line(
                    x: middle.x + corner.0, y: middle.y + corner.1, toX: middle.x + next.0,
                    toY: middle.y + next.1, thickness: thickness, shade)
            }
        }
    }

    /// A position of the layer's input in pixels of the image.
    private func place(_ y: Float, _ x: Float) -> (y: Double, x: Double) {
        let rows = Double(imageSize.height) / Double(inputSize.height)
        let columns = Double(imageSize.width) / Double(inputSize.width)
        return ((Double(y) + 0.5) * rows - 0.5, (Double(x) + 0.5) * columns - 0.5)
    }
}
