/// The meaning of a class or function named in a pickle for this reader. None of them is ever run:
/// each known one selects a fixed part of the reader, all others make inert objects.
enum PickleGlobal: Equatable {
    /// `collections.OrderedDict` and others whose instances are dictionaries.
    case dictionaryClass
    case sizeClass
    /// `_rebuild_tensor(storage, offset, shape, strides)`.
    case rebuildTensor
    /// `(storage, offset, shape, strides, requires_grad, hooks, [flags])`.
    case rebuildTensorV2
    /// `(storage, offset, shape, strides, requires_grad, hooks, type, [flags])`.
    case rebuildTensorV3
    /// A tensor given as the first argument, with further attributes.
    case passTensor
    /// `(function, class, arguments, state)`: a tensor with attributes or of a subclass.
    case rebuildFromType
    /// Tensors that are listed and whose values cannot be used.
    case rebuildMeta, rebuildSparse, rebuildQuantized, rebuildNested, rebuildWrapper, rebuildDevice
    /// An object of the class that is the first argument.
    case rebuildObject
    case storageClass(PickledElement)
    case elementType(PickledElement)
    /// Anything else.
    case unknown

    private static let names: [String: PickleGlobal] = [
        "collections.OrderedDict": .dictionaryClass,
        "collections.Counter": .dictionaryClass,
        "collections.defaultdict": .dictionaryClass,
        "builtins.dict": .dictionaryClass,
        "__builtin__.dict": .dictionaryClass,
        "torch.Size": .sizeClass,
        "torch._utils._rebuild_tensor": .rebuildTensor,
        "torch._utils._rebuild_tensor_v2": .rebuildTensorV2,
        "torch._utils._rebuild_tensor_v3": .rebuildTensorV3,
        "torch._utils._rebuild_parameter": .passTensor,
        "torch._utils._rebuild_parameter_with_state": .passTensor,
        "torch._utils._rebuild_device_tensor_from_cpu_tensor": .passTensor,
        "torch._utils._rebuild_buffer": .passTensor,
        "torch.nn.parameter.Parameter": .passTensor,
        "torch.nn.parameter.Buffer": .passTensor,
        "torch._tensor._rebuild_from_type": .rebuildFromType,
        "torch._tensor._rebuild_from_type_v2": .rebuildFromType,
        "torch.tensor._rebuild_from_type": .rebuildFromType,
        "torch._utils._rebuild_meta_tensor_no_storage": .rebuildMeta,
        "torch._utils._rebuild_sparse_tensor": .rebuildSparse,
        "torch._utils._rebuild_sparse_csr_tensor": .rebuildSparse,
        "torch._utils._rebuild_qtensor": .rebuildQuantized,
        "torch._utils._rebuild_nested_tensor": .rebuildNested,
        "torch._utils._rebuild_wrapper_subclass": .rebuildWrapper,
        "torch._utils._rebuild_device_tensor_from_numpy": .rebuildDevice,
        "torch._utils._rebuild_xla_tensor": .rebuildDevice,
        "copyreg._reconstructor": .rebuildObject,
        "copy_reg._reconstructor": .rebuildObject,
        "copyreg.__newobj__": .rebuildObject,
        "copy_reg.__newobj__": .rebuildObject,
        "numpy.core.multiarray._reconstruct": .rebuildObject,
        "numpy._core.multiarray._reconstruct": .rebuildObject,
        "torch.storage.UntypedStorage": .storageClass(.bytes),
        "torch.storage._UntypedStorage": .storageClass(.bytes),
    ]

    /// Names shown to the user for the results of known calls.
    static let plainNames: [String: String] = [
        "_codecs.encode": "bytes", "builtins.bytearray": "bytearray",
        "__builtin__.bytearray": "bytearray", "builtins.complex": "complex",
        "__builtin__.complex": "complex", "builtins.set": "set", "__builtin__.set": "set",
        "builtins.frozenset": "frozenset", "__builtin__.frozenset": "frozenset",
        "builtins.range": "range", "builtins.slice": "slice", "builtins.bytes": "bytes",
        "numpy.core.multiarray.scalar": "numpy scalar",
        "numpy._core.multiarray.scalar": "numpy scalar",
        "torch.serialization._get_layout": "torch.layout",
        "torch.device": "torch.device",
    ]

    /// The meaning of the name.
    init(module: String, name: String) {
        if let known = Self.names["\(module).\(name)"] {
            self = known
        } else if module == "torch" || module == "torch.cuda",
            let element = PickledElement.storageClasses[name]
        {
            self = .storageClass(element)
        } else if module == "torch", let element = PickledElement.elementTypes[name] {
            self = .elementType(element)
        } else {
            self = .unknown
        }
    }
}
