// swift-tools-version: 6.2
import PackageDescription

// Kernels are hot code: optimised in debug builds too, so that tests and demos run at full speed.
// Tools 6.2 accepts these flags in a package that others depend on.
let kernelSettings: [CSetting] = [
    .unsafeFlags(["-O3"]),
    // Without this a compiler may turn a multiplication and an addition of the portable variant
    // into one fused operation, and results would differ between compilers and targets.
    .unsafeFlags(["-ffp-contract=off"]),
    .define("NDEBUG"),
    // OpenMP is used on Linux only; on macOS threads come from libdispatch.
    .unsafeFlags(["-fopenmp"], .when(platforms: [.linux])),
]

// Debian keeps the plain name `libomp.so` in a compiler-specific folder; the versioned name is on
// the default search path.
let openMP: [LinkerSetting] = [
    .linkedLibrary(":libomp.so.5", .when(platforms: [.linux])),
    .linkedLibrary("m", .when(platforms: [.linux])),
]

let strict: [SwiftSetting] = [
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
]

let package = Package(
    name: "protean",
    platforms: [.macOS(.v15)],
    products: [
        .library(name: "Protean", targets: ["Protean"]),
        .library(name: "ProteanModels", targets: ["ProteanModels"]),
        // Images to tensors; apart, because it needs libpng and libjpeg.
        .library(name: "ProteanImage", targets: ["ProteanImage"]),
        .executable(name: "protean", targets: ["ProteanCLI"]),
        .executable(name: "kernelbench", targets: ["kernelbench"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2")
    ],
    targets: [
        // Everything hot: C11, one source per kernel, compiled for each ISA, OpenMP drivers.
        .target(
            name: "CProteanKernels",
            path: "Kernels",
            publicHeadersPath: "include",
            cSettings: kernelSettings,
            linkerSettings: openMP),
        // The library: tensors, layers, checkpoints, model plug-ins. No dependency but the kernels.
        .target(
            name: "Protean",
            dependencies: ["CProteanKernels"],
            swiftSettings: strict),
        // Reference architectures as model plug-ins.
        .target(
            name: "ProteanModels",
            dependencies: ["Protean", "CProteanResources"],
            exclude: ["Training", "Resources"],
            swiftSettings: strict),
        // The embedded networks' weights, images and class names as constants of the program: no
        // resource bundle has to lie beside an executable.
        .target(name: "CProteanResources"),
        // PNG and JPEG decoding through the system's libpng and libjpeg-turbo.
        .target(
            name: "CProteanImage",
            // Resampling must match Pillow bit for bit: no contraction here either.
            cSettings: [.unsafeFlags(["-O3", "-ffp-contract=off"])],
            linkerSettings: [.linkedLibrary("png"), .linkedLibrary("jpeg"), .linkedLibrary("z")]),
        .target(
            name: "ProteanImage",
            dependencies: ["CProteanImage", "Protean"],
            swiftSettings: strict),
        // What is known about every layer: how it is built and run from its reference's options,
        // golden cases, benchmark, family; for commands and checks.
        .target(
            name: "ProteanCatalogue",
            dependencies: ["Protean"],
            swiftSettings: strict),
        // Charts as SVG, for both commands; no dependency.
        .target(name: "ProteanCharts", swiftSettings: strict),
        // What both commands share: arguments, standard output, progress, exit status.
        .target(
            name: "CommandSupport",
            dependencies: [
                "Protean", .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            swiftSettings: strict),
        .executableTarget(
            name: "ProteanCLI",
            dependencies: [
                "Protean", "ProteanCatalogue", "ProteanCharts", "ProteanModels", "ProteanImage",
                "CommandSupport",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            swiftSettings: strict),
        // What `kernelbench` is made of: a library, so that tests reach it.
        .target(
            name: "KernelbenchSupport",
            dependencies: ["Protean", "ProteanCatalogue", "ProteanCharts", "CProteanKernels"],
            path: "Benchmarks/kernelbench-support",
            swiftSettings: strict),
        .executableTarget(
            name: "kernelbench",
            dependencies: [
                "Protean", "KernelbenchSupport", "CommandSupport",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            path: "Benchmarks/kernelbench",
            swiftSettings: strict),
        // Random and hostile files and options against limits of time and memory; see
        // Docs/Fuzzing.md. No product: built by `swift build`, run by Tests/fuzz.sh.
        .executableTarget(
            name: "protean-fuzz",
            dependencies: [
                "Protean", "ProteanCatalogue", "ProteanImage", "ProteanModels",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            path: "Tests/Fuzz",
            swiftSettings: strict),
        // Files of a new layer, and README.md's table of layers; see Docs/AddingALayer.md. No product.
        .executableTarget(
            name: "protean-scaffold",
            dependencies: [
                "ProteanCatalogue",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            swiftSettings: strict),
        // Double-precision loops that kernels are tested against.
        .target(
            name: "CReference",
            path: "Tests/CReference",
            cSettings: [.unsafeFlags(["-O2"])],
            linkerSettings: [.linkedLibrary("z")]),
        .testTarget(
            name: "ProteanTests",
            dependencies: [
                "Protean", "ProteanCatalogue", "ProteanModels", "CProteanKernels", "CReference",
            ],
            swiftSettings: strict),
        // A package of its own as well, see Docs/YourOwnLayer.md: what it uses is public.
        .target(
            name: "TinyConvNeXt",
            dependencies: ["Protean", "ProteanModels", "ProteanImage"],
            path: "Examples/TinyConvNeXt/Sources/TinyConvNeXt",
            swiftSettings: strict),
        // The other packages under Examples, likewise.
        .target(
            name: "StyleRecalibration",
            dependencies: ["Protean"],
            path: "Examples/StyleRecalibration/Sources/StyleRecalibration",
            swiftSettings: strict),
        .target(
            name: "OwnLayers",
            dependencies: ["Protean"],
            path: "Examples/OwnLayers/Sources/OwnLayers",
            swiftSettings: strict),
        .target(
            name: "QueriedOrientation",
            dependencies: ["Protean"],
            path: "Examples/QueriedOrientation/Sources/QueriedOrientation",
            swiftSettings: strict),
        .executableTarget(
            name: "skipped-blocks",
            dependencies: ["Protean"],
            path: "Examples/SkippedBlocks/Sources/skipped-blocks",
            swiftSettings: strict),
        // Whole networks with published and embedded weights.
        .testTarget(
            name: "ProteanModelsTests",
            dependencies: [
                "Protean", "ProteanModels", "ProteanImage", "CReference", "TinyConvNeXt",
                "StyleRecalibration", "OwnLayers", "QueriedOrientation",
            ],
            swiftSettings: strict),
        .testTarget(
            name: "ProteanImageTests",
            dependencies: ["Protean", "ProteanImage"],
            swiftSettings: strict),
        .testTarget(
            name: "ProteanChartsTests",
            dependencies: ["ProteanCharts"],
            swiftSettings: strict),
        .testTarget(
            name: "ProteanCLITests",
            dependencies: [
                "Protean", "ProteanCatalogue", "ProteanCharts", "ProteanImage", "ProteanModels",
                "ProteanCLI", "CommandSupport", "kernelbench", "protean-scaffold",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            swiftSettings: strict),
        // What the harness makes is what it claims to make, and what it should notice it notices.
        .testTarget(
            name: "FuzzTests",
            dependencies: [
                "Protean", "ProteanCatalogue", "ProteanImage", "CProteanKernels", "protean-fuzz",
            ],
            swiftSettings: strict),
        .testTarget(
            name: "KernelbenchTests",
            dependencies: ["KernelbenchSupport", "ProteanCatalogue", "kernelbench"],
            swiftSettings: strict),
    ],
    swiftLanguageModes: [.v6],
    cLanguageStandard: .c11
)
