/// Shape arithmetic that reports overflow: shapes come from files and users.
enum Shape {
    /// The number of elements, or an error when a size is negative or the bytes of a Float32
    /// tensor would not fit the address space.
    static func elementCount(_ shape: [Int], layer: String) throws(ProteanError) -> Int {
        var count = 1
        var hasZero = false
        for size in shape {
            guard size >= 0 else {
                throw .shapeMismatch(
                    layer: layer, tensor: "shape", expected: "sizes of at least 0", found: shape)
            }
            if size == 0 { hasZero = true; continue }
            let (product, overflow) = count.multipliedReportingOverflow(by: size)
            guard !overflow, product <= Int.max / MemoryLayout<Float>.stride else {
                throw .sizeOverflow(layer: layer, what: "a tensor of shape \(shape)")
            }
            count = product
        }
        return hasZero ? 0 : count
    }
}
