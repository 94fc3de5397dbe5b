// Frames, tables and scans that do not belong together.
extension JPEGGenerator {
    static func restarts(_ random: inout FuzzRandom, _ budget: Int) -> [UInt8] {
        var frame = frame(&random)
        frame.isProgressive = false
        frame.restartInterval = random.pick([1, 2, 65535])
        var data = entropy(frame, bitsPerBlock: 2)
        var markers: [UInt8] = []
        for _ in 0..<random.size(upTo: budget / 4) {
            markers += [0xff, 0xd0 + UInt8(random.below(8))]
        }
        data.insert(contentsOf: markers, at: random.below(data.count + 1))
        return head(frame) + scanHeader(Array(frame.factors.indices)) + data + end
    }

    static func tables(_ random: inout FuzzRandom, _ budget: Int) -> [UInt8] {
        let frame = frame(&random)
        let counts = (0..<16).map { _ in
            UInt8(random.oneIn(3) ? random.below(256) : random.below(3))
        }
        let table = [random.pick([0, 0x10, 0x02, 0x13, 0x44, 0xff])] + counts + random.bytes(300)
        let extra = random.pick([
            segment(0xc4, table), segment(0xc4, Array(table.prefix(random.below(40)))),
            segment(0xdb, [0x10] + random.bytes(128)),
            segment(0xdb, random.bytes(random.below(70))),
            segment(0xdb, [0] + [UInt8](repeating: 0, count: 64)), segment(0xcc, random.bytes(8)),
        ])
        return head(frame) + extra + scanHeader(Array(frame.factors.indices))
            + random.bytes(random.size(upTo: 400)).map { $0 & 0x7f } + end
    }

    static func frameKinds(_ random: inout FuzzRandom, _ budget: Int) -> [UInt8] {
        var frame = frame(&random)
        frame.marker = 0xc0 + UInt8(random.below(16))
        frame.precision = random.pick([8, 8, 8, 12, 16, 0, 2, 255])
        let twice = random.oneIn(4) ? frameHeader(frame) : []
        return head(frame) + twice + scanHeader(Array(frame.factors.indices))
            + entropy(frame, bitsPerBlock: 2) + end
    }

    static func sampling(_ random: inout FuzzRandom, _ budget: Int) -> [UInt8] {
        var frame = frame(&random)
        frame.factors = (0..<random.within(0...10)).map { _ in
            (random.below(random.oneIn(4) ? 16 : 5), random.below(random.oneIn(4) ? 16 : 5))
        }
        frame.width = random.size(upTo: 20000)
        frame.height = random.size(upTo: 20000)
        return head(frame) + scanHeader(Array(frame.factors.indices))
            + [UInt8](repeating: 0, count: random.size(upTo: max(1, budget - 1000))) + end
    }

    static func scanOrder(_ random: inout FuzzRandom, _ budget: Int) -> [UInt8] {
        let frame = frame(&random)
        var bytes = head(frame)
        for _ in 0..<random.within(1...8) {
            let components = (0..<random.within(0...5)).map { _ in random.below(5) }
            bytes += scanHeader(
                components,
                spectrum: (UInt8(random.below(70)), UInt8(random.below(70))),
                approximation: UInt8(random.below(256)))
            bytes += entropy(frame, bitsPerBlock: random.within(1...2))
        }
        return bytes + end
    }

    /// Codes of all lengths and data that is noise.
    static func noise(_ random: inout FuzzRandom, _ budget: Int) -> [UInt8] {
        var frame = frame(&random)
        frame.width = random.size(upTo: 2000)
        frame.height = random.size(upTo: 2000)
        // Sixteen codes of 5 bits and as many of 6 for the symbols that AC coefficients have.
        var counts = [UInt8](repeating: 0, count: 16)
        (counts[4], counts[5]) = (16, 16)
        let symbols = (0..<32).map { _ in
            random.pick([0x01, 0x02, 0x11, 0xf0, 0x00, 0x03, 0xe0]) as UInt8
        }
        let lengths = (0..<32).map { _ in UInt8(random.below(12)) }
        let extra = segment(0xc4, [0] + counts + lengths) + segment(0xc4, [0x10] + counts + symbols)
        let data = random.bytes(random.size(upTo: max(1, budget - 1000))).flatMap {
            $0 == 0xff ? [0xff, 0] : [$0]
        }
        let all = Array(frame.factors.indices)
        let scan = frame.isProgressive ? scanHeader(all, spectrum: (0, 0)) : scanHeader(all)
        let more = frame.isProgressive ? scanHeader([0], spectrum: (1, 63)) + data.prefix(5000) : []
        return Array((head(frame) + extra + scan + data + more + end).prefix(budget))
    }

    /// A height of 0, which a later segment may tell.
    static func noHeight(_ random: inout FuzzRandom, _ budget: Int) -> [UInt8] {
        var frame = frame(&random)
        frame.claimedHeight = 0
        return head(frame) + scanHeader(Array(frame.factors.indices))
            + entropy(frame, bitsPerBlock: 2) + segment(0xdc, [0, UInt8(frame.height)]) + end
    }

    /// Two and four components, with Adobe's segment that says what they are.
    static func colours(_ random: inout FuzzRandom, _ budget: Int) -> [UInt8] {
        var frame = frame(&random)
        frame.factors = Array(repeating: (1, 1), count: random.pick([2, 3, 4]))
        let adobe = Array("Adobe".utf8) + [0, 100, 0, 0, 0, 0, UInt8(random.below(4))]
        let all = Array(frame.factors.indices)
        let scan =
            frame.isProgressive
            ? scanHeader(all, spectrum: (0, 0)) + entropy(frame, bitsPerBlock: 1)
            : scanHeader(all) + entropy(frame, bitsPerBlock: 2)
        return head(frame, extra: segment(0xee, adobe)) + scan + end
    }
}
