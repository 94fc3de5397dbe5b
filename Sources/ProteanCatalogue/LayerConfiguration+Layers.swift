import Protean

// Values of the library's own types.
extension LayerConfiguration {
    /// A whole number or `[height, width]`.
    func size(_ key: String) throws -> Size2d {
        let (height, width) = try pair(key)
        return Size2d(height: height, width: width)
    }

    /// As ``size(_:)``, nil for `null`.
    func optionalSize(_ key: String) throws -> Size2d? { isNull(key) ? nil : try size(key) }

    /// A whole number, `[height, width]`, `"same"` or `"valid"`.
    func padding(_ key: String) throws -> Padding2d {
        switch text(key) {
        case "same": return .same
        case "valid": return .valid
        case nil: break
        default: throw refusal(key, "numbers, \"same\" or \"valid\"")
        }
        let (height, width) = try pair(key)
        return .symmetric(height: height, width: width)
    }

    /// A whole number of at least 1.
    func positive(_ key: String) throws -> Int {
        let number = try int(key)
        guard number >= 1 else { throw refusal(key, "at least 1") }
        return number
    }

    /// A whole number in 1...``OptionLimits/length``.
    func length(_ key: String) throws -> Int {
        let number = try int(key)
        guard (1...OptionLimits.length).contains(number) else {
            throw refusal(key, "1...\(OptionLimits.length)")
        }
        return number
    }

    /// A width computed from `key`, checked so that it can be rounded to a whole number.
    func width(_ width: Double, key: String) throws -> Double {
        guard width >= 0, width < 0x1p31 else { throw refusal(key, "a ratio above 0") }
        return width
    }

    /// An activation by PyTorch's or timm's name, such as `relu`, `hard_sigmoid` or `Hardsigmoid`.
    func activation(_ key: String) throws -> Activation {
        guard let name = text(key) else { throw refusal(key, "an activation's name") }
        do throws(ProteanError) {
            return try Activation(named: name)
        } catch .unknownName(_, _, let known) {
            throw refusal(key, "one of " + known.joined(separator: ", "))
        }
    }
}

// Conformance to the literal protocols keeps tables of keys short.
extension ModelConfiguration.Value: ExpressibleByIntegerLiteral, ExpressibleByStringLiteral,
    ExpressibleByBooleanLiteral, ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral
{
    /// A number.
    public init(integerLiteral value: Int) { self = .number(Double(value)) }
    /// A text.
    public init(stringLiteral value: String) { self = .string(value) }
    /// A truth value.
    public init(booleanLiteral value: Bool) { self = .bool(value) }
    /// An object; if a name occurs twice, the last value is used.
    public init(dictionaryLiteral elements: (String, ModelConfiguration.Value)...) {
        self = .object(Dictionary(elements) { $1 })
    }
    /// A list.
    public init(arrayLiteral elements: ModelConfiguration.Value...) { self = .array(elements) }
}
