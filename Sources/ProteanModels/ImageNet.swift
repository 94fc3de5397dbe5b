import Foundation

/// The thousand classes of ImageNet's 2012 challenge.
enum ImageNet {
    /// English names in order of the classes' indices, as torchvision spells them; empty when the
    /// resource cannot be read.
    static let classNames: [String] = {
        guard let url = Bundle.module.url(forResource: "imagenet_classes", withExtension: "txt"),
            let text = try? String(contentsOf: url, encoding: .utf8)
        else { return [] }
        return text.split(separator: "\n").map(String.init)
    }()
}
