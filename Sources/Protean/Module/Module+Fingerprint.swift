extension Module {
    /// A number that changes with the name, shape or value of any parameter, as 16 hexadecimal
    /// digits.
    ///
    /// For files that belong to a model, such as the thresholds of its exits: what was fitted to
    /// one set of weights is not used with another. It protects against mistakes, not against
    /// forgery. Cost: one multiplication per value.
    public var fingerprint: String {
        // FNV-1a over 32-bit words, with a shift, because a product moves bits upwards only.
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        func mix(_ word: UInt64) {
            hash = (hash ^ word) &* 0x0000_0100_0000_01b3
            hash ^= hash >> 29
        }
        for named in allParameters() {
            for byte in named.name.utf8 { mix(UInt64(byte)) }
            mix(0x100)
            for size in named.parameter.shape { mix(UInt64(bitPattern: Int64(size))) }
            for value in named.parameter.value.elements { mix(UInt64(value.bitPattern)) }
        }
        let digits = String(hash, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }
}
