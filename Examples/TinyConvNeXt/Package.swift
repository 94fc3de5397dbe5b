// swift-tools-version: 6.2
import PackageDescription

let package = Package(
    name: "TinyConvNeXt",
    platforms: [.macOS(.v15)],
    dependencies: [
        // From a repository: .package(url: "https://…/protean", branch: "main")
        .package(name: "protean", path: "../..")
    ],
    targets: [
        .target(
            name: "TinyConvNeXt",
            dependencies: [
                .product(name: "Protean", package: "protean"),
                .product(name: "ProteanImage", package: "protean"),
                .product(name: "ProteanModels", package: "protean"),
            ]),
        .executableTarget(name: "classify", dependencies: ["TinyConvNeXt"]),
    ])
