import CProteanImage
import Foundation
import Protean

/// Images with their classes, from a folder of one of two forms.
///
/// - The files of MNIST and Fashion-MNIST: `train-images-idx3-ubyte` and `train-labels-idx1-ubyte`, and
///   the same with `t10k`, each plain or with `.gz`. All pixels are read at once.
/// - A folder per class with PNG and JPEG files, as torchvision's `ImageFolder`: classes are numbered
///   in the alphabetical order of the folders' names, images come in the order of their paths. An
///   image is read when it is asked for.
public struct LabelledImages: Sendable {
    /// Which part of a set of idx files.
    public enum Part: String, Sendable, CaseIterable { case train, test }

    private enum Content: Sendable {
        case pixels([UInt8], height: Int, width: Int)
        case files([String])
    }

    /// The class of each image.
    public let labels: [Int]
    /// The folders' names in order of the classes; empty for idx files.
    public let classNames: [String]
    /// The set in words, such as `test images 0 to 9999`.
    public let summary: String
    private let content: Content
    /// The index in ``content`` of the first image.
    private let start: Int
    private let part: Part

    /// The number of images.
    public var count: Int { labels.count }

    /// The largest content of a compressed file, in bytes.
    static let maximumUnpacked = 1 << 30

    /// Reads the labels, and of idx files the pixels.
    ///
    /// - Parameters:
    ///   - folder: a folder of one of the two forms.
    ///   - part: which idx files; a folder per class has no parts, and is taken whole.
    /// - Throws: ``ImageError``, one case per cause.
    public init(_ folder: String, part: Part = .test) throws(ImageError) {
        let stem = part == .train ? "train" : "t10k"
        if Self.find("\(folder)/\(stem)-images-idx3-ubyte") != nil {
            try self.init(folder, stem, part)
        } else {
            try self.init(classFolders: folder)
        }
    }

    private init(_ folder: String, _ stem: String, _ part: Part) throws(ImageError) {
        let images = try IDXFile("\(folder)/\(stem)-images-idx3-ubyte", axes: 3)
        let labels = try IDXFile("\(folder)/\(stem)-labels-idx1-ubyte", axes: 1)
        guard images.sizes[0] == labels.sizes[0] else {
            throw .corrupt(
                file: labels.path,
                reason: "expected \(images.sizes[0]) labels, one per image, found "
                    + "\(labels.sizes[0])")
        }
        self.init(
            labels: labels.values.map { Int($0) }, classNames: [],
            content: .pixels(images.values, height: images.sizes[1], width: images.sizes[2]),
            start: 0, part: part)
    }

    private init(classFolders folder: String) throws(ImageError) {
        func entries(_ path: String) throws(ImageError) -> [String] {
            do {
                return try FileManager.default.contentsOfDirectory(atPath: path)
                    .filter { !$0.hasPrefix(".") }.sorted()
            } catch {
                throw .fileAccess(file: path, reason: "the folder cannot be read")
            }
        }
        let classes = try entries(folder).filter {
            PathBytes.kind(of: "\(folder)/\($0)") == .directory
        }
        var files: [String] = [], labels: [Int] = []
        for (label, name) in classes.enumerated() {
            for file in try entries("\(folder)/\(name)") where Self.isImage(file) {
                files.append("\(folder)/\(name)/\(file)")
                labels.append(label)
            }
        }
        guard !files.isEmpty else {
            throw .fileAccess(
                file: folder,
                reason: "expected t10k-images-idx3-ubyte (or .gz) and its labels, or a folder of "
                    + "PNG or JPEG files per class; found neither")
        }
        self.init(
            labels: labels, classNames: classes, content: .files(files), start: 0, part: .test)
    }

    private init(
        labels: [Int], classNames: [String], content: Content, start: Int, part: Part
    ) {
        self.labels = labels
        self.classNames = classNames
        self.content = content
        self.start = start
        self.part = part
        let kind: String
        if case .pixels = content { kind = "\(part.rawValue) images" } else { kind = "images" }
        summary =
            labels.isEmpty
            ? "no \(kind)" : "\(kind) \(start) to \(start + labels.count - 1)"
    }

    /// Some of the images.
    public func subset(_ range: Range<Int>) -> LabelledImages {
        let range = range.clamped(to: 0..<count)
        return LabelledImages(
            labels: Array(labels[range]), classNames: classNames, content: content,
            start: start + range.lowerBound, part: part)
    }

