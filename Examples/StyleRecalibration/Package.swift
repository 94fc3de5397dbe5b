// swift-tools-version: 6.2
import PackageDescription

let package = Package(
    name: "StyleRecalibration",
    platforms: [.macOS(.v15)],
    dependencies: [
        // From a repository: .package(url: "https://…/protean", branch: "main")
        .package(name: "protean", path: "../..")
    ],
    targets: [
        .target(
            name: "StyleRecalibration",
            dependencies: [.product(name: "Protean", package: "protean")]),
        .executableTarget(
            name: "recalibrate",
            dependencies: [
                "StyleRecalibration",
                .product(name: "ProteanImage", package: "protean"),
            ]),
    ]
)
