import Foundation
import TinyConvNeXt

// classify WEIGHTS IMAGE
let arguments = CommandLine.arguments
guard arguments.count == 3 else {
    print("usage: classify WEIGHTS IMAGE")
    exit(64)
}
do {
    let classifier = try Classifier(weights: arguments[1])
    let file = try Data(contentsOf: URL(fileURLWithPath: arguments[2]))
    let (label, probability) = try classifier([UInt8](file), name: arguments[2])
    print("\(label) \(probability)")
} catch {
    print("error: \(error)")
    exit(1)
}
