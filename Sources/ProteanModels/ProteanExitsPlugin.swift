import CProteanResources
import Protean

/// `protean_exits` with its embedded weights and thresholds.
struct ProteanExitsPlugin: ModelPlugin {
    let name = "protean_exits"
    let summary =
        "embedded network with four exits for 28x28 images, trained by this project on Fashion-MNIST"
    let inputShape = [1, 28, 28, 1]
    let classNames = ProteanTinyPlugin().classNames

    var embeddedWeights: WeightSource? { Resources.weights(ptn_resource_protean_exits()) }

    var preprocessing: ImagePreprocessing? { ProteanTinyPlugin().preprocessing }

    let landmarkKeys = ["stages.0.conv1.weight", "heads.0.conv.weight", "heads.3.fc.weight"]

    var embeddedBudgets: [UInt8]? {
        Array(Resources.bytes(ptn_resource_protean_exits_budgets()))
    }

    func makeModel(configuration: ModelConfiguration) throws(ProteanError) -> any Layer {
        try configuration.requireOnly(known: ["num_classes"])
        return try ProteanExits(classes: try configuration.integer("num_classes", default: 10))
    }
}
