import CProteanResources
import Protean

/// Files that are compiled into the program.
enum Resources {
    /// The content of a compiled-in file, without a copy.
    static func bytes(_ resource: ptn_resource) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(start: resource.bytes, count: resource.count)
    }

    /// Weights of an embedded network.
    static func weights(_ resource: ptn_resource) -> WeightSource {
        // Constants live as long as the program, so nothing is released.
        .memory(
            CheckpointBytes(bytes(resource), source: name(resource)) { _ in }, name: name(resource))
    }

    /// A text of one entry a line, without empty ones.
    static func lines(_ resource: ptn_resource) -> [String] {
        bytes(resource).split(separator: UInt8(ascii: "\n")).map {
            String(decoding: $0, as: UTF8.self)
        }
    }

    /// The file's name, such as `protean_tiny.safetensors`.
    static func name(_ resource: ptn_resource) -> String { String(cString: resource.name) }
}
