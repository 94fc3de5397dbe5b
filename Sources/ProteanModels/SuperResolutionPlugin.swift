import Protean

/// IMDN, RLFN and PAN with the published models' names.
struct SuperResolutionPlugin: ModelPlugin {
    let name: String
    let summary: String
    let scale: Int
    let landmarkKeys: [String]
    /// The options of the configuration, with the reference's names, and their defaults.
    private let options: KeyValuePairs<String, Int>
    private let make: @Sendable (_ scale: Int, _ options: [Int]) throws(ProteanError) -> any Layer

    let inputShape = [1, 128, 128, 3]
    var enlargement: Int? { scale }

    private init(
        _ name: String, scale: Int, _ summary: String, landmarks: [String],
        options: KeyValuePairs<String, Int>,
        make: @escaping @Sendable (Int, [Int]) throws(ProteanError) -> any Layer
    ) {
        self.name = "\(name)_x\(scale)"
        self.scale = scale
        self.summary = summary
        landmarkKeys = landmarks
        self.options = options
        self.make = make
    }

    func makeModel(configuration: ModelConfiguration) throws(ProteanError) -> any Layer {
        try configuration.requireOnly(known: options.map(\.key))
        var values: [Int] = []
        for option in options {
            values.append(try configuration.integer(option.key, default: option.value))
        }
        return try make(scale, values)
    }

    static let all: [any ModelPlugin] = [imdn(2), imdn(4), rlfn, pan]

    private static func imdn(_ scale: Int) -> SuperResolutionPlugin {
        SuperResolutionPlugin(
            "imdn", scale: scale,
            "IMDN, super-resolution by \(scale) with contrast-aware channel attention, "
                + "Zheng222/IMDN's keys (arXiv 1909.11856)",
            landmarks: ["IMDB1.c1.weight", "IMDB1.cca.conv_du.0.weight", "c.0.weight"],
            options: ["nf": 64, "num_modules": 6]
        ) { scale, options throws(ProteanError) in
            try IMDN(scale: scale, features: options[0], blocks: options[1])
        }
    }

    private static let rlfn = SuperResolutionPlugin(
        "rlfn", scale: 4,
        "RLFN, super-resolution by 4 with enhanced spatial attention, ofsoundof/NTIRE2022_ESR's "
            + "keys (arXiv 2205.07514)",
        landmarks: ["B1.c1_r.weight", "B1.esa.conv_f.weight", "B4.c5.weight"],
        options: ["nf": 46, "mf": 48]
    ) { scale, options throws(ProteanError) in
        try RLFN(scale: scale, features: options[0], innerFeatures: options[1])
    }

    private static let pan = SuperResolutionPlugin(
        "pan", scale: 4,
        "PAN, super-resolution by 4 with pixel attention, zhaohengyuan1/PAN's keys "
            + "(arXiv 2010.01073)",
        landmarks: ["SCPA_trunk.0.PAConv.k2.weight", "att1.conv.weight", "upconv2.weight"],
        options: ["nf": 40, "unf": 24, "nb": 16]
    ) { scale, options throws(ProteanError) in
        try PAN(
            scale: scale, features: options[0], largeFeatures: options[1], blocks: options[2])
    }
}
