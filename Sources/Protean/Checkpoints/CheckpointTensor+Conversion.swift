import CProteanKernels

extension CheckpointTensor {
    /// The values as a contiguous Float32 tensor.
    ///
    /// Contiguous Float32 values are read directly into the tensor, or viewed if the file is in
    /// memory and their address is a multiple of four bytes; others are converted in one pass.
    /// Integers and Float64 are rounded to nearest, BOOL becomes 0 or 1.
    /// - Throws: ``ProteanError/outOfMemory(layer:bytes:)``, and
    ///   ``ProteanError/weightFile(file:problem:)`` with
    ///   ``WeightFileProblem/unsupportedType(tensor:type:)``, or when the file can no longer be read
    ///   or has become shorter.
    public func float32() throws(ProteanError) -> Tensor {
        guard type.isSupported else {
            throw .weightFile(
                file: storage.source,
                problem: .unsupportedType(tensor: name, type: type.rawValue))
        }
        if let view = viewed() { return view }
        let result = try Tensor(uninitialized: shape, for: "Checkpoint")
        guard count > 0, let target = result.storage?.base else { return result }
        let part: CheckpointBytes
        do throws(WeightFileProblem) {
            let range = byteOffset..<(byteOffset + byteExtent)
            if type == .float32, isContiguous {
                try storage.read(range, into: target)
                return result
            }
            part = try storage.contents(of: range)
        } catch {
            throw .weightFile(file: storage.source, problem: error)
        }
        try convert(part, to: target).check("Checkpoint")
        return result
    }

    private func convert(
        _ part: CheckpointBytes, to target: UnsafeMutablePointer<Float>
    ) -> ptn_status {
        withExtendedLifetime(part) {
            shape.withUnsafeBufferPointer { shape in
                strides.withUnsafeBufferPointer { strides in
                    var view = ptn_strided(
                        type: type.kernelValue, rank: shape.count,
                        shape: shape.baseAddress, strides: strides.baseAddress,
                        base: part.bytes.baseAddress, bytes: part.bytes.count)
                    return ptn_convert_to_float(&view, target)
                }
            }
        }
    }

    /// The tensor as a view of memory, if its bytes are floats in the right order and alignment.
    private func viewed() -> Tensor? {
        guard type == .float32, count > 0, storage.isInMemory, isContiguous,
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
        // Not reached: unsupported types throw before a kernel is called.
        case .unsupported: PTN_ELEMENT_U8
        }
    }
}
