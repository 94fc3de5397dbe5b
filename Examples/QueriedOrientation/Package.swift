// swift-tools-version: 6.2
import PackageDescription

let package = Package(
    name: "QueriedOrientation",
    platforms: [.macOS(.v15)],
    dependencies: [
        // From a repository: .package(url: "https://…/protean", branch: "main")
        .package(name: "protean", path: "../..")
    ],
    targets: [
        .target(
            name: "QueriedOrientation",
            dependencies: [.product(name: "Protean", package: "protean")]),
        .executableTarget(
            name: "orient",
            dependencies: [
                "QueriedOrientation",
                .product(name: "Protean", package: "protean"),
            ]),
    ]
)
