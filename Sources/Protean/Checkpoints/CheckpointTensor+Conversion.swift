import CProteanKernels

extension CheckpointTensor {
    /// The values as a contiguous Float32 tensor.
    ///
    /// A contiguous, 4-byte-aligned Float32 tensor is a view of the file and costs nothing; others
    /// are converted in one pass. Integers and Float64 are rounded to nearest, BOOL becomes 0 or 1.
    /// - Throws: ``ProteanError/outOfMemory(layer:bytes:)``.
    public func float32() throws(ProteanError) -> Tensor {
        if let view = viewed() { return view }
        let result = try Tensor(uninitialized: shape, for: "Checkpoint")
        guard count > 0, let base = storage.bytes.baseAddress else { return result }
        let status = withExtendedLifetime(storage) {
            shape.withUnsafeBufferPointer { shape in
                strides.withUnsafeBufferPointer { strides in
                    var view = ptn_strided(
                        type: type.kernelValue, rank: shape.count,
                        shape: shape.baseAddress, strides: strides.baseAddress,
                        base: base + byteOffset, bytes: storage.bytes.count - byteOffset)
                    return ptn_convert_to_float(&view, result.storage!.base)
                }
            }
        }
        try status.check("Checkpoint")
        return result
    }

    /// The tensor as a view of the file, where its bytes are floats in the right order and place.
    private func viewed() -> Tensor? {
        guard type == .float32, count > 0, isContiguous,
            let base = storage.bytes.baseAddress.map({ $0 + byteOffset }),
            UInt(bitPattern: base) % UInt(MemoryLayout<Float>.alignment) == 0
        else { return nil }
        return Tensor(
            viewing: base.assumingMemoryBound(to: Float.self), shape: shape, count: count,
            owner: storage)
    }
}

extension ElementType {
    var kernelValue: ptn_element {
        switch self {
        case .bool: PTN_ELEMENT_BOOL
        case .uint8: PTN_ELEMENT_U8
        case .int8: PTN_ELEMENT_I8
        case .int16: PTN_ELEMENT_I16
        case .uint16: PTN_ELEMENT_U16
        case .int32: PTN_ELEMENT_I32
        case .uint32: PTN_ELEMENT_U32
        case .int64: PTN_ELEMENT_I64
        case .uint64: PTN_ELEMENT_U64
        case .float16: PTN_ELEMENT_F16
        case .bfloat16: PTN_ELEMENT_BF16
        case .float32: PTN_ELEMENT_F32
        case .float64: PTN_ELEMENT_F64
        }
    }
}
