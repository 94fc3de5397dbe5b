// swift-tools-version: 6.2
import PackageDescription

let package = Package(
    name: "SkippedBlocks",
    platforms: [.macOS(.v15)],
    dependencies: [
        // From a repository: .package(url: "https://…/protean", branch: "main")
        .package(name: "protean", path: "../..")
    ],
    targets: [
        .executableTarget(
            name: "skipped-blocks",
            dependencies: [.product(name: "Protean", package: "protean")])
    ]
)