    /// The last `count` images, all if there are fewer.
    public func last(_ count: Int) -> LabelledImages {
        subset(max(0, self.count - max(0, count))..<self.count)
    }

    /// An image, of one channel or three.
    ///
    /// - Parameters:
    ///   - index: from 0; beyond ``count`` it throws.
    ///   - orientation: whether EXIF's orientation is applied.
    /// - Throws: ``ImageError``.
    public func image(
        _ index: Int, orientation: ImageOrientation = .ignore
    ) throws(ImageError) -> Image {
        guard labels.indices.contains(index) else {
            throw .fileAccess(
                file: summary, reason: "expected an image of 0..<\(count), found \(index)")
        }
        switch content {
        case .pixels(let values, let height, let width):
            let size = height * width, from = (start + index) * size
            return Image(width, height, 1, Array(values[from..<from + size]))
        case .files(let paths):
            return try Image.decode(paths[start + index], orientation: orientation)
        }
    }

    private static func isImage(_ file: String) -> Bool {
        let name = file.lowercased()
        return [".png", ".jpg", ".jpeg"].contains { name.hasSuffix($0) }
    }

    /// The file itself or with `.gz`, whichever exists.
    static func find(_ path: String) -> String? {
        [path, path + ".gz"].first { PathBytes.kind(of: $0) != nil }
    }
}

/// A file of bytes with sizes in front, as MNIST's.
struct IDXFile {
    let path: String
    let sizes: [Int]
    let values: [UInt8]

    /// Reads a file, or the one with `.gz` behind its name.
    init(_ name: String, axes: Int) throws(ImageError) {
        guard let path = LabelledImages.find(name) else {
            throw .fileAccess(file: name, reason: "No such file or directory, nor with .gz")
        }
        self.path = path
        var bytes = try ImageFile.anyBytes(path)
        if bytes.starts(with: [0x1F, 0x8B]) { bytes = try Self.unpacked(bytes, path) }
        guard bytes.count >= 4, bytes[0] == 0, bytes[1] == 0 else {
            throw .corrupt(file: path, reason: "expected an idx file, which begins with two zeros")
        }
        guard bytes[2] == 8, bytes[3] == axes else {
            throw .unsupported(
                file: path,
                feature: "an idx file of type \(bytes[2]) with \(bytes[3]) axes; "
                    + "expected bytes (8) with \(axes)")
        }
        let header = 4 + 4 * axes
        guard bytes.count >= header else {
            throw .truncated(file: path, reason: "the sizes are missing")
        }
        let sizes = (0..<axes).map { axis in
            bytes[4 + 4 * axis..<8 + 4 * axis].reduce(0) { $0 << 8 | Int($1) }
        }
        let (pixels, overflow) = sizes.dropFirst().reduce((1, false)) { product, size in
            let next = product.0.multipliedReportingOverflow(by: size)
            return (next.partialValue, product.1 || next.overflow)
        }
        let (expected, tooMuch) = pixels.multipliedReportingOverflow(by: sizes[0])
        guard !overflow, !tooMuch, sizes.dropFirst().allSatisfy({ $0 > 0 }) else {
            throw .invalidSize(file: path, width: sizes.last ?? 0, height: sizes[axes > 1 ? 1 : 0])
        }
        guard bytes.count - header >= expected else {
            throw .truncated(
                file: path,
                reason: "expected \(expected) bytes behind the sizes, found \(bytes.count - header)"
            )
        }
        self.sizes = sizes
        values = Array(bytes[header..<header + expected])
    }

    private static func unpacked(_ bytes: [UInt8], _ path: String) throws(ImageError) -> [UInt8] {
        var result: UnsafeMutablePointer<UInt8>?
        var count = 0
        var message = ptn_image_message()
        let status = bytes.withUnsafeBufferPointer {
            ptn_image_gunzip(
                $0.baseAddress, $0.count, LabelledImages.maximumUnpacked, &result, &count, &message)
        }
        defer { free(result) }
        guard status == PTN_IMAGE_OK, let result else {
            throw ImageError(status, message, file: path, size: (0, 0))
        }
        return Array(UnsafeBufferPointer(start: result, count: count))
    }
}
