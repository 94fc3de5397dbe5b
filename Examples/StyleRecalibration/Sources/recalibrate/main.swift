// recalibrate WEIGHTS IMAGE: names what a small image shows.
import Foundation
import Protean
import ProteanImage
import StyleRecalibration

let arguments = CommandLine.arguments
guard arguments.count == 3 else {
    FileHandle.standardError.write(Data("usage: recalibrate WEIGHTS IMAGE\n".utf8))
    exit(64)
}
do {
    let loader = ModelLoader(registry: try ModelRegistry([RecalibratedResNetPlugin()]))
    let model = try loader.load(arguments[1], as: "recalibrated_resnet32")
    guard let preprocessing = model.plugin.preprocessing else { exit(1) }
    let input = try preprocessing.tensor(from: Image.decode(arguments[2]))
    let probabilities = try Operations.softmax(model(input)).elements
    for (name, share) in zip(model.plugin.classNames, probabilities).sorted(by: { $0.1 > $1.1 })
        .prefix(3)
    {
        print("\(name) \(Int((share * 100).rounded())) %")
    }
} catch {
    FileHandle.standardError.write(Data("\(error)\n".utf8))
    exit(1)
}
