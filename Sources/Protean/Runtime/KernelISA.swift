import CProteanKernels

/// An instruction set for which Protean has kernels.
///
/// The widest one that this CPU runs is used unless another is forced, in order of precedence: a
/// scoped `Runtime.with(isa:threads:exactness:_:)`, ``Runtime/setISA(_:)``, the environment variable
/// `PROTEAN_ISA`.
public enum KernelISA: String, CaseIterable, Sendable {
    /// Portable C, compiled for the target's baseline.
    case scalar
    /// x86-64 with AVX2 and FMA.
    case avx2
    /// x86-64 with AVX-512 F, VL, DQ and BW.
    case avx512
    /// AArch64 Advanced SIMD.
    case neon

    var kernelValue: ptn_isa {
        switch self {
        case .scalar: PTN_ISA_SCALAR
        case .avx2: PTN_ISA_AVX2
        case .avx512: PTN_ISA_AVX512
        case .neon: PTN_ISA_NEON
        }
    }

    /// Whether this build and this CPU can run the variant.
    public var isSupported: Bool { ptn_isa_supported(kernelValue) }

    /// Every variant that can run here, narrowest first.
    public static var supported: [KernelISA] { allCases.filter(\.isSupported) }

    /// The widest variant that can run here.
    public static var best: KernelISA {
        allCases.first { $0.kernelValue == ptn_isa_best() } ?? .scalar
    }

    /// Floats per vector register.
    public var vectorFloats: Int { ptn_isa_vector_floats(kernelValue) }

    /// The variant with this name, if it can run here.
    ///
    /// - Throws: ``ProteanError/unsupportedISA(requested:supported:)``.
    public static func named(_ name: String) throws(ProteanError) -> KernelISA {
        guard let isa = KernelISA(rawValue: name.lowercased()) else {
            throw .unsupportedISA(requested: name, supported: supported.map(\.rawValue))
        }
        return try isa.checked()
    }

    func checked() throws(ProteanError) -> KernelISA {
        guard isSupported else {
            throw .unsupportedISA(
                requested: rawValue, supported: Self.supported.map(\.rawValue))
        }
        return self
    }
}
