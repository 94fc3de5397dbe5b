/// Where tests find files: relative to the package, which `#filePath` gives away.
enum GoldenFiles {
    /// The package's root folder.
    static let packageRoot: String = {
        // <root>/Tests/ProteanTests/Support/GoldenFiles.swift
        let parts = #filePath.split(separator: "/", omittingEmptySubsequences: false)
        return parts.dropLast(4).joined(separator: "/")
    }()

    /// The path of a committed file below `Tests/Golden`, such as `checkpoints/plain.pt`.
    static func path(_ relative: String) -> String { packageRoot + "/Tests/Golden/" + relative }

    /// The path of a file beside the package that is not part of it, such as `weights`.
    static func sharedPath(_ relative: String) -> String {
        packageRoot + "/../shared/" + relative
    }
}
