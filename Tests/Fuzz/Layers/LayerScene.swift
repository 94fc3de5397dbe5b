import Protean
import ProteanCatalogue

typealias Value = ModelConfiguration.Value

/// The sizes that a case's configuration and inputs share, in PyTorch's order.
struct LayerScene {
    let batch, channels, height, width: Int

    init(_ random: inout LayerCaseRandom) {
        batch = random.pick([1, 1, 2, 3, 3, 0])
        channels = random.pick([1, 2, 3, 4, 5, 8, 8, 12, 16, 17])
        height = random.int(3...11)
        width = random.pick([height, random.int(3...11), random.int(3...11), 1])
    }

    /// `[B, C, H, W]`.
    var map: [Int] { [batch, channels, height, width] }
}

/// The values of one configuration, read back.
typealias LayerValues = [String: Value]

extension LayerValues {
    /// A whole number; 1 for anything else.
    func int(_ key: String) -> Int {
        if case .number(let number)? = self[key], let whole = Int(exactly: number) {
            whole
        } else {
            1
        }
    }

    /// A number for both axes or two numbers.
    func pair(_ key: String, default fallback: Int = 1) -> (height: Int, width: Int) {
        if case .array(let list)? = self[key], list.count == 2,
            case .number(let height) = list[0], case .number(let width) = list[1]
        {
            return (Int(height), Int(width))
        }
        return self[key] == nil ? (fallback, fallback) : (int(key), int(key))
    }

    /// Height and width of a convolution's output; 1 where there is none.
    func output(_ scene: LayerScene, padding: String = "padding") -> (height: Int, width: Int) {
        let (k, s, d) = (pair("kernel_size"), pair("stride"), pair("dilation"))
        let p =
            self[padding] == "same" || self[padding] == "valid"
            ? (height: 0, width: 0) : pair(padding, default: 0)
        if self[padding] == "same" { return (scene.height, scene.width) }
        func size(_ input: Int, _ k: Int, _ s: Int, _ p: Int, _ d: Int) -> Int {
            let room = input + 2 * p - d * (k - 1) - 1
            return room < 0 ? 1 : room / Swift.max(s, 1) + 1
        }
        return (
            size(scene.height, k.height, s.height, p.height, d.height),
            size(scene.width, k.width, s.width, p.width, d.width)
        )
    }
}
