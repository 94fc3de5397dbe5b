/// JPEG files whose blocks are flat: with tables of one code, a block takes one or two bits.
enum JPEGGenerator: FileGenerator {
    /// What a frame is.
    struct Frame {
        var width = 8
        var height = 8
        var isProgressive = false
        /// Horizontal and vertical sampling factors, one pair per component.
        var factors = [(1, 1)]
        var restartInterval = 0
        /// Overrides, where the file lies.
        var marker: UInt8?
        var precision: UInt8 = 8
        var claimedHeight: Int?
    }

    static func segment(_ marker: UInt8, _ data: [UInt8]) -> [UInt8] {
        var bytes: [UInt8] = [0xff, marker]
        bytes.append(big: UInt16(truncatingIfNeeded: data.count + 2))
        return bytes + data
    }

    static let start: [UInt8] = [0xff, 0xd8]
    static let end: [UInt8] = [0xff, 0xd9]

    static func quantization() -> [UInt8] {
        segment(0xdb, [0] + [UInt8](repeating: 1, count: 64))
    }

    /// A table of one code, `0`, for `symbol`. `kind` is 0 for DC and 1 for AC.
    static func table(kind: UInt8, _ symbol: UInt8) -> [UInt8] {
        segment(0xc4, [kind << 4, 1] + [UInt8](repeating: 0, count: 15) + [symbol])
    }

    static func frameHeader(_ frame: Frame) -> [UInt8] {
        var data: [UInt8] = [frame.precision]
        data.append(big: UInt16(truncatingIfNeeded: frame.claimedHeight ?? frame.height))
        data.append(big: UInt16(truncatingIfNeeded: frame.width))
        data.append(UInt8(truncatingIfNeeded: frame.factors.count))
        for (index, factor) in frame.factors.enumerated() {
            data += [UInt8(truncatingIfNeeded: index + 1), UInt8(factor.0 << 4 | factor.1), 0]
        }
        return segment(frame.marker ?? (frame.isProgressive ? 0xc2 : 0xc0), data)
    }

    /// A scan's header for the components numbered from 0.
    static func scanHeader(
        _ components: [Int], spectrum: (UInt8, UInt8) = (0, 63), approximation: UInt8 = 0
    ) -> [UInt8] {
        var data: [UInt8] = [UInt8(truncatingIfNeeded: components.count)]
        for component in components { data += [UInt8(truncatingIfNeeded: component + 1), 0] }
        return segment(0xda, data + [spectrum.0, spectrum.1, approximation])
    }

    /// Units of the scan with all components, and blocks in each.
    static func units(_ frame: Frame) -> (count: Int, blocks: Int) {
        let across = 8 * (frame.factors.map(\.0).max() ?? 1)
        let down = 8 * (frame.factors.map(\.1).max() ?? 1)
        if frame.factors.count == 1 {
            return ((frame.width + 7) / 8 * ((frame.height + 7) / 8), 1)
        }
        return (
            (frame.width + across - 1) / across * ((frame.height + down - 1) / down),
            frame.factors.reduce(0) { $0 + $1.0 * $1.1 }
        )
    }

    /// Entropy-coded zeros for all units, with restart markers in between.
    static func entropy(_ frame: Frame, bitsPerBlock: Int) -> [UInt8] {
        let (count, blocks) = units(frame)
        let interval = frame.restartInterval > 0 ? frame.restartInterval : max(count, 1)
        var bytes: [UInt8] = []
        var done = 0
        while done < count {
            if done > 0 { bytes += [0xff, 0xd0 + UInt8((done / interval - 1) % 8)] }
            let bits = min(interval, count - done) * blocks * bitsPerBlock
            bytes += [UInt8](repeating: 0, count: bits / 8)
            if bits % 8 > 0 { bytes.append(0xff >> UInt8(bits % 8)) }
            done += interval
        }
        return bytes
    }

    static func head(_ frame: Frame, extra: [UInt8] = []) -> [UInt8] {
        var interval: [UInt8] = []
        interval.append(big: UInt16(truncatingIfNeeded: frame.restartInterval))
        return start + extra + quantization() + frameHeader(frame) + table(kind: 0, 0)
            + table(kind: 1, frame.isProgressive ? 0xe0 : 0)
            + (frame.restartInterval > 0 ? segment(0xdd, interval) : [])
    }

    static func frame(_ random: inout FuzzRandom) -> Frame {
        Frame(
            width: random.within(1...40), height: random.within(1...40),
            isProgressive: random.oneIn(3),
            factors: random.pick([
                [(1, 1)], [(1, 1), (1, 1), (1, 1)], [(2, 2), (1, 1), (1, 1)],
                [(2, 1), (1, 1), (1, 1)],
            ]),
            restartInterval: random.oneIn(3) ? random.within(1...4) : 0)
    }

    static func valid(_ random: inout FuzzRandom) -> FileSample {
        let frame = frame(&random)
        let extra = random.oneIn(2) ? exif(orientation: random.within(1...8)) : []
        let all = Array(frame.factors.indices)
        let scan =
            frame.isProgressive
            ? scanHeader(all, spectrum: (0, 0)) + entropy(frame, bitsPerBlock: 1)
            : scanHeader(all) + entropy(frame, bitsPerBlock: 2)
        return FileSample(
            bytes: head(frame, extra: extra) + scan + end,
            expectation: .image(
                width: frame.width, height: frame.height, channels: frame.factors.count == 1 ? 1 : 3
            ),
            label: "valid")
    }

    /// An EXIF segment with an orientation.
    static func exif(orientation: Int) -> [UInt8] {
        let directory: [UInt8] = [
            0x49, 0x49, 42, 0, 8, 0, 0, 0, 1, 0, 0x12, 1, 3, 0, 1, 0, 0, 0,
            UInt8(truncatingIfNeeded: orientation), 0, 0, 0, 0, 0, 0, 0,
        ]
        return segment(0xe1, Array("Exif\u{0}\u{0}".utf8) + directory)
    }
}
