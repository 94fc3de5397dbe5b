// orient WEIGHTS IMAGES: accuracy and time of a network that train.py has written.
import Foundation
import Protean
import QueriedOrientation

let arguments = CommandLine.arguments
guard arguments.count == 3 else {
    FileHandle.standardError.write(Data("usage: orient WEIGHTS IMAGES\n".utf8))
    exit(64)
}
do {
    let network = try OrientationNetwork(trained: try Checkpoint.open(arguments[1]))
    let data = try Checkpoint.open(arguments[2])
    let x = try data.tensor("x").permuted([0, 2, 3, 1])
    let labels = try data.tensor("label").elements
    let start = ContinuousClock.now
    let answers = try network(x).argMax(axis: 1).elements
    let microseconds = (ContinuousClock.now - start) / .microseconds(labels.count)
    let right = zip(answers, labels).count { $0 == $1 }
    let cost = try network.cost(for: [1, 24, 24, 1])
    print("\(right) of \(labels.count) right")
    print("\(cost.multiplyAdds) multiply-adds, \(Int(microseconds)) microseconds per image")
} catch {
    FileHandle.standardError.write(Data("\(error)\n".utf8))
    exit(1)
}
