import Foundation

/// The initial positions of an ``ActiveConv2d``'s taps: the first in the centre, the others on a
/// circle, each displaced by normally distributed noise (Box and Muller).
struct PositionCircle: Sendable {
    let taps, groups: Int
    let radius, angle: Double
    /// Standard deviation of the noise, in radii; below 0: no noise, and positions are rounded to
    /// whole pixels.
    let deviation: Double
    let seed: UInt64

    /// Calls `body` with the index of every tap in the list of all, and its x and y.
    func forEachPoint(_ body: (_ index: Int, _ x: Float, _ y: Float) -> Void) {
        var generator = SplitMix64(seed: seed ^ 0xAC71_7E)
        for index in 0..<groups * taps {
            let point = point(index % taps, &generator)
            let isCentre = index % taps == 0
            body(index, isCentre ? 0 : Float(point.x), isCentre ? 0 : Float(point.y))
        }
    }

    private func point(_ tap: Int, _ generator: inout SplitMix64) -> (x: Double, y: Double) {
        let at = 2 * Double.pi * Double(tap - 1) / Double(max(taps - 1, 1)) + angle
        let (x, y) = (radius * cos(at), radius * sin(at))
        if deviation < 0 {
            return (x.rounded(.toNearestOrEven), y.rounded(.toNearestOrEven))
        }
        let length = (-2 * log(1 - Double.random(in: 0..<1, using: &generator))).squareRoot()
        let phase = 2 * Double.pi * Double.random(in: 0..<1, using: &generator)
        let moved = deviation * radius * length
        return (x + moved * cos(phase), y + moved * sin(phase))
    }
}
