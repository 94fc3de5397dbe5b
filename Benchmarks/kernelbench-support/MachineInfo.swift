import Foundation

/// Information about the machine, for the context of results.
package enum MachineInfo {
    /// A cache of the first processor.
    package struct Cache: Encodable, Sendable {
        let type: String
        let level: Int
        let size: Int
        let numSharing: Int

        enum CodingKeys: String, CodingKey {
            case type, level, size
            case numSharing = "num_sharing"
        }
    }

    /// Bytes of main memory.
    package static let memoryBytes = ProcessInfo.processInfo.physicalMemory
    /// Logical processors that are online.
    package static let processors = ProcessInfo.processInfo.activeProcessorCount

    /// The processor's name.
    package static let cpu: String = {
        #if canImport(Darwin)
            var text = [CChar](repeating: 0, count: 256)
            var size = text.count - 1
            if sysctlbyname("machdep.cpu.brand_string", &text, &size, nil, 0) == 0 {
                let name = text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
                return String(decoding: name, as: UTF8.self)
            }
        #endif
        return cpuField("model name") ?? cpuField("CPU part") ?? "unknown"
    }()

    /// The processor's frequency in MHz, as the system reports it now; nil if it does not.
    package static let megahertz: Double? = cpuField("cpu MHz").flatMap(Double.init)

    private static func cpuField(_ name: String) -> String? {
        guard let text = read("/proc/cpuinfo") else { return nil }
        for line in text.split(separator: "\n") {
            let parts = line.split(separator: ":", maxSplits: 1)
            guard parts.count == 2 else { continue }
            let value = parts[1].trimmingCharacters(in: .whitespaces)
            if parts[0].trimmingCharacters(in: .whitespaces) == name { return value }
        }
        return nil
    }

    /// The caches of the first processor; empty if the system does not list them.
    package static let caches: [Cache] = (0..<8).compactMap(cache)

    private static func cache(_ index: Int) -> Cache? {
        let folder = "/sys/devices/system/cpu/cpu0/cache/index\(index)/"
        func field(_ name: String) -> String? {
            read(folder + name)?.trimmingCharacters(in: .whitespacesAndNewlines)
        }
        guard let type = field("type"), let level = field("level").flatMap(Int.init),
            let size = field("size").flatMap(size)
        else { return nil }
        let sharing = field("shared_cpu_list").map(count) ?? 1
        return Cache(type: type, level: level, size: size, numSharing: sharing)
    }

    /// `48K` or `2M` in bytes.
    static func size(_ text: String) -> Int? {
        let units: [Character: Int] = ["K": 1 << 10, "M": 1 << 20, "G": 1 << 30]
        guard let last = text.last, let unit = units[last] else { return Int(text) }
        return Int(text.dropLast()).map { $0 * unit }
    }

    /// The number of processors in a list such as `0-3,8`.
    static func count(_ list: String) -> Int {
        list.split(separator: ",").reduce(0) { total, part in
            let ends = part.split(separator: "-").compactMap { Int($0) }
            guard let first = ends.first, let last = ends.last else { return total }
            return total + last - first + 1
        }
    }

    private static func read(_ path: String) -> String? {
        try? String(contentsOfFile: path, encoding: .utf8)
    }
}
