import Protean

// Options and tensors of layers along sequences.
extension LayerConfiguration {
    /// A whole number, or a list of one.
    func single(_ key: String) throws -> Int {
        guard case .array(let list) = value(key) else { return try int(key) }
        guard list.count == 1, case .number(let number) = list[0], let whole = Int(exactly: number)
        else { throw refusal(key, "a whole number or a list of one") }
        return whole
    }

    /// A whole number or a list of one, `"same"` or `"valid"`.
    func sequencePadding(_ key: String) throws -> Padding1d {
        switch text(key) {
        case "same": .same
        case "valid": .valid
        case nil: .symmetric(try single(key))
        default: throw refusal(key, "a number, \"same\" or \"valid\"")
        }
    }
}

extension LayerInputs {
    /// A tensor with any number of axes whose channels are the second axis in PyTorch and the last
    /// one here.
    func channelsLast(_ name: String) throws -> Tensor {
        let tensor = try plain(name)
        return tensor.rank >= 3 ? try layout.toLibrary(tensor) : tensor
    }
}
