import Protean
import ProteanModels
import Testing

/// The published AR-Net by its parts.
@Suite struct ARNetResNetsTests {
    @Test func parametersAreThoseOfTheReference() throws {
        let network = try ARNet.resNets()
        // torchvision's networks without their classifiers, the policy, and five classifiers.
        let backbones = 2_223_872 + 23_508_032 + 21_284_672 + 11_176_512
        let policy = 4 * 512 * (1280 + 512) + 2 * 4 * 512 + 7 * 513
        let classifiers = 200 * 513 + 200 * 2049 + 2 * 200 * 513
        #expect(network.parameterCount == backbones + policy + classifiers)
        let names = Set(network.allParameters().map(\.name))
        for name in [
            "lite_backbone.features.0.0.weight", "rnn.weight_ih", "linear.weight",
            "lite_fc.bias", "base_model_list.0.conv1.weight",
            "base_model_list.1.layer4.2.bn2.running_var", "new_fc_list.2.weight",
        ] {
            #expect(names.contains(name), "\(name)")
        }
        #expect(!names.contains { $0.contains("classifier") || $0.hasSuffix(".fc.weight") })
    }

    @Test func aVideoIsSeen() throws {
        let network = try ARNet.resNets(classes: 3, leaps: true)
        let x = try Tensor(repeating: 0.25, shape: [1, 2, 224, 224, 3])
        let result = try network.run(x)
        #expect(result.logits.shape == [1, 3] && result.actions[0].count == 2)
        #expect(result.logits.elements.allSatisfy { $0.isFinite })
    }
}
